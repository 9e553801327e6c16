# The power of a port: only where the hub says that it switches each by itself. The lab's xHCI says no, the
# emulated controller of the Coral says yes.
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
enumeration "$port"
was=$REPLY
expect_exit 0 usb-reset "$port" --rung hub-power
expect_text "hub-power worked"
note "hub-power: $TOOK ms"
enumeration "$(coral_port)"
[[ $REPLY != "$was" ]] || fail "the Coral is still $was"
expect_no_record
expect_locks_free
