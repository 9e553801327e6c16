# pve-hook 111 pre-start, killed at each of its writes: reconcile heals all of them.
# kernel: 6.1
# timeout: 240
gpu_vm 111
snapshot_neighbour
prepare() { is_driver "$GPU" bochs-drm || expect_exit 0 gpu-bind attach 01:00; }
campaign "pve-hook pre-start" prepare pve-hook 111 pre-start
