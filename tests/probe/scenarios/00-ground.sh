# timeout: 240
# The ground itself, without vm-probe: QEMUs start, taps reach their bridge, and the faults are what they ought to be.
up 101
vm 102 "net0: virtio=BC:24:11:00:00:66,bridge=vmbr0,firewall=1"
up 102
[[ $(attr /sys/class/net/tap101i0/carrier) == 1 ]] || fail "the tap has no carrier"
[[ /sys/class/net/tap101i0/master -ef /sys/class/net/vmbr0 ]] || fail "the tap is no port of vmbr0"
[[ /sys/class/net/tap102i0/master -ef /sys/class/net/fwbr102i0 ]] || fail "the tap is no port of its firewall bridge"
[[ /sys/class/net/fwpr102p0/master -ef /sys/class/net/vmbr0 ]] || fail "the firewall bridge does not reach vmbr0"
wait_for 20 in_state 101 running || fail "101 does not run"

press 101 p
becomes 101 guest-panicked
inner_qmp 101 '{"execute":"system_reset"}' '{"execute":"cont"}' >/dev/null
becomes 101 running
press 102 o
becomes 102 shutdown

# The monitor serves one at a time.
monitor_hold 102
if timeout 2 /usr/lib/lab/qmp ask /run/qemu-server/102.qmp '{"execute":"query-status"}'; then fail "two at once"; fi
monitor_release

expect_exit 0 qm reboot 101
pid=$(vm_pid 101)
expect_exit 0 qm stop 101
dead "$pid" || fail "101 still runs"
[[ ! -e /sys/class/net/tap101i0 ]] || fail "its tap is still there"
