# timeout: 240
# Somebody else talks to QEMU: busy, not broken. What can be seen without the monitor is still seen.
up 101
monitor_hold 101
for i in 1 2 3; do
    look 0 101 healthy none busy
    expect_json '.vms[0].network.tap_up' true
    expect_json '.vms[0].video.vnc_available' true
done
expect_exit "0|3|5" vm-probe recover 101 --apply

# A fault beside it is not hidden by it.
ip link set tap101i0 down
look 1 101 unhealthy network busy
ip link set tap101i0 up
monitor_release
fine 101

# Somebody holds it, and QEMU hangs then: the process tells.
monitor_hold 101
halt 101
expect_exit_within 10 1 vm-probe check 101 --json
expect_json '.vms[0].status + " " + .vms[0].failure_type' "unhealthy qemu"
go_on 101
monitor_release
fine 101
