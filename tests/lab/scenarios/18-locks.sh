# Somebody else is at it: exit 3 by the lock's deadline, named, nothing changed.
# kernel: 6.1
gpu_vm 111
expect_exit 0 gpu-bind detach 01:00
expect_exit 0 gpu-bind attach 01:00
mapfile -t locks < <(find /run/pve-hooks -type f -path '*lock*')
((${#locks[@]})) || fail "no lock files below /run/pve-hooks"
for lock in "${locks[@]}"; do
    flock "$lock" sleep 1000 &
done
for lock in "${locks[@]}"; do wait_for 10 eval '! flock -n "$lock" true' || fail "$lock is not held"; done
snapshot_state
expect_exit_within 10 3 gpu-bind --lock-timeout 1s detach 01:00
expect_text "lock"
expect_exit_within 10 3 pve-hook --lock-timeout 1s 111 pre-start
expect_exit_within 10 3 gpu-bind --lock-timeout 1s attach 01:00
expect_unchanged
# Looking needs no lock.
expect_exit_within 10 0 gpu-bind status
