# pve-hook 111 post-stop, killed at each of its writes: reconcile heals all of them.
# kernel: 6.12
# timeout: 240
gpu_vm 111
snapshot_neighbour
prepare() { is_driver "$GPU" vfio-pci || expect_exit 0 pve-hook 111 pre-start; }
campaign "pve-hook post-stop" prepare pve-hook 111 post-stop
