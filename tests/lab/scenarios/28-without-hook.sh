# A VM that has no hook: PVE binds by new_id and leaves everything there; reconcile brings it back all the same.
# kernel: 6.12
vfio_pci_first
vm_config 111 "hostpci0: 01:00,pcie=1"
expect_exit 0 qm start 111
grep -q "new_id 1234 1111" /run/lab/log/pve-binding || fail "the stand-in did not bind as PVE does"
snapshot_neighbour
expect_exit 0 qm stop 111
expect_vfio
expect_exit 0 gpu-bind status --json
expect_json '.gpus[0] | [.state, .belongs] | join(" ")' "vfio host"
expect_exit 0 gpu-bind reconcile
expect_host
expect_neighbour_untouched
# The id went with it.
unbind "$GPU"
put "$GPU" "$SYS/drivers_probe"
expect_driver "$GPU" bochs-drm
expect_locks_free
