# Eight callers at once: no mixed end state, no exit codes but 0 and 3, no kernel warning.
# kernel: 6.12
# timeout: 120
gpu_vm 111
snapshot_neighbour
verbs=("attach 01:00" "detach 01:00" "cycle 01:00" reconcile "attach vm:111" "detach 01:00.0" "cycle vm:111" reconcile)
for round in 1 2 3; do
    pids=()
    for ((i = 0; i < 8; i++)); do
        # shellcheck disable=SC2086
        gpu-bind --lock-timeout 40s ${verbs[i]} >/run/lab/race.$i 2>&1 &
        pids+=($!)
    done
    codes=''
    for ((i = 0; i < 8; i++)); do
        status=0
        wait "${pids[i]}" || status=$?
        codes+="$status "
        [[ $status = [03] ]] || fail "round $round: '${verbs[i]}' ended with $status: $(</run/lab/race.$i)"
    done
    note "round $round: exit codes $codes"
    expect_exit 0 gpu-bind status 01:00
    expect_text "$GPU.*(ATTACHED|DETACHED)"
    if is_driver "$GPU" bochs-drm; then expect_host; else expect_vfio; fi
    expect_locks_free
    expect_neighbour_untouched
done
# Impatient ones: busy is an answer, a mixture is not.
pids=()
for ((i = 0; i < 8; i++)); do
    # shellcheck disable=SC2086
    gpu-bind --lock-timeout 300ms ${verbs[i]} >/run/lab/race.$i 2>&1 &
    pids+=($!)
done
codes=''
for ((i = 0; i < 8; i++)); do
    status=0
    wait "${pids[i]}" || status=$?
    codes+="$status "
    [[ $status = [03] ]] || fail "'${verbs[i]}' ended with $status: $(</run/lab/race.$i)"
done
note "impatient: exit codes $codes"
[[ $codes == *0* ]] || fail "nobody got through"
expect_exit 0 gpu-bind reconcile
expect_host
expect_locks_free
expect_neighbour_untouched
