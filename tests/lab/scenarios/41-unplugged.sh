# The GPU is pulled out by the machine itself (hot-unplug), and put back.
# timeout: 120
gpu_vm 111
snapshot_neighbour
expect_exit 0 gpu-bind detach 01:00
echo 1 >/run/lab/unplugged
unplug gpu1
wait_for 30 gone || fail "the machine does not let go of it"
expect_exit 1 gpu-bind status
expect_text "LOST" "$GPU"
expect_exit 1 gpu-bind attach 01:00
expect_text "01:00"
expect_exit "0|1" gpu-bind reconcile
plug 1
rm /run/lab/unplugged
wait_for 30 has_sound "$SND" || fail "the lab cannot plug it in again"
expect_exit 0 gpu-bind reconcile
expect_host
expect_exit 0 gpu-bind status
expect_neighbour_untouched
expect_locks_free
