# The example for orchestrators, without the hook: it does what the hook would have done, also when the start fails.
# kernel: 6.12
example=$LAB/../../snippets/orchestrator/vm-with-gpu
export DEADLINE=30
vfio_pci_first
vm_config 112 "hostpci0: 01:00,pcie=1"
snapshot_neighbour
touch /run/lab/knob/fail-start
expect_exit 1 "$example" start 112
[[ $ALL == *"pve-hook register 112"*"qm start 112 failed"* ]] || fail "it does not say what is missing and what failed"
expect_host
rm /run/lab/knob/fail-start

expect_exit 0 "$example" start 112
vm_holds "$(vm_pid 112)" || fail "QEMU does not hold the GPU"
# PVE found it on vfio-pci and left no id behind.
! grep -qs new_id /run/lab/log/pve-binding || fail "PVE bound the GPU itself"
expect_exit 0 "$example" stop 112
expect_host
expect_neighbour_untouched
