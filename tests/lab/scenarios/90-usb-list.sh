# usb-reset list, targets that make no sense, and dry runs: nothing changes.
# kernel: 6.1
# shellcheck source=tests/lab/reset.sh
. "$LAB/reset.sh"
usb_ground
usb_snapshot
expect_exit 0 usb-reset list
expect_text "$XHCI3" "$TABLET +0627:0001 .*usbhid" "$STICK4 +46f4:0001 .*usb-storage"
expect_exit 0 usb-reset --json list
expect_json ".controllers[] | select(.address == \"$XHCI3\") | .devices[0].id" 0627:0001
for target in garbage 3 18d1: "" ../../etc 0000:03:00.0; do
    expect_exit 2 usb-reset "$target"
done
expect_exit 2 usb-reset
expect_exit 2 usb-reset "$TABLET" --rung explode
expect_exit 1 usb-reset dead:beef
expect_text "dead:beef"
expect_exit 1 usb-reset 77-1
expect_exit 2 usb-reset vm:999
for hub in usb1 /dev/bus/usb/001/001; do
    expect_exit 5 usb-reset "$hub" --rung port
    expect_text "root hub"
done
for rung in auto power ioctl port; do
    expect_exit 0 usb-reset -n "$TABLET" --rung $rung
    expect_text "would"
done
expect_exit 0 usb-reset -n "$TABLET" --rung controller --controller $XHCI3
expect_text "$XHCI3.*unbind" "$XHCI3.*/bind"
expect_exit 0 usb-reset --json -n "$TABLET" --rung port
expect_json '.would | length' 2
expect_tablet_untouched
expect_stick4_untouched
expect_no_record
expect_locks_free
