# timeout: 240
# One of twelve hangs: its monitor and its VNC still accept connections. Nobody else waits for it.
up {101..112}
halt 105
expect_exit_within 10 1 vm-probe check --all --json
note "with one that hangs: $TOOK ms"
expect_json '.vms | length' 12
expect_json '[.vms[] | select(.status != "healthy") | .vmid] | join(" ")' 105
expect_json '.vms[] | select(.vmid == 105) | .status + " " + .failure_type' "unhealthy qemu"
expect_json '.vms[] | select(.vmid == 105) | .qemu.qmp' hung
look 1 105 unhealthy qemu hung
errors_like "SIGSTOP|stopped|halted" "answer|hung|hangs|says nothing"

# Six more: no sum of deadlines, which would be 10.5 s.
for vmid in 101 102 103 104 106 107; do halt $vmid; done
expect_exit_within 9 1 vm-probe check --all --json
note "with seven that hang: $TOOK ms"
expect_json '[.vms[] | select(.status == "unhealthy")] | length' 7
expect_json '[.vms[] | select(.status == "healthy")] | length' 5
for vmid in {101..107}; do go_on $vmid; done

all_well() { vm-probe check --all >/dev/null; }
wait_for 20 all_well || fail "not all are well again: $(vm-probe check --all)"
expect_exit_within 10 0 vm-probe check --all --json
expect_json '[.vms[] | select(.status == "healthy")] | length' 12
