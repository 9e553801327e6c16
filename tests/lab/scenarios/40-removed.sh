# The device disappears (sysfs remove): LOST where it is expected, a message, nothing hangs.
# kernel: 6.12
gpu_vm 111
expect_exit 0 gpu-bind detach 01:00
put 1 "$DEV/$GPU/remove"
[[ ! -e $DEV/$GPU ]] || fail "it is still there"
expect_exit 1 gpu-bind status
expect_text "LOST" "$GPU" "$GPU2.*ATTACHED"
expect_exit 1 gpu-bind status vm:111
expect_text "$GPU|01:00"
# Either brought back by a rescan, or told plainly.
expect_exit "0|1" gpu-bind attach 01:00
expect_text "$GPU|01:00"
if ((STATUS == 0)); then
    expect_host
    note "attach brought it back"
else
    note "attach: ${ERR##*$'\n'}"
    put 1 "$SYS/rescan"
    wait_for 5 test -e "$DEV/$GPU"
    expect_exit 0 gpu-bind reconcile
    expect_host
fi
expect_exit 0 gpu-bind status
expect_locks_free

# The whole slot gone: a start fails with a message instead of half a GPU.
put 1 "$DEV/$SND/remove"
put 1 "$DEV/$GPU/remove"
expect_exit 255 qm start 111
expect_text "hookscript error for 111 on pre-start" "01:00"
put 1 "$SYS/rescan"
wait_for 15 has_sound "$SND"
expect_exit 0 gpu-bind reconcile
expect_host
