# The daemon restarts a VM that hangs, though it looks at it more often than that gives up, and though others keep asking.
# timeout: 400
settings '[probe]' 'fast = "1s"' 'deep = "1s"' '[probe.recovery]' 'qemu = true' 'restart = true'
vm 101 "args: $SECOND_MONITOR"
up 101 102
vm-probe serve >/run/lab/log/serve 2>&1 &
daemon=$!
wait_for 20 curl -sf -o /dev/null http://127.0.0.1:8080/readyz || fail "it does not get ready: $(</run/lab/log/serve)"
curl -sSN -m 180 http://127.0.0.1:8080/api/events >/run/lab/log/events &
pvestatd() {
    while :; do
        timeout 1 /usr/lib/lab/qmp ask /run/qemu-server/101.qmp '{"execute":"query-status"}' >/dev/null 2>&1 || true
        nap 3
    done
}
pid=$(vm_pid 101)
hang 101
pvestatd &
others=$!
start=$EPOCHREALTIME
wait_for 120 dead "$pid" || fail "it is not restarted: $(grep -c begins /run/lab/log/events) tries; $(tail -3 /run/lab/log/events)"
wait_for 30 vm_runs 101 || fail "it is not started again"
note "restarted after $(since "$start") ms"
recovered() { vm-probe audit 101 --json | jq -e '.recoveries | length == 1 and .[0].outcome == "recovered"' >/dev/null; }
wait_for 60 recovered || fail "not on the books as one recovery: $(vm-probe audit 101)"
kill $others
(($(grep -c 'recovery of 101 begins' /run/lab/log/events) <= 3)) || fail "it began $(grep -c begins /run/lab/log/events) times"
[[ $(grep -c '^stop' /run/lab/log/qm) == 1 ]] || fail "more than one stop: $(</run/lab/log/qm)"
kill -TERM $daemon
wait_for 30 dead $daemon || fail "it does not end"
