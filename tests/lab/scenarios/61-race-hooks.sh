# Hooks and people at once: starts and stops of two VMs with one GPU against reconcile and attach.
# kernel: 6.1
# timeout: 120
gpu_vm 111
gpu_vm 112
snapshot_neighbour
for i in 1 2 3 4; do
    gpu-bind reconcile >/run/lab/race.r$i 2>&1 &
    gpu-bind attach 01:00 >/run/lab/race.a$i 2>&1 &
done
qm start 111 >/run/lab/race.111 2>&1 &
one=$!
qm start 112 >/run/lab/race.112 2>&1 &
two=$!
wait $one && first=0 || first=$?
wait $two && second=0 || second=$?
wait
cat /run/lab/race.111 /run/lab/race.112
((first == 0 || second == 0)) || note "both starts were refused"
running=''
for vmid in 111 112; do
    if vm_runs $vmid; then
        running+="$vmid "
        vm_holds "$(vm_pid $vmid)" || fail "VM $vmid runs without its GPU"
    fi
done
[[ $running != "111 112 " ]] || fail "both VMs run with one GPU"
note "running afterwards: ${running:-none}"
for vmid in $running; do expect_exit 0 qm stop "$vmid"; done
expect_exit 0 gpu-bind reconcile
expect_host
expect_locks_free
expect_neighbour_untouched
