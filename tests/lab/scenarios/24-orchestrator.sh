# An orchestrator has already detached the GPU, once or twice: the way back is not lost.
# kernel: 6.12
gpu_vm 111
snapshot_neighbour
for times in 1 2; do
    for ((i = 0; i < times; i++)); do expect_exit 0 gpu-bind detach 0000:01:00.0; done
    expect_exit 0 qm start 111
    expect_exit 0 qm stop 111
    expect_host
    expect_locks_free
done

# Detached by hand, without any record of ours.
raw_detach
expect_exit 0 gpu-bind detach 01:00
expect_exit 0 qm start 111
expect_exit 0 qm stop 111
expect_host
expect_neighbour_untouched
