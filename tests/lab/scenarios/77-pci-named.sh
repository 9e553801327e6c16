# A device that is no GPU: left to PVE; named in config.toml it moves and comes back, and never away from under the host.
# kernel: 6.12
# timeout: 120
# shellcheck source=tests/lab/reset.sh
. "$LAB/reset.sh"
usb_ground
# Its name is udev's, which gives it a moment later.
card() { udevadm settle -t 20 && echo "$DEV/$NIC/net/"* | sed 's:.*/::'; }
net=$(card)
vm_config 111 "hostpci0: 05:00" "hookscript: local:snippets/pve-hook"
vm_config 112 "hostpci0: ${XHCI4#0000:}" "hookscript: local:snippets/pve-hook"

# Nobody named it.
snapshot_state
for phase in pre-start post-stop; do expect_exit 0 pve-hook 111 $phase; done
expect_unchanged
expect_driver "$NIC" e1000e

mkdir -p /etc/pve-hooks
printf '[pci."%s"]\nreturn = "host"\n' "$NIC" "${XHCI4#0000:}" >/etc/pve-hooks/config.toml

# Up, and nothing needs it: the whole story with a real QEMU.
ip link set "$net" up
expect_exit 0 qm start 111
expect_driver "$NIC" vfio-pci
vm_runs 111 || fail "VM 111 does not run"
expect_exit 0 qm stop 111
wait_for 20 is_driver "$NIC" e1000e
expect_override "$NIC" "(null)"
[[ -e $DEV/$NIC/net ]] || fail "the interface did not come back"

# A bridge of the host has it.
net=$(card)
modprobe bridge
ip link add lab0 type bridge
ip link set "$net" master lab0
expect_exit 5 pve-hook 111 pre-start
expect_text "$NIC is in use by this host: $net belongs to lab0; nothing was changed"
expect_exit 255 qm start 111
expect_driver "$NIC" e1000e
expect_override "$NIC" "(null)"
ip link delete lab0
expect_exit 0 pve-hook 111 pre-start
expect_driver "$NIC" vfio-pci
expect_exit 0 pve-hook 111 post-stop
expect_driver "$NIC" e1000e

# A disk below it is mounted.
plug_stick xhci4
mount_stick
echo "still here" >/run/lab/stick/file
sync
snapshot_state
expect_exit 5 pve-hook 112 pre-start
# shellcheck disable=SC2153
expect_text "$XHCI4 is in use by this host: ${STICK#/dev/} is mounted on /run/lab/stick"
expect_unchanged
expect_driver "$XHCI4" xhci_hcd
echo 3 >/proc/sys/vm/drop_caches
[[ $(</run/lab/stick/file) == "still here" ]] || fail "the file is gone"
umount /run/lab/stick
expect_exit 0 pve-hook 112 pre-start
expect_driver "$XHCI4" vfio-pci
expect_exit 0 pve-hook 112 post-stop
expect_driver "$XHCI4" xhci_hcd
wait_for 20 stick_there
expect_locks_free
