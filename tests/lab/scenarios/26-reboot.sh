# qm reboot runs through all phases; the old kind of cleanup (qmeventd only) works too.
# kernel: 6.12
gpu_vm 111
expect_exit 0 qm start 111
rm /run/lab/log/phases.111
expect_exit 0 qm reboot 111
expect_phases 111 "pre-stop post-stop pre-start post-start"
vm_holds "$(vm_pid 111)" || fail "QEMU does not hold the group after the reboot"
: >/run/lab/knob/old-cleanup
expect_exit 0 qm stop 111
wait_for 15 vm_stopped 111 || fail "cleanup does not come"
expect_phases 111 "pre-stop post-stop pre-start post-start pre-stop post-stop"
expect_host
expect_locks_free
