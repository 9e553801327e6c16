# The whole story through qm: start, held, stop, back; PVE finds everything on vfio-pci and leaves no id.
vm_config 111 "hostpci0: 0000:01:00,pcie=1,x-vga=1"
snapshot_neighbour
expect_exit 0 pve-hook register 111
expect_exit 0 qm start 111
pid=$(vm_pid 111)
vm_holds "$pid" || fail "QEMU does not hold the group"
expect_vfio
[[ ! -e /run/lab/log/pve-binding ]] || fail "PVE wrote new_id: $(</run/lab/log/pve-binding)"
expect_exit 0 gpu-bind status --json
expect_json '.gpus[0] | [.state, .belongs, .held_by.vmid, .held_by.pid] | @csv' "\"vfio\",\"vfio\",111,$pid"
expect_exit 0 gpu-bind status
expect_text "$GPU.*DETACHED.*111" "$GPU2.*ATTACHED"
# While it runs, reconcile leaves it alone.
expect_exit 0 gpu-bind reconcile
vm_holds "$pid" || fail "reconcile took the GPU from a running VM"
expect_exit 0 qm stop 111
expect_no_text "hookscript error"
expect_host
expect_phases 111 "pre-start post-start pre-stop post-stop"
expect_locks_free
expect_neighbour_untouched
wait_for 10 grep -q "pve-hook.*0000:01:00.0.*111" /run/lab/syslog || fail "no line with address and VM in syslog"

# Once more, now that everything has been there and back; with a leftover id it still works.
leave_new_id "$GPU" "$SND"
expect_exit 0 qm start 111
expect_exit 0 qm shutdown 111
expect_host
expect_neighbour_untouched
