# The leftover case: vfio-pci first and PVE's new_id behind; gpu-bind attach really brings it back.
vfio_pci_first
leave_new_id "$GPU" "$SND"
raw_detach
for a in "$GPU" "$SND"; do put '' "$DEV/$a/driver_override"; done
snapshot_neighbour
expect_exit 0 gpu-bind attach 01:00
expect_host
expect_neighbour_untouched

# The dynamic id is gone too: an identical GPU that is probed again stays on the host.
unbind "$GPU2"
put "$GPU2" "$SYS/drivers_probe"
expect_driver "$GPU2" bochs-drm

# Half of it looks right after a plain probe; attach sees that and heals it.
leave_new_id "$GPU" "$SND"
raw_detach
for a in "$GPU" "$SND"; do
    put '' "$DEV/$a/driver_override"
    unbind "$a"
    put "$a" "$SYS/drivers_probe"
done
expect_driver "$GPU" vfio-pci
expect_exit 1 gpu-bind status
expect_text "$GPU.*MIXED" "$GPU2.*ATTACHED"
expect_exit 0 gpu-bind attach 01:00
expect_host
