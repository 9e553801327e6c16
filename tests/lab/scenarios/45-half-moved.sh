# One function on the wrong side, none at all, a leftover override: the right word, exit 1, and healed.
gpu_vm 111
mixed() {
    expect_exit 1 gpu-bind status 01:00
    expect_text "$GPU.*$1"
    expect_no_text ATTACHED DETACHED
    shift
    expect_exit 0 gpu-bind "$@"
    expect_locks_free
}
raw_detach "$SND"
mixed MIXED attach 01:00
expect_host
raw_detach "$GPU"
mixed MIXED attach 01:00
expect_host
raw_detach "$GPU"
mixed MIXED detach 01:00
expect_vfio
raw_attach "$GPU"
mixed MIXED reconcile
expect_host
for a in "$SND" "$GPU"; do unbind "$a"; done
mixed UNBOUND attach 01:00
expect_host
unbind "$SND"
mixed MIXED reconcile
expect_host
unbind "$GPU"
mixed "(MIXED|UNBOUND)" detach 01:00
expect_vfio
expect_exit 0 gpu-bind attach 01:00

# Leftover overrides, of vfio-pci and of something that does not exist.
for driver in vfio-pci pci-stub nonsense; do
    put $driver "$DEV/$GPU/driver_override"
    put $driver "$DEV/$SND/driver_override"
    expect_exit 0 gpu-bind attach 01:00
    expect_host
    raw_detach
    put $driver "$DEV/$GPU/driver_override"
    expect_exit 0 gpu-bind attach 01:00
    expect_host
done
