# What somebody uses is not reset: exit 5, it is named, and it goes on working.
# kernel: 6.1
# timeout: 120
# shellcheck source=tests/lab/reset.sh
. "$LAB/reset.sh"
usb_ground
plug_stick xhci3
mount_stick
echo "still here" >/run/lab/stick/file
sync
find_usb $XHCI3 46f4:0001
stick=$REPLY
usb_snapshot
for rung in auto ioctl port replug hub-power; do
    expect_exit 5 usb-reset "$stick" --rung $rung
    expect_text "mounted on /run/lab/stick"
done
# The tablet may be reset, but not with the stick.
expect_exit 5 usb-reset "$TABLET" --rung controller --controller $XHCI3
expect_text "$stick: .* is mounted on /run/lab/stick"
expect_exit 5 usb-reset -n "$TABLET" --rung controller --controller $XHCI3
[[ $(</run/lab/stick/file) == "still here" ]] || fail "the file is gone"
expect_tablet_untouched
expect_exit 0 usb-reset "$TABLET" --rung port
echo 3 >/proc/sys/vm/drop_caches
[[ $(</run/lab/stick/file) == "still here" ]] || fail "the file is gone"
umount /run/lab/stick

# Opened raw: by the disk, and by usbfs.
# shellcheck disable=SC2153
hold_open "$STICK"
expect_exit 5 usb-reset "$stick" --rung port
expect_text "pid $OPENER .*has $STICK open"
kill "$OPENER"
wait_for 5 dead "$OPENER"
printf -v node '/dev/bus/usb/%03d/%03d' "$(attr "$USB/$stick/busnum")" "$(attr "$USB/$stick/devnum")"
hold_open "$node"
for rung in ioctl port; do
    expect_exit 5 usb-reset "$stick" --rung $rung
    expect_text "pid $OPENER .*has $node open"
done
expect_exit 5 usb-reset "$TABLET" --rung controller --controller $XHCI3
expect_text "$stick: pid $OPENER"
kill "$OPENER"
wait_for 5 dead "$OPENER"
expect_exit 0 usb-reset "$stick" --rung port
expect_stick4_untouched
expect_no_record
