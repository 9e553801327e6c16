# It dies in the VM: after the stop it is LOST, nothing claims otherwise, the neighbour keeps working.
# kernel: 6.12
gpu_vm 111
snapshot_neighbour
expect_exit 0 qm start 111
slot_power "$PORT" off
expect_exit 0 qm stop 111
expect_text "hookscript error for 111 on post-stop"
expect_text "ffffffff|LOST|lost|dead|reboot"
expect_exit 1 gpu-bind status
expect_text "$GPU.*LOST"
expect_exit 1 gpu-bind reconcile
expect_neighbour_untouched
expect_locks_free
