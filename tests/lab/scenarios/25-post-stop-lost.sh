# post-stop never comes: reconcile returns the GPU, and not before QEMU is gone.
# kernel: 6.12
gpu_vm 111
: >/run/lab/knob/no-post-stop
expect_exit 0 qm start 111
expect_exit 0 gpu-bind reconcile
expect_vfio
expect_exit 0 qm stop 111
expect_phases 111 "pre-start post-start pre-stop"
expect_vfio
expect_exit 0 gpu-bind status --json
expect_json '.gpus[0] | [.state, .belongs] | join(" ")' "vfio host"
expect_exit 0 gpu-bind reconcile
expect_host
# A pid file that a killed QEMU left behind proves nothing.
expect_exit 0 qm start 111
kill -KILL "$(vm_pid 111)"
wait_for 10 vm_stopped 111
[[ -e /run/qemu-server/111.pid ]] || fail "the lab should have left a pid file"
expect_exit 0 gpu-bind reconcile
expect_host
expect_locks_free
