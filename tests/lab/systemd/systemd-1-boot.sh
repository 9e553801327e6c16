# A crash left both GPUs on vfio-pci: the unit returns them before PVE starts its guests, and the VM that is started at boot gets
# its own. What it found then is in /run/lab/guests.
. "$LAB/guest/systemd/lib.sh"
BEGAN=0
told() { grep -qx "$1" /run/lab/guests || fail "'$1' was not so when the guests were started: $(</run/lab/guests)"; }
time_of() { sed -n "s/^$1=//p" /run/lab/guests; }

for a in $FUNCTIONS; do
    grep -qx "$a vfio-pci" /run/lab/crash || fail "the lab should have left $a on vfio-pci: $(</run/lab/crash)"
    told "$a $(host_driver "$a")"
done
for a in "$GPU" "$GPU2"; do told "$a drm"; done
told ActiveState=inactive
told Result=success
crashed=$(property ActiveEnterTimestampMonotonic lab-crash.service)
began=$(time_of ExecMainStartTimestampMonotonic) ended=$(time_of InactiveEnterTimestampMonotonic)
guests=$(property InactiveExitTimestampMonotonic pve-guests.service)
((0 < crashed && crashed <= began && began <= ended && ended <= guests)) ||
    fail "not in this order: crash $crashed, reconcile $began to $ended, guests $guests"
note "returned $(((guests - ended) / 1000)) ms before the guests were started"

expect_exit 0 systemctl is-active pve-guests.service
vm_holds "$(vm_pid 111)" || fail "QEMU does not hold the group"
expect_vfio
# The guard of that start sees that the VM runs, and ends.
wait_for 30 no_guard_unit || fail "the guard does not end when the VM runs"
[[ $(journalctl -q -u 'pve-hook-guard-111-*') == *'Started pve-hook-guard-111-'* ]] || fail "no guard was left"
vm_holds "$(vm_pid 111)" || fail "the guard took the GPU from a running VM"
# Who comes while the timer's run has the lock waits for ten seconds at most, which that may take in here.
expect_exit 0 systemctl stop pve-hooks-reconcile.timer
wait_for 30 inactive pve-hooks-reconcile.service || fail "pve-hooks-reconcile.service does not end"
expect_exit 0 qm stop 111
expect_host
expect_host "$GPU2" "$SND2"
expect_locks_free
