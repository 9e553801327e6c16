# Somebody's unbind hangs on a GPU that a VM holds: status still answers, attach gives up, then all heals.
gpu_vm 111
expect_exit 0 qm start 111
pid=$(vm_pid 111)
(put "$GPU" "$DEV/$GPU/driver/unbind") &
writer=$!
nap 1
alive $writer || fail "the lab's unbind does not hang"

expect_exit_within 20 1 gpu-bind --timeout 10s status
expect_text "$GPU.*WEDGED" "$GPU2.*ATTACHED"
expect_exit_within 10 1 gpu-bind --timeout 5s status --json
expect_json '.gpus[0].state' wedged
expect_exit_within 15 "3|4" gpu-bind --timeout 5s attach 01:00
expect_text "$GPU" "$pid|$writer"
expect_exit_within 15 "3|4" gpu-bind --timeout 5s reconcile
# Doctor is for this moment.
expect_exit_within 20 1 gpu-bind --timeout 8s doctor
expect_text WEDGED
alive $writer || fail "somebody killed the writer"

kill "$pid"
wait_for 10 dead "$pid"
wait_for 10 dead $writer || fail "the unbind does not return"
wait_for 30 vm_stopped 111 || fail "cleanup does not end"
expect_exit 0 gpu-bind reconcile
expect_host
expect_locks_free
expect_exit 0 gpu-bind status
