# Two VMs with one GPU: the second start is refused, names the first, and leaves everything alone.
# kernel: 6.1
gpu_vm 111
gpu_vm 112
expect_exit 0 qm start 111
pid=$(vm_pid 111)
snapshot_state
expect_exit 255 qm start 112
expect_text "hookscript error for 112 on pre-start" "111" "$pid"
expect_unchanged
vm_holds "$pid" || fail "the first VM lost its GPU"
expect_exit 3 pve-hook 112 pre-start
expect_text "VM 111|vm111" "pid $pid"
# What the other one's leftover phases say must not take it away either.
expect_exit "0|3" pve-hook 112 post-stop
vm_holds "$pid" || fail "the first VM lost its GPU"
expect_vfio
expect_unchanged
expect_exit 0 qm stop 111
expect_host
expect_exit 0 qm start 112
expect_exit 0 qm stop 112
expect_host
expect_locks_free
