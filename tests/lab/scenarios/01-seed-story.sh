# A plain unbind + drivers_probe "succeeds" and leaves the GPU on vfio-pci; driverctl does the same.
vfio_pci_first
leave_new_id "$GPU" "$SND"

raw_detach
for a in "$GPU" "$SND"; do put '' "$DEV/$a/driver_override"; done
for a in "$GPU" "$SND"; do
    unbind "$a"
    put "$a" "$SYS/drivers_probe" || fail "drivers_probe refused $a"
done
expect_driver "$GPU" vfio-pci
expect_driver "$SND" snd_hda_intel
note "unbind + drivers_probe: every write succeeded, GPU on vfio-pci, sound on the host"

expect_exit 0 driverctl --nosave set-override "$GPU" vfio-pci
expect_exit 0 driverctl --nosave unset-override "$GPU"
expect_driver "$GPU" vfio-pci
note "driverctl unset-override: exit 0, GPU on vfio-pci"
