# A VM holds only the sound function: the group is busy, so nothing of it may go back (the kernel says EBUSY).
# kernel: 6.12
raw_detach
unbind "$GPU"
hold_group /run/inner.pid "$SND"
pid=$(attr /run/inner.pid)
put '' "$DEV/$GPU/driver_override"
if put "$GPU" "$SYS/drivers/bochs-drm/bind"; then fail "the kernel gave away a function of a group in use"; fi
snapshot_state
expect_exit 1 gpu-bind status 01:00
expect_text "$GPU.*(MIXED|UNBOUND|WEDGED)"
expect_no_text "$GPU.*(ATTACHED|DETACHED)"
expect_exit_within 10 3 gpu-bind --timeout 5s attach 01:00
expect_text "pid $pid"
expect_unchanged
kill "$pid"
wait_for 10 dead "$pid"
expect_exit 0 gpu-bind attach 01:00
expect_host
expect_locks_free
