# A driver is bound, but it makes no screen (pci-stub): never called ATTACHED, and healed.
# kernel: 6.1
gpu_vm 111
modprobe pci-stub
put pci-stub "$DEV/$GPU/driver_override"
unbind "$GPU"
put "$GPU" "$SYS/drivers/pci-stub/bind"
expect_driver "$GPU" pci-stub
expect_exit 1 gpu-bind status
expect_text "$GPU.*MIXED" "pci-stub"
expect_no_text "$GPU.*ATTACHED"
expect_exit 0 gpu-bind attach 01:00
expect_host
expect_locks_free
