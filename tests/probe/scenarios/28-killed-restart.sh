# A restart is killed at each of its steps: the VM is not left off, and not stopped once more than needed.
# timeout: 900
settings '[probe.recovery]' 'qemu = true' 'restart = true'
vm 101 "args: $SECOND_MONITOR"
up 101
tried=0 off=0
for ((at = 1; at < 40; at++)); do
    rm -rf /var/lib/pve-hooks /run/pve-hooks
    hang 101
    : >/run/lab/log/qm
    PVE_HOOKS_CRASH_AT=$at run vm-probe recover 101 --apply
    ((STATUS == 137)) || break
    ((++tried))
    if ! vm_runs 101; then
        ((++off))
        # Nobody wanted it off: that is no VM which somebody stopped.
        look 1 101 unhealthy qemu
        errors_like "it is off: a recovery was interrupted; done of it: qm stop 101"
        expect_exit 1 vm-probe check 101
        expect_text "next: vm-probe recover 101 --apply"
        # Whoever comes next finishes it, before anything else is done.
        expect_exit "0|1|5" vm-probe recover 101 --apply
        wait_for 20 vm_runs 101 || fail "killed at $at: it was left off"
    elif grep -q '^start 101' /run/lab/log/qm; then
        expect_exit "0|1|5" vm-probe recover 101 --apply
    else
        # Nothing was done yet: it hangs as before.
        kill -KILL "$(vm_pid 101)"
        wait_for 20 dead "$(vm_pid 101)"
        rm -f /run/qemu-server/101.*
        qm start 101
    fi
    (($(grep -c '^stop 101' /run/lab/log/qm || true) <= 1)) || fail "killed at $at: stopped twice: $(</run/lab/log/qm)"
    wait_for 30 in_state 101 running || fail "killed at $at: it does not run"
done
((STATUS == 0)) || fail "without a crash it ended with $STATUS"
((off > 0)) || fail "none of $tried left it off: nothing was tried"
note "killed at each of $tried steps, $off times between stop and start"
