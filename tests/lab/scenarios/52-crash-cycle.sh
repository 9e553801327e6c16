# gpu-bind cycle, killed at each of its writes: reconcile heals all of them.
# kernel: 6.12
# timeout: 240
gpu_vm 111
snapshot_neighbour
prepare() { :; }
campaign "gpu-bind cycle" prepare gpu-bind cycle 01:00
