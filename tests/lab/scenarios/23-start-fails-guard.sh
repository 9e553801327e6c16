# With systemd, a guard returns the GPU by itself after a start that failed; a good start keeps it.
# kernel: 6.12
# timeout: 120
mkdir -p /run/systemd/system
gpu_vm 111
snapshot_neighbour
: >/run/lab/knob/fail-start
expect_exit 255 qm start 111
grep -q . /run/lab/log/systemd-run || fail "no guard was left"
wait_for 30 is_driver "$SND" snd_hda_intel || fail "the guard did not return the GPU: $(cat /run/lab/log/units)"
wait_for 10 no_guard || fail "the guard does not end"
expect_host
expect_locks_free
expect_neighbour_untouched

rm /run/lab/knob/fail-start
expect_exit 0 qm start 111
wait_for 20 no_guard || fail "the guard does not end when the VM runs"
vm_holds "$(vm_pid 111)" || fail "the guard took the GPU from a running VM"
expect_exit 0 qm stop 111
expect_host
