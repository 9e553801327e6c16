# shellcheck shell=bash
# campaign.sh: kills a command at each of its writes in turn; reconcile has to heal every one of them.

# campaign LABEL PREPARE COMMAND...: PREPARE is a function that brings the state COMMAND starts from.
# PVE_HOOKS_CRASH_AT=N is SIGKILL right before the N-th write. With IN_FLIGHT=yes also after:N for every other N, which
# leaves the writer alone in the middle of the N-th write to sysfs.
campaign() {
    local label=$1 writes
    CASES=0 HEALED=0 BROKEN=''
    shift
    for ((writes = 0; ; writes++)); do
        crash_at $((writes + 1)) "$@"
        ((STATUS == 137)) || break
    done
    ((STATUS == 0)) || fail "'${*:2}' ended with $STATUS"
    ((writes > 0)) || fail "'${*:2}' makes no writes: nothing was tried"
    if [[ ${IN_FLIGHT:-} ]]; then
        for ((n = 1; n <= writes; n += 2)); do crash_at "after:$n" "$@"; done
    fi
    note "$label: $HEALED of $CASES (it makes $writes writes)"
    [[ -z $BROKEN ]] || fail "$label: not healed after a crash at:$BROKEN"
}

# crash_at POINT PREPARE COMMAND...: leaves STATUS of the command.
crash_at() {
    local point=$1 status
    "$2"
    PVE_HOOKS_CRASH_AT=$point run "${@:3}"
    status=$STATUS
    if ((status == 137)); then
        ((++CASES))
        # In a subshell: one that is not healed is counted, and the rest still tried.
        if (heal); then
            ((++HEALED))
        else
            BROKEN+=" $point"
            reset_devices || fail "the lab does not come back"
        fi
    fi
    STATUS=$status
}

# What a program should have done, by hand.
reset_devices() {
    wait_for 10 nothing_runs gpu-bind pve-hook sysfs-worker
    rm -rf /run/pve-hooks
    drop_new_ids
    raw_attach && wait_for 15 has_sound "$SND" && reset_attributes
}

heal() {
    # The writer outlives its caller; a caller that comes now waits for its lock.
    expect_exit 0 gpu-bind reconcile
    expect_host
    expect_locks_free
    expect_neighbour_untouched
}

# kill_all_of EXE: the program and its writer, at once.
kill_all_of() {
    local p
    local -a pids=()
    for p in /proc/[0-9]*; do
        [[ $p/exe -ef $1 ]] && pids+=("${p##*/}")
    done
    ((${#pids[@]} == 0)) || kill -KILL "${pids[@]}" 2>/dev/null || true
}
