# The example for orchestrators, with the hook: it looks, the hook moves.
# kernel: 6.12
example=$LAB/../../snippets/orchestrator/vm-with-gpu
export DEADLINE=30
gpu_vm 111
snapshot_neighbour
expect_exit 0 "$example" start 111
vm_holds "$(vm_pid 111)" || fail "QEMU does not hold the GPU"
expect_phases 111 "pre-start post-start"
expect_exit 0 "$example" stop 111
vm_stopped 111 || fail "the VM still runs"
expect_host
expect_neighbour_untouched
