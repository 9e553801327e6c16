# gpu-bind detach, killed at each of its writes: reconcile heals all of them.
# kernel: 6.12
# timeout: 240
gpu_vm 111
snapshot_neighbour
prepare() { is_driver "$GPU" bochs-drm || expect_exit 0 gpu-bind attach 01:00; }
IN_FLIGHT=yes campaign "gpu-bind detach" prepare gpu-bind detach 01:00
