# The VM's configuration is gone by the time that QEMU ends: no post-stop, and reconcile still returns the GPU.
# kernel: 6.1
gpu_vm 111
expect_exit 0 qm start 111
rm /etc/pve/nodes/lab/qemu-server/111.conf
expect_exit 0 gpu-bind reconcile
vm_holds "$(vm_pid 111)" || fail "reconcile took the GPU from a running VM"
kill "$(vm_pid 111)"
wait_for 20 vm_stopped 111
expect_phases 111 "pre-start post-start"
expect_exit 0 gpu-bind reconcile
expect_host
expect_locks_free
