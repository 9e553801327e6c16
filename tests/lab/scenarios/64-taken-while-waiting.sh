# Two VMs choose the same free GPU, and both wait for its lock: one gets it, the other is refused and told who has it.
# The hook of a VM whose start is over does not keep the GPU from the host.
# kernel: 6.12
gpu_vm 111
gpu_vm 112
expect_exit 0 gpu-bind detach 01:00
expect_exit 0 gpu-bind attach 01:00
holders=()
mapfile -t locks < <(find /run/pve-hooks -type f -path '*lock*')
((${#locks[@]})) || fail "no lock files below /run/pve-hooks"
for lock in "${locks[@]}"; do
    flock "$lock" sleep 1000 &
    holders+=($!)
done
for lock in "${locks[@]}"; do wait_for 10 eval '! flock -n "$lock" true' || fail "$lock is not held"; done
mkdir -p /var/lock/qemu-server
starts=()
for vmid in 111 112; do
    # As PVE does: its lock is held until QEMU runs or the start has failed.
    flock "/var/lock/qemu-server/lock-$vmid.conf" bash -c '
        pve-hook --lock-timeout 60s "$0" pre-start >"/run/lab/start.$0" 2>&1
        echo $? >"/run/lab/exit.$0"
        exec sleep 1000' "$vmid" &
    starts+=($!)
done
# Each has a lock open that it cannot have: it asks for it again and again, so it is no waiter to the kernel.
both_wait() {
    local lock pid f waiting=0
    read_processes pve-hook
    for pid in $REPLY; do
        for f in "/proc/$pid"/fd/*; do
            for lock in "${locks[@]}"; do
                [[ $f -ef $lock ]] || continue
                ((++waiting))
                break 2
            done
        done
    done
    ((waiting == 2))
}
wait_for 20 both_wait || fail "the hooks do not come to the lock: $(cat /run/lab/start.*)"
[[ ! -e /run/lab/exit.111 && ! -e /run/lab/exit.112 ]] || fail "a hook did not wait for the lock"
for holder in "${holders[@]}"; do pkill -P "$holder"; done
both_ended() { [[ -s /run/lab/exit.111 && -s /run/lab/exit.112 ]]; }
wait_for 20 both_ended || fail "a hook did not end"
cat /run/lab/start.111 /run/lab/start.112
won=111 lost=112
[[ $(</run/lab/exit.111) == 0 ]] || won=112 lost=111
note "VM $won was quicker"
[[ $(</run/lab/exit.$won) == 0 && $(</run/lab/exit.$lost) == 3 ]] || fail "one 0 and one 3 were expected"
grep -q "was just taken for VM $won, which is being started" "/run/lab/start.$lost" || fail "who has it was not told"
expect_vfio
# While the other is being started, it keeps the GPU; when that start is over, nothing does.
expect_exit 0 pve-hook $lost post-stop
expect_text "VM $won meanwhile"
expect_vfio
for start in "${starts[@]}"; do pkill -P "$start"; done
both_dead() { dead "${starts[0]}" && dead "${starts[1]}"; }
wait_for 5 both_dead || fail "the starts did not end"
expect_exit 0 pve-hook $lost post-stop
expect_host
expect_locks_free
