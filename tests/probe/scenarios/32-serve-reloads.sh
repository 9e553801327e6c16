# timeout: 360
# A service reads its configuration anew by SIGHUP, as the unit's reload sends it, and keeps what it knows; one that is no good
# fails beforehand and changes nothing. A second daemon on the same record is refused, and one that was killed leaves no lock.
settings '[probe]' 'fast = "1s"' 'deep = "1s"'
up 101
url=http://127.0.0.1:8080
serve() {
    # As systemd starts it: it names the process that it means.
    bash -c 'SYSTEMD_EXEC_PID=$$ exec vm-probe serve' >/run/lab/log/serve 2>&1 &
    DAEMON=$!
    wait_for 20 curl -sf -o /dev/null $url/readyz || fail "it does not get ready: $(</run/lab/log/serve)"
}
serve
unit=$here/../../systemd/vm-probe.service
# reload CODE: what the unit does, in its order.
reload() {
    local line lines
    mapfile -t lines < <(sed -n 's/^ExecReload=//p' "$unit")
    ((${#lines[@]})) || fail "the unit cannot be reloaded"
    for line in "${lines[@]}"; do
        run env MAINPID=$DAEMON bash -c "$line"
        [[ $STATUS == 0 ]] || break
    done
    [[ $STATUS == "$1" ]] || fail "the reload ends with $STATUS"
}
told() { grep -q "$1" /run/lab/log/serve; }
carrier() { [[ $(attr /sys/class/net/tap101i0/carrier) == 1 ]]; }
readings() { curl -sS -m 20 $url/api/quality/history/101 | jq '.readings | length'; }
more() { (($(readings) > 3)); }
wait_for 60 more || fail "nothing is recorded"

# Nothing may be healed, until the configuration says so.
ip link set tap101i0 down
nap 5
! carrier || fail "healed without a policy"
before=$(readings)
settings '[probe]' 'fast = "1s"' 'deep = "0s"' '[probe.recovery]' 'network = true'
reload 2
expect_text 'config.toml:3: \[probe\] deep = "0s": from 200ms to 24h'
alive $DAEMON || fail "a bad configuration ended it"
# By hand, without looking first: it is told, and the one before goes on.
kill -HUP $DAEMON
wait_for 20 told 'not taken, the one before goes on: /etc/pve-hooks/config.toml:3' || fail "not told: $(</run/lab/log/serve)"
! carrier || fail "healed by a configuration that is no good"
settings '[probe]' 'fast = "1s"' 'deep = "1s"' '[probe.recovery]' 'network = true'
reload 0
wait_for 20 told 'read anew' || fail "not told: $(</run/lab/log/serve)"
wait_for 30 carrier || fail "not healed by the policy: $(</run/lab/log/serve)"
alive $DAEMON || fail "it ended"
(($(readings) >= before)) || fail "it forgot: $before readings, and now $(readings)"

# Another one, on another address, has the same record.
expect_exit_within 10 3 vm-probe serve --listen 127.0.0.1:8081
expect_text "pid $DAEMON" "next: ps -fp $DAEMON"
kill -KILL $DAEMON
wait_for 20 dead $DAEMON
serve
kill -TERM $DAEMON
wait_for 30 dead $DAEMON || fail "it does not end"
