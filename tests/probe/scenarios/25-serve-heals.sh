# timeout: 240
# The daemon heals by itself what config.toml lets it heal: not at the first bad reading, not more than three times, not what
# it was not given, and a restart does not make it forget.
settings '[probe]' 'fast = "1s"' 'deep = "1s"' '[probe.recovery]' 'network = true'
up 101 102
serve() {
    vm-probe serve >>/run/lab/log/serve 2>&1 &
    DAEMON=$!
    wait_for 20 curl -sf -o /dev/null http://127.0.0.1:8080/readyz || fail "it does not get ready: $(</run/lab/log/serve)"
}
carrier() { [[ $(attr "/sys/class/net/$1/carrier") == 1 ]]; }
attempts() { vm-probe check "$1" --json | jq .vms[0].recovery.attempts_last_hour; }
serve

# A blink is no illness. What takes longer here than two of its rounds is no blink, and is done again.
for _ in 1 2 3 4 5; do
    start=$EPOCHREALTIME
    ip link set tap101i0 down
    nap 0.3
    ip link set tap101i0 up
    took=$(since "$start")
    ((took >= 1500)) || break
    kill -KILL $DAEMON
    wait_for 20 dead $DAEMON
    rm -rf /var/lib/pve-hooks /run/pve-hooks
    serve
done
((took < 1500)) || fail "this machine is too busy for a blink: $took ms"
nap 4
[[ $(attempts 101) == 0 ]] || fail "it acted on a blink"

# The guest of 102 panicked: that class was not given.
press 102 p
becomes 102 guest-panicked

start=$EPOCHREALTIME
ip link set tap101i0 down
wait_for 40 carrier tap101i0 || fail "not healed: $(</run/lab/log/serve)"
note "healed after $(since "$start") ms"
settled() { vm-probe audit 101 --json | jq -e '.recoveries | map(.outcome) == ["recovered"]' >/dev/null; }
wait_for 30 settled || fail "not on the books: $(vm-probe audit 101 --json)"
[[ $(attempts 101) == 1 ]] || fail "counted $(attempts 101) times"
logged 'recovery 1 of 3 in this hour, asked for by policy: interface_down:tap101i0; ip link set tap101i0 up'
becomes 102 guest-panicked
[[ $(attempts 102) == 0 ]] || fail "102 was touched"

# Killed and started again: what it may still do is on disk.
kill -KILL $DAEMON
wait_for 20 dead $DAEMON
for ((i = 0; i < 2; i++)); do
    ip link set tap101i0 down
    expect_exit 0 vm-probe recover 101 --apply
done
ip link set tap101i0 down
serve
nap 8
! carrier tap101i0 || fail "healed a fourth time"
[[ $(attempts 101) == 3 ]] || fail "counted $(attempts 101) times"
kill -TERM $DAEMON
wait_for 20 dead $DAEMON || fail "it does not end"
