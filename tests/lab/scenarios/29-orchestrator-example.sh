# The example for orchestrators: with the hook and without, twice, and when the start fails or the guard is not needed.
# kernel: 6.12
example=$LAB/../../snippets/orchestrator/vm-with-gpu
export DEADLINE=30

gpu_vm 111
snapshot_neighbour
for _ in 1 2; do
    expect_exit 0 "$example" start 111
    expect_vfio
    vm_holds "$(vm_pid 111)" || fail "QEMU does not hold the GPU"
done
expect_phases 111 "pre-start post-start"
for _ in 1 2; do
    expect_exit 0 "$example" stop 111
    vm_stopped 111 || fail "the VM still runs"
    expect_host
done

# Without the hook; PVE finds the GPU on vfio-pci and leaves no id behind.
vfio_pci_first
vm_config 112 "hostpci0: 01:00,pcie=1"
expect_exit 0 "$example" start 112
[[ $ALL == *"pve-hook register 112"* ]] || fail "it does not say what is missing"
vm_holds "$(vm_pid 112)" || fail "QEMU does not hold the GPU"
! grep -qs new_id /run/lab/log/pve-binding || fail "PVE bound the GPU itself"
expect_exit 0 "$example" stop 112
expect_host

# A start that fails gives back what was taken for it.
touch /run/lab/knob/fail-start
expect_exit 1 "$example" start 112
[[ $ALL == *"qm start 112 failed"* ]] || fail "it does not say what failed"
expect_host
rm /run/lab/knob/fail-start
expect_neighbour_untouched
expect_locks_free
