# The guest powers itself off, then QEMU is killed: only post-stop comes, from qmeventd.
# kernel: 6.1
gpu_vm 111
snapshot_neighbour
for signal in TERM KILL; do
    expect_exit 0 qm start 111
    rm /run/lab/log/phases.111
    kill -$signal "$(vm_pid 111)"
    wait_for 20 vm_stopped 111 || fail "cleanup does not come"
    expect_phases 111 "post-stop"
    expect_host
    expect_locks_free
    expect_neighbour_untouched
done
