# gpu-bind attach, killed at each of its writes: reconcile heals all of them.
# kernel: 6.1
# timeout: 240
gpu_vm 111
snapshot_neighbour
prepare() {
    leave_new_id "$GPU" "$SND"
    is_driver "$GPU" vfio-pci || expect_exit 0 gpu-bind detach 01:00
}
IN_FLIGHT=yes campaign "gpu-bind attach" prepare gpu-bind attach 01:00
