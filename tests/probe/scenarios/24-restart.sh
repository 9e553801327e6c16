# timeout: 240
# QEMU hangs for good: it is stopped and started, last of all means, and only where that was switched on.
vm 101 "args: $SECOND_MONITOR"
up 101 102
pid=$(vm_pid 101)
hang 101
# Every look at it leaves a connection in its queue; the queue is full soon.
for i in 1 2 3; do
    look 1 101 unhealthy qemu hung
    errors_like "hang|answer"
done
expect_json '.vms[0].recovery.needed' true
fine 102
settings '[probe.recovery]' 'qemu = true'
expect_exit "0|5" vm-probe recover 101
expect_text "stop" "start"
settings '[probe.recovery]' 'qemu = true' 'restart = true'
expect_exit_within 60 0 vm-probe recover 101 --apply
fine 101
dead "$pid" || fail "the old one is still there"
grep -q '^stop 101' /run/lab/log/qm || fail "not by qm: $(</run/lab/log/qm)"
grep -q '^start 101' /run/lab/log/qm || fail "not by qm: $(</run/lab/log/qm)"
audit 101
# In the system's log as well: what for and by what, and what came of it.
logged 'recovery 1 of 3 in this hour, asked for by person: qmp_hung; qm stop 101; qm start 101'
logged 'recovery recovered: qmp_hung is over; it is healthy'

# It does not start any more: said, and on the books as failed.
hang 101
mkdir -p /run/lab/knob
: >/run/lab/knob/fail-start
expect_exit_within 60 1 vm-probe recover 101 --apply
rm -r /run/lab/knob
audit 101
expect_text "fail"
expect_exit_within 10 "0|1" vm-probe check 101
