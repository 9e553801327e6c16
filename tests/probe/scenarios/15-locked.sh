# A backup has the VM locked and its machine paused: that is no failure, and nobody may touch it.
settings '[probe.recovery]' 'network = true' 'qemu = true' 'mixed = true' 'restart = true'
up 101 102
inner_qmp 101 '{"execute":"stop"}' >/dev/null
configure 101 "lock: backup"
look 0 101 healthy none ok paused
expect_json '.vms[0].recovery.needed' false
ip link set tap101i0 down
expect_exit_within 4 "0|1" vm-probe check 101 --json
refused 101 "lock.*backup|backup"
[[ $(attr /sys/class/net/tap101i0/carrier) != 1 ]] || fail "the tap is up"
expect_exit "0|5" vm-probe recover 101
expect_text backup
unconfigure 101 lock
heals_paused() { expect_exit "0|1" vm-probe recover 101 --apply; }
heals_paused
[[ $(attr /sys/class/net/tap101i0/carrier) == 1 ]] || fail "the tap is still down"
becomes 101 paused

# A task of PVE holds the lock of the configuration: not now.
ip link set tap102i0 down
flock /var/lock/qemu-server/lock-102.conf sleep 1000 &
wait_for 5 eval '! flock -n /var/lock/qemu-server/lock-102.conf true'
refused 102 "lock|task|busy"
kill $!
read_processes sleep
# shellcheck disable=SC2086
kill $REPLY
heals 102
