# A start that fails after pre-start gets no further phase: reconcile returns the GPU.
# kernel: 6.1
gpu_vm 111
snapshot_neighbour
: >/run/lab/knob/fail-start
expect_exit 255 qm start 111
expect_text "start failed"
expect_phases 111 "pre-start"
expect_vfio
expect_exit 0 gpu-bind reconcile
expect_host
expect_locks_free
expect_neighbour_untouched
expect_exit 0 gpu-bind status
rm /run/lab/knob/fail-start
expect_exit 0 qm start 111
expect_exit 0 qm stop 111
expect_host
