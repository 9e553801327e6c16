# timeout: 240
# QEMU hangs while it answers somebody, who then goes away: its end of that connection stays open, and looks like a client
# that is served.
up 101
hang 101 /run/qemu-server/101.qmp
for i in 1 2 3; do
    expect_exit_within 10 1 vm-probe check 101 --json
    expect_json '.vms[0].status + " " + .vms[0].failure_type' "unhealthy qemu"
done
unhang
wait_for 20 in_state 101 running || fail "it does not come back"
fine 101

# Halted by somebody: that is told as what it is, and is nobody's to restart.
settings '[probe.recovery]' 'qemu = true' 'restart = true'
pid=$(vm_pid 101)
halt 101
look 1 101 unhealthy qemu
expect_exit "0|1|5" vm-probe recover 101 --apply
alive "$pid" || fail "a halted QEMU was ended"
[[ ! -s /run/lab/log/qm ]] || fail "qm was called: $(</run/lab/log/qm)"
go_on 101
fine 101
