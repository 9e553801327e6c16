# Somebody kills the process that writes to sysfs, in the middle of a write: said, and what was moved goes back.
# kernel: 6.1
# timeout: 120
gpu_vm 111
snapshot_neighbour
# A FIFO in the place of the attribute: the write waits until the writer is killed, and the kernel never hears of it.
rm -f /run/lab/fifo
mkfifo /run/lab/fifo
blocked=
block() {
    blocked=$1
    mount --bind /run/lab/fifo "$1"
}
unblock() {
    umount "$blocked"
    blocked=
}
trap '[[ -z $blocked ]] || unblock' EXIT
writer_waits() {
    local p
    read_processes sysfs-worker
    for p in $REPLY; do
        WRITER=$p
        # fifo_open() waits in there for a reader.
        [[ $(attr "/proc/$p/wchan") != wait_for_partner ]] || return 0
    done
    return 1
}
kill_writers() {
    local left=$1
    while ((left-- > 0)); do
        wait_for 30 writer_waits || return 0
        kill -KILL "$WRITER"
        wait_for 5 dead "$WRITER"
    done
}

block "$SYS/drivers/vfio-pci/bind"
kill_writers 1 &
expect_exit_within 30 1 gpu-bind detach 01:00
wait
expect_text "vfio-pci/bind.* died; whether it was written is unknown" "next: gpu-bind reconcile"
expect_host
expect_locks_free

kill_writers 1 &
expect_exit_within 30 1 pve-hook 111 pre-start
wait
expect_text "vfio-pci/bind.* died"
expect_host
expect_locks_free
expect_exit 0 gpu-bind status
unblock

# On the way home it is tried once more; then it stays where it is until somebody looks.
expect_exit 0 gpu-bind detach 01:00
block "$SYS/drivers/bochs-drm/bind"
kill_writers 3 &
killer=$!
expect_exit_within 60 1 gpu-bind --timeout 30s attach 01:00
expect_text "bochs-drm/bind.* died"
kill $killer 2>/dev/null || true
wait $killer || true
expect_exit 1 gpu-bind status 01:00
expect_no_text ATTACHED DETACHED
unblock
expect_exit 0 gpu-bind reconcile
expect_host
expect_locks_free
expect_neighbour_untouched
