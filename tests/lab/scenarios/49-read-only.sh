# With /run/pve-hooks read-only: the way home needs no record; whatever would need one is refused, and nothing is half-moved.
# kernel: 6.1
# timeout: 150
gpu_vm 111
snapshot_neighbour
trap 'umount -l /run/pve-hooks 2>/dev/null || true' EXIT
mkdir -p /run/pve-hooks
mount -t tmpfs lab /run/pve-hooks
expect_exit 0 qm start 111
mount -o remount,ro /run/pve-hooks
expect_exit 0 qm stop 111
expect_host

refused() {
    snapshot_state
    expect_exit 1 gpu-bind detach 01:00
    expect_text "$GPU" "/run/pve-hooks" "Read-only file system" "next: .*/run/pve-hooks"
    expect_unchanged
    expect_exit 1 pve-hook 111 pre-start
    expect_text "/run/pve-hooks" "Read-only file system" "next: "
    expect_unchanged
    expect_exit 0 gpu-bind status
    expect_exit 0 gpu-bind reconcile
    expect_unchanged
}
# With the files that were there before, and without any.
refused
umount /run/pve-hooks
expect_exit 0 gpu-bind detach 01:00
mount -t tmpfs -o ro lab /run/pve-hooks
expect_exit 0 gpu-bind attach 01:00
expect_host
refused
# The lock still is one: two at once do not run into each other.
raw_detach
gpu-bind attach 01:00 >/run/lab/one 2>&1 &
one=$!
run gpu-bind attach 01:00
((STATUS == 0 || STATUS == 3)) || fail "the second ended with $STATUS"
wait $one || fail "the first failed: $(</run/lab/one)"
expect_host
umount /run/pve-hooks
expect_exit 0 gpu-bind reconcile
expect_host
expect_locks_free
expect_neighbour_untouched
