# Pulled out in the middle: an answer by the deadline, the port on, and the device works when it is plugged in again.
# kernel: 6.1
# timeout: 120
# shellcheck source=tests/lab/reset.sh
. "$LAB/reset.sh"
usb_ground
usb_snapshot
plug() {
    outer_qmp '{"execute":"device_add","arguments":{"driver":"usb-tablet","id":"tablet","bus":"xhci3.0"}}'
    wait_for 15 tablet_there || fail "the tablet does not come back"
    TABLET=$REPLY
}
# The port is off for half a second: once more where the tablet was pulled out after that.
off_or_over() { tablet_gone || dead $pid; }
for ((try = 0; try < 8; try++)); do
    usb-reset --timeout 30s "$TABLET" --rung port >/run/lab/out.pulled 2>&1 &
    pid=$!
    wait_for 30 off_or_over || fail "the port was not switched off: $(</run/lab/out.pulled)"
    outer_qmp '{"execute":"device_del","arguments":{"id":"tablet"}}'
    status=0
    wait $pid || status=$?
    ((status == 0)) || break
    wait_for 15 tablet_gone || fail "the tablet is not pulled out"
    plug
    usb_ground
done
said=$(</run/lab/out.pulled)
echo "$said"
((status == 1)) || fail "it ended with $status"
[[ $said == *"nothing is to be seen at $TABLET"* ]] || fail "it does not say that it is gone"
port_is_on || fail "the port is off"
expect_no_record
expect_locks_free
expect_exit 1 usb-reset 0627:0001
expect_exit_within 30 1 usb-reset "$TABLET"
expect_text "nothing"
plug
expect_exit 0 usb-reset "$TABLET" --rung port
expect_stick4_untouched
