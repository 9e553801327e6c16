# timeout: 240
# A backup has the VM locked and its machine paused: that is no failure, and nobody may touch it.
settings '[probe.recovery]' 'network = true' 'qemu = true' 'mixed = true' 'restart = true'
up 101 102
inner_qmp 101 '{"execute":"stop"}' >/dev/null
configure 101 "lock: backup"
look 0 101 healthy none ok paused
expect_json '.vms[0].recovery.needed' false
expect_exit "0|5" vm-probe recover 101 --apply
becomes 101 paused
# Its network is PVE's matter as well, as long as that has it locked.
ip link set tap101i0 down
expect_exit 0 vm-probe check 101
expect_text "note: net0: its interface tap101i0 is down.*no failure while PVE has it locked .backup."
expect_exit "0|5" vm-probe recover 101 --apply
[[ $(attr /sys/class/net/tap101i0/carrier) != 1 ]] || fail "the tap is up"
ip link set tap101i0 up

# Something that is a failure may be seen, and may not be touched.
inner_qmp 101 '{"execute":"cont"}' >/dev/null
press 101 p
becomes 101 guest-panicked
look 1 101 unhealthy qemu ok guest-panicked
refused 101 backup
becomes 101 guest-panicked
expect_exit "0|5" vm-probe recover 101
expect_text backup
unconfigure 101 lock
heals 101

# A task of PVE holds the lock of the configuration: not now.
ip link set tap102i0 down
flock /var/lock/qemu-server/lock-102.conf sleep 1000 &
wait_for 20 eval '! flock -n /var/lock/qemu-server/lock-102.conf true'
expect_exit_within 30 "0|3|5" vm-probe recover 102 --apply
[[ $(attr /sys/class/net/tap102i0/carrier) != 1 ]] || fail "it acted in the midst of a task"
kill $!
read_processes sleep
# shellcheck disable=SC2086
kill $REPLY
heals 102
