# Killed between off and on: the process that writes switches the port on by itself; when that is killed too, the
# next run heals it.
# kernel: 6.1
# timeout: 180
# shellcheck source=tests/lab/reset.sh
. "$LAB/reset.sh"
usb_ground
usb_snapshot
# Before each write, and with each on its way.
for point in 1 2 3 4 after:1 after:2 after:3; do
    PVE_HOOKS_CRASH_AT=$point run usb-reset "$TABLET" --rung port
    [[ $STATUS == 137 || $point == 4 ]] || fail "point $point was not reached"
    wait_for 10 nothing_runs usb-reset sysfs-worker || fail "$point: the writer does not end"
    wait_for 10 port_is_on || fail "$point: the port stays off"
    wait_for 10 tablet_there || fail "$point: the tablet does not come back"
    expect_exit 0 usb-reset "$TABLET" --rung ioctl
    expect_no_record
done
# while_off COMMAND...: calls it while usb-reset has the port off. That is for half a second: once more where the look came too
# late, or COMMAND says that it did.
off_or_over() { tablet_gone || dead $pid; }
while_off() {
    local try
    for try in 1 2 3 4 5 6 7 8; do
        usb-reset "$TABLET" --rung port >/run/lab/out.off 2>&1 &
        pid=$!
        if wait_for 30 off_or_over && tablet_gone && "$@"; then return 0; fi
        wait $pid || true
        wait_for 10 tablet_there || fail "try $try leaves the port off: $(</run/lab/out.off)"
    done
    fail "the port was not switched off, or only for a moment: $(</run/lab/out.off)"
}
# A polite signal in the middle.
for signal in TERM INT; do
    while_off eval 'kill -$signal $pid'
    wait $pid || true
    wait_for 10 tablet_there || fail "$signal leaves the port off"
    port_is_on
done
# Both at once.
kill_both() { read_worker && kill -KILL "$REPLY" $pid && wait_for 5 dead "$REPLY" && nap 1 && ! port_is_on; }
while_off kill_both
compgen -G "$RECORDS/off-*" >/dev/null || fail "no record"
expect_exit 0 usb-reset list
expect_text "port $TABLET may be off.*usb-reset heal"
expect_exit 0 usb-reset -n heal
expect_text "would write \"0\""
if port_is_on; then fail "a dry run healed it"; fi
expect_exit 0 usb-reset "$TABLET" --rung ioctl
expect_text "port $TABLET: on again"
port_is_on || fail "the port is not healed"
expect_no_record
expect_exit 0 usb-reset heal
expect_text "nothing to heal"
expect_enumerated_anew
expect_stick4_untouched
expect_locks_free
