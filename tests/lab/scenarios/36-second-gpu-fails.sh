# Two GPUs for one VM, and the second cannot be moved: both are back on the host.
# timeout: 150
# kernel: 6.1
gpu_vm 111 "hostpci1: 0000:02:00,pcie=1"
both_home() {
    expect_host
    expect_host "$GPU2" "$SND2"
    expect_locks_free
    expect_exit 0 gpu-bind status
    # A record would say that something is still to be done.
    ! compgen -G "/run/pve-hooks/gpu/*.json" || fail "a record stays behind"
}

# The override cannot be written: of the first function, of the last.
read_only=
trap '[[ -z $read_only ]] || umount "$read_only"' EXIT
for a in "$GPU2" "$SND2"; do
    read_only=$(readlink -f "$DEV/$a/driver_override")
    mount --bind "$read_only" "$read_only"
    mount -o remount,bind,ro "$read_only"
    expect_exit 255 qm start 111
    expect_text "$a/driver_override: Read-only file system" "hookscript error for 111 on pre-start"
    umount "$read_only"
    read_only=
    both_home
done

# Its bind fails when both of its functions are off their drivers: somebody changes the override in between.
spoil() {
    local tries=100000
    until read_attr "$DEV/$1/driver_override" && [[ $REPLY == vfio-pci ]]; do ((tries-- > 0)) || return 0; done
    put nonsense "$DEV/$1/driver_override"
}
# Somebody who comes too late is no test.
for _ in 1 2 3 4 5 6; do
    spoil "$GPU2" &
    spoiler=$!
    run qm start 111
    wait $spoiler
    ((STATUS == 0)) || break
    expect_exit 0 qm stop 111
done
((STATUS == 255)) || fail "'qm start 111' ended with $STATUS"
expect_text "$GPU2" "No such device|instead of|not on vfio-pci"
both_home

# It fell off the bus.
slot_power "$PORT2" off
expect_exit 255 qm start 111
expect_text "$GPU2" "fell off the bus"
expect_host
expect_locks_free
slot_power "$PORT2" on
for a in "$GPU2" "$SND2"; do put 1 "$DEV/$a/remove"; done
put 1 "$SYS/rescan"
wait_for 15 has_drm "$GPU2" || fail "the lab's second GPU does not come back"
wait_for 15 has_sound "$SND2" || fail "the lab's second GPU does not come back"

expect_exit 0 qm start 111
expect_vfio "$GPU" "$SND" "$GPU2" "$SND2"
expect_exit 0 qm stop 111
both_home
