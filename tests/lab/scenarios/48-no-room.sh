# No room below /run/pve-hooks: the way home needs none; whatever would need a record of its way back is refused.
# timeout: 150
# kernel: 6.1
gpu_vm 111
snapshot_neighbour
trap 'umount -l /run/pve-hooks 2>/dev/null || true' EXIT
mkdir -p /run/pve-hooks
# A record that was removed makes room for the next one, so again each time.
fill() { head -c 1m /dev/zero >>/run/pve-hooks/fill 2>/dev/null || true; }

# Locks and a record are there, and then there is no room any more.
mount -t tmpfs -o size=64k lab /run/pve-hooks
expect_exit 0 qm start 111
fill
expect_exit 0 qm stop 111
expect_host
rm /run/pve-hooks/fill
expect_exit 0 gpu-bind detach 01:00
fill
expect_exit 0 gpu-bind attach 01:00
expect_host
expect_exit 0 gpu-bind reconcile

refused() {
    fill
    snapshot_state
    expect_exit 1 gpu-bind detach 01:00
    expect_text "$GPU" "/run/pve-hooks" "$1" "next: .*/run/pve-hooks"
    expect_unchanged
    expect_exit 1 pve-hook 111 pre-start
    expect_text "/run/pve-hooks" "$1" "next: "
    expect_unchanged
    expect_exit 1 gpu-bind cycle 01:00
    expect_unchanged
    expect_exit 255 qm start 111
    expect_unchanged
    expect_exit 0 gpu-bind status
    expect_host
}
refused "No space left"

# Not even a file can be created.
umount /run/pve-hooks
expect_exit 0 gpu-bind detach 01:00
mount -t tmpfs -o nr_inodes=1 lab /run/pve-hooks
expect_exit 0 gpu-bind attach 01:00
expect_host
refused "No space left"
umount /run/pve-hooks
expect_exit 0 gpu-bind reconcile
expect_exit 0 qm start 111
expect_exit 0 qm stop 111
expect_host
expect_locks_free
expect_neighbour_untouched
