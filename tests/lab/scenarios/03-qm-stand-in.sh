# The stand-in for qm itself: phases, environment, locks, PVE's own binding, post-stop exactly once.
# kernel: 6.1
cat >/var/lib/vz/snippets/spy <<'SPY'
#!/bin/sh
echo "$2: args=$# path=$PATH lc=$LC_ALL migrated=${PVE_MIGRATED_FROM-unset} home=${HOME-unset}" >>/run/lab/spy
if read -r _; then echo "stdin has something" >>/run/lab/spy; fi
flock -n /var/lock/qemu-server/lock-111.conf true && echo "no lock held" >>/run/lab/spy
[ ! -e /run/lab/spy-fails ] || [ "$2" != "$(cat /run/lab/spy-fails)" ] || exit 1
[ "$2" != pre-start ] || echo "a line for the task log"
SPY
rm -f /run/lab/spy /run/lab/spy-fails
expect_exit 2 qm start 111
vm_config 111 "hostpci0: 01:00,pcie=1"
expect_exit 255 qm set 111 --hookscript local:snippets/spy
expect_text "not executable"
chmod +x /var/lib/vz/snippets/spy
expect_exit 0 qm set 111 --hookscript local:snippets/spy

expect_exit 0 qm start 111
expect_text "a line for the task log"
expect_vfio
expect_exit 255 qm start 111
expect_text "already running"
expect_exit 0 qm stop 111
wait_for 5 vm_stopped 111 || fail "the watcher does not end"
expect_phases 111 "pre-start post-start pre-stop post-stop"
expect_vfio
grep -q "new_id 1234 1111" /run/lab/log/pve-binding || fail "no new_id was written"
printf '%s\n' "$(</run/lab/spy)"
want="path=/sbin:/bin:/usr/sbin:/usr/bin lc=C migrated= home=unset"
for phase in pre-start post-start pre-stop post-stop; do
    grep -qx "$phase: args=2 $want" /run/lab/spy || fail "wrong environment in $phase"
done
! grep -E "stdin|no lock" /run/lab/spy || fail "stdin or lock"

# A failing pre-start aborts, a failing post-start does not; QEMU's own end brings post-stop.
echo pre-start >/run/lab/spy-fails
expect_exit 255 qm start 111
expect_text "hookscript error for 111 on pre-start:"
echo post-start >/run/lab/spy-fails
rm /run/lab/log/phases.111
expect_exit 0 qm start 111
expect_text "hookscript error for 111 on post-start:"
kill -KILL "$(vm_pid 111)"
wait_for 10 vm_stopped 111 || fail "the watcher does not end"
expect_phases 111 "pre-start post-start post-stop"

# A child that keeps the task's pipes blocks the task; others give up waiting for its lock.
printf '#!/bin/sh\nsleep 20 &\n' >/var/lib/vz/snippets/spy
qm start 111 >/dev/null 2>&1 &
wait_for 20 eval '! flock -n /var/lock/qemu-server/lock-111.conf true' || fail "the task does not take its lock"
echo 1 >/run/lab/knob/lock-wait
expect_exit 255 qm set 111 --name other
expect_text "got timeout"
((TOOK >= 1000)) || fail "gave up too early"
alive $! || fail "the task did not wait for its pipes"
