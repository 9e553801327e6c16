# The tablet is reset by ioctl and by its port: it comes back as itself, and nobody else is touched.
# shellcheck source=tests/lab/reset.sh
. "$LAB/reset.sh"
usb_ground
usb_snapshot
put auto "$USB/$TABLET/power/control"
asleep() { [[ $(attr "$USB/$TABLET/power/runtime_status") == suspended ]]; }
if wait_for 6 asleep; then
    # A device that sleeps is woken; more is done only when that does not help.
    expect_exit 0 usb-reset 0627:0001
    expect_text "power worked" "--rung ioctl"
fi
put on "$USB/$TABLET/power/control"
expect_exit 0 usb-reset 0627:0001
expect_text "ioctl worked" "in place"
note "ioctl: $TOOK ms"
expect_tablet_untouched
expect_exit 0 usb-reset --json "$TABLET" --rung port
expect_json .cured_by port
expect_json '.before.id == .after.id and .before.devnum != .after.devnum' true
note "port: $TOOK ms"
expect_enumerated_anew
port_is_on || fail "the port is still disabled"
usb_snapshot
printf -v node '/dev/bus/usb/%03d/%03d' "$(attr "$USB/$TABLET/busnum")" "$(attr "$USB/$TABLET/devnum")"
put auto "$USB/$TABLET/power/control"
expect_exit 0 usb-reset "$node" --rung power
expect_tablet_untouched
[[ $(attr "$USB/$TABLET/power/control") == on ]] || fail "power/control is not on"
# Whether power/control is on afterwards is udev's to say: its rules for autosuspend name this very tablet.
expect_exit 0 usb-reset "$TABLET" --rung port
expect_stick4_untouched
expect_no_record
expect_locks_free
wait_for 10 grep -q "usb-reset.*$TABLET" /run/lab/syslog || fail "nothing in syslog"
# No VM is given it.
expect_exit 1 usb-reset "$TABLET" --rung replug
expect_text "no running VM"
