# QEMU hangs for good: it is stopped and started, last of all means, and only where that was switched on.
up 101
pid=$(vm_pid 101)
halt 101
settings '[probe.recovery]' 'qemu = true'
expect_exit 0 vm-probe recover 101
expect_text "stop" "start"
settings '[probe.recovery]' 'qemu = true' 'restart = true'
expect_exit_within 30 0 vm-probe recover 101 --apply
fine 101
[[ $(vm_pid 101) != "$pid" ]] || fail "it was not started anew"
grep -q '^stop 101' /run/lab/log/qm || fail "not by qm: $(</run/lab/log/qm)"
grep -q '^start 101' /run/lab/log/qm || fail "not by qm: $(</run/lab/log/qm)"
audit 101

# It does not start any more: said, and on the books as failed.
halt 101
mkdir -p /run/lab/knob
: >/run/lab/knob/fail-start
expect_exit_within 30 1 vm-probe recover 101 --apply
rm -r /run/lab/knob
audit 101
expect_text "fail"
look 1 101 unhealthy qemu
