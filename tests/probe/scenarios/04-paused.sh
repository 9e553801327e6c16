# timeout: 240
# Paused by a person: understood, no failure, and never "healed".
up 101
inner_qmp 101 '{"execute":"stop"}' >/dev/null
becomes 101 paused
look 0 101 healthy none ok paused
expect_json '.vms[0].recovery.needed' false
settings '[probe.recovery]' 'qemu = true' 'restart = true' 'mixed = true' 'network = true'
expect_exit "0|5" vm-probe recover 101 --apply
becomes 101 paused

# Nor when something else is wrong with it.
ip link set tap101i0 down
look 1 101 unhealthy network ok paused
ip link set tap101i0 up
inner_qmp 101 '{"execute":"cont"}' >/dev/null
fine 101
