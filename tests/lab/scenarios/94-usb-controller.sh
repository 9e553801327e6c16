# The controller is reset only when it is spelled out; it always gets its driver back.
# kernel: 6.12
# timeout: 180
# shellcheck source=tests/lab/reset.sh
. "$LAB/reset.sh"
usb_ground
usb_snapshot
expect_exit 5 usb-reset "$TABLET" --rung controller
expect_text "$TABLET 0627:0001" "controller --controller $XHCI3"
expect_exit 5 usb-reset "$TABLET" --rung controller --controller $XHCI4
expect_exit 5 usb-reset "$TABLET" --rung controller --controller 04:00.0
expect_tablet_untouched
expect_exit 0 usb-reset "$TABLET" --rung controller --controller $XHCI3
expect_text "controller worked"
note "controller: $TOOK ms"
expect_driver $XHCI3 xhci_hcd
tablet_there || fail "the tablet is gone"
TABLET=$REPLY
expect_enumerated_anew
# Killed before each write and in the middle: bound again, by the writer or by the next run.
for point in 1 2 3 after:1 after:2 after:3; do
    usb_ground
    PVE_HOOKS_CRASH_AT=$point run usb-reset "$TABLET" --rung controller --controller $XHCI3
    ((STATUS == 137)) || fail "point $point was not reached"
    wait_for 10 nothing_runs usb-reset sysfs-worker || fail "$point: the writer does not end"
    expect_exit 0 usb-reset heal
    expect_driver $XHCI3 xhci_hcd
    expect_no_record
done
# Both killed while it has no driver, which is for a moment: where that was too late, once more.
unbound() { is_driver $XHCI3 vfio-pci || [[ ! -e $DEV/$XHCI3/driver ]]; }
unbound_or_over() { unbound || dead $pid; }
for ((try = 0; try < 3; try++)); do
    usb_ground
    usb-reset "$TABLET" --rung controller --controller $XHCI3 >/run/lab/out.kill 2>&1 &
    pid=$!
    wait_for 30 unbound_or_over || fail "it was not unbound: $(</run/lab/out.kill)"
    if unbound && read_worker; then kill -KILL "$REPLY" $pid || true; fi
    wait $pid || true
    nap 1
    is_driver $XHCI3 xhci_hcd || break
    expect_exit 0 usb-reset heal
done
if is_driver $XHCI3 xhci_hcd; then
    note "too late to kill both"
else
    expect_exit 0 usb-reset heal
    expect_text "controller $XHCI3: on again"
    expect_driver $XHCI3 xhci_hcd
fi
wait_for 10 tablet_there || fail "the tablet does not come back"
expect_no_record
expect_stick4_untouched
expect_locks_free
