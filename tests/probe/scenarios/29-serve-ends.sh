# The daemon is told to end while it restarts a VM, or its terminal is closed: it does not leave it off.
# timeout: 360
settings '[probe]' 'fast = "1s"' 'deep = "4s"' '[probe.recovery]' 'qemu = true' 'restart = true'
vm 101 "args: $SECOND_MONITOR"
up 101
vm-probe serve >/run/lab/log/serve 2>&1 &
daemon=$!
wait_for 20 curl -sf -o /dev/null http://127.0.0.1:8080/readyz || fail "it does not get ready: $(</run/lab/log/serve)"
hang 101
# Each call of qm takes 3 s now.
mkdir -p /run/lab/knob
: >/run/lab/knob/slow
begun() { grep -q '^stop 101' /run/lab/log/qm; }
wait_for 90 begun || fail "it does not begin: $(</run/lab/log/serve) $(curl -sS http://127.0.0.1:8080/api/quality/recovery-status) $(curl -sS http://127.0.0.1:8080/api/quality/deep-health/101 | jq -c "[.overallStatus,.errors,.notes,.recovery]")"
pid=$(vm_pid 101)
wait_for 30 dead "$pid" || fail "it does not stop"
# The second of them hurries nobody.
kill -HUP $daemon
kill -TERM $daemon
wait_for 120 dead $daemon || fail "it does not end"
wait_for 20 vm_runs 101 || fail "the VM was left off: $(</run/lab/log/serve)"
fine 101
audit 101
expect_json '.recoveries | map(.outcome) | join(" ")' recovered

# A terminal that is closed ends it in order, unless it was started to outlive that.
begins() {
    "$@" vm-probe serve >/run/lab/log/serve 2>&1 &
    daemon=$!
    wait_for 20 curl -sf -o /dev/null http://127.0.0.1:8080/readyz || fail "it does not get ready: $(</run/lab/log/serve)"
    kill -HUP $daemon
}
begins env
wait_for 30 dead $daemon || fail "it does not end"
grep -q ended /run/lab/log/serve || fail "not in order: $(</run/lab/log/serve)"
begins nohup
nap 1
alive $daemon || fail "it was not to end"
kill -TERM $daemon
wait_for 30 dead $daemon || fail "it does not end"
