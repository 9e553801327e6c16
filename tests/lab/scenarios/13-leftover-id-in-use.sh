# Removing a leftover id must not rob a VM that runs with the identical GPU.
leave_new_id "$GPU" "$SND"
raw_detach "$SND2" "$GPU2" "$SND" "$GPU"
hold_group /run/inner.pid "$GPU2" "$SND2"
pid=$(attr /run/inner.pid)
for a in "$GPU" "$SND"; do put '' "$DEV/$a/driver_override"; done
expect_exit 0 gpu-bind attach 01:00
expect_host
alive "$pid" || fail "the other VM died"
vm_holds "$pid" || fail "the other VM lost its GPU"
expect_driver "$GPU2" vfio-pci
expect_driver "$SND2" vfio-pci
