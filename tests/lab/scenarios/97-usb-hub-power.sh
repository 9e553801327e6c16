# The power of a port: only where the hub says that it switches each by itself. The lab's xHCI says no; the
# emulated controller of the Coral says yes and lies, as some hubs do: that is found out, and said.
# kernel: 6.12
# timeout: 120
# shellcheck source=tests/lab/reset.sh
. "$LAB/reset.sh"
usb_ground
usb_snapshot
expect_exit 1 usb-reset "$TABLET" --rung hub-power
expect_text "hub-power skipped: the hub .* cannot switch the power"
expect_tablet_untouched
coral_plug
port=$(coral_port)
expect_exit 1 usb-reset "$port" --rung hub-power
expect_text "hub-power failed: .* the device stayed"
[[ $(coral_port) == "$port" && $(coral_id) == 18d1:9302 ]] || fail "the Coral is not as it was"
expect_exit 0 usb-reset "$port" --rung ioctl
expect_no_record
expect_locks_free
