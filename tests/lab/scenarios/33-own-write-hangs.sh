# Our own write hangs: exit 4 by the deadline, the device named, the lock kept by the writer, healed later.
# An ALSA user makes snd_hda_intel's unbind wait; --force goes on in spite of it.
# kernel: 6.1
control=$(cd "$DEV/$SND/sound" && echo card?)
hold_open "/dev/snd/control${control/card/C}"
gpu_vm 111
expect_exit_within 12 4 gpu-bind --timeout 4s detach --force 01:00
expect_text "$SND" "deadline|answer"
expect_exit_within 12 1 gpu-bind --timeout 5s status
expect_text "$GPU.*WEDGED"
# Nobody writes on top of it.
expect_exit_within 12 "3|4" gpu-bind --timeout 4s --lock-timeout 2s attach 01:00
expect_exit_within 12 "3|4" pve-hook --timeout 4s --lock-timeout 2s 111 pre-start
kill "$OPENER"
wait_for 10 dead "$OPENER"
wait_for 10 nothing_runs sysfs-worker gpu-bind || fail "the writer does not end"
expect_exit 0 gpu-bind reconcile
expect_host
expect_locks_free
