# A recovery is killed at each of its steps: it counts, is on the books as interrupted, and the next one finishes the work.
# timeout: 400
settings '[probe.recovery]' 'network = true'
up 101
tried=0 interrupted=0
for ((at = 1; ; at++)); do
    rm -rf /var/lib/pve-hooks /run/pve-hooks
    ip link set tap101i0 down
    PVE_HOOKS_CRASH_AT=$at run vm-probe recover 101 --apply
    ((STATUS == 137)) || break
    ((++tried))
    ((at < 40)) || fail "no end"
    # Whatever was done was done once; what is on the books matches.
    audit 101
    ! json '.. | strings' | grep -qi interrupted || ((++interrupted))
    expect_exit 0 vm-probe recover 101 --apply
    fine 101
    (($(json '.vms[0].recovery.attempts_last_hour') <= 2)) || fail "counted more than twice"
done
((STATUS == 0)) || fail "without a crash it ended with $STATUS"
((tried > 0)) || fail "it makes no steps: nothing was tried"
((interrupted > 0)) || fail "none of $tried was ever said to be interrupted"
note "killed at each of $tried steps, $interrupted times on the books as interrupted"

# Killed again and again, the budget holds: it is spent before anything is done.
rm -rf /var/lib/pve-hooks /run/pve-hooks
for ((n = 0; n < 8; n++)); do
    ip link set tap101i0 down
    PVE_HOOKS_CRASH_AT=$tried run vm-probe recover 101 --apply
done
[[ $STATUS == 5 ]] || fail "the eighth was not refused: $STATUS"
