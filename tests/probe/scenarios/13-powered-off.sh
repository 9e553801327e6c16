# timeout: 240
# The guest powered off and QEMU stays (-no-shutdown): PVE's own daemon will end it. Not a failure to be healed.
up 101
press 101 o
becomes 101 shutdown
expect_exit_within 10 "0|1" vm-probe check 101 --json
expect_json '.vms[0].qemu.run_state' shutdown
expect_json '.vms[0].recovery.needed' false
expect_exit "0|5" vm-probe recover 101 --apply
becomes 101 shutdown
