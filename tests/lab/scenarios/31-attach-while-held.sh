# A VM holds the group: attach, detach --force and cycle say who, by the deadline, and touch nothing.
# kernel: 6.12
gpu_vm 111
expect_exit 0 qm start 111
pid=$(vm_pid 111)
snapshot_state
for verb in attach "attach --force" cycle; do
    # shellcheck disable=SC2086
    expect_exit_within 10 3 gpu-bind --timeout 5s $verb 01:00
    expect_text "pid $pid" "VM 111"
    expect_unchanged
done
# It is detached already, so there is nothing to do.
expect_exit_within 10 0 gpu-bind --timeout 5s detach 01:00
expect_unchanged
# post-stop that comes too early waits, then leaves it and says who has it.
expect_exit_within 15 "1|3" pve-hook --timeout 4s 111 post-stop
expect_text "$pid"
expect_unchanged
expect_locks_free
vm_holds "$pid" || fail "the VM lost its GPU"
kill "$pid"
wait_for 20 vm_stopped 111
expect_host

# The same with a bare QEMU that is no VM of ours.
raw_detach
hold_group /run/inner.pid
pid=$(attr /run/inner.pid)
snapshot_state
expect_exit_within 10 3 gpu-bind --timeout 5s attach 01:00
expect_text "pid $pid" "qemu"
expect_unchanged
