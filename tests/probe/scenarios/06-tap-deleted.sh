# timeout: 240
# The tap is gone while QEMU thinks that all is well. Only a new start brings it back: that is said, and not done.
up 101 102
ip link delete tap101i0
look 1 101 unhealthy network ok running
errors_like "tap101i0.*(missing|gone|no such|not there|does not exist)"
expect_json '.vms[0].network.tap_up' false
settings '[probe.recovery]' 'network = true' 'mixed = true'
expect_exit "0|1|5" vm-probe recover 101 --apply
look 1 101 unhealthy network ok running
[[ ! -s /run/lab/log/qm ]] || fail "qm was called: $(</run/lab/log/qm)"
fine 102
