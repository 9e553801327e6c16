# Several callers at once: one after the other, or exit 3; the port is on at the end.
# kernel: 6.1
# timeout: 120
# shellcheck source=tests/lab/reset.sh
. "$LAB/reset.sh"
usb_ground
usb_snapshot
for ((i = 0; i < 4; i++)); do
    rung=port
    ((i % 2)) || rung=ioctl
    usb-reset --lock-timeout 40s "$TABLET" --rung $rung >/run/lab/race.$i 2>&1 &
    pids[i]=$!
done
codes=''
for ((i = 0; i < 4; i++)); do
    status=0
    wait "${pids[i]}" || status=$?
    codes+="$status "
    # One that looked while another had the port off has nothing to reset.
    [[ $status = [013] ]] || fail "caller $i ended with $status: $(</run/lab/race.$i)"
done
note "exit codes $codes"
[[ $codes == *0* ]] || fail "nobody got through"
wait_for 10 tablet_there || fail "the tablet is gone"
port_is_on
expect_no_record
expect_locks_free
# A lock that somebody keeps.
flock /run/pve-hooks/lock/usb-$XHCI3 sleep 1000 &
wait_for 10 eval '! flock -n "/run/pve-hooks/lock/usb-$XHCI3" true' || fail "the lock is not held"
usb_snapshot
expect_exit_within 6 3 usb-reset --lock-timeout 1s "$TABLET" --rung port
expect_text "usb-$XHCI3 is locked"
expect_tablet_untouched
# Another controller is another lock.
expect_exit 0 usb-reset "$STICK4" --rung ioctl
