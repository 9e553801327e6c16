# gpu-bind reconcile, killed at each of its writes: the next one heals all of them.
# kernel: 6.12
# timeout: 240
gpu_vm 111
snapshot_neighbour
prepare() { is_driver "$GPU" vfio-pci || expect_exit 0 pve-hook 111 pre-start; }
campaign "gpu-bind reconcile" prepare gpu-bind reconcile
