# timeout: 240
# The tap is no port of its bridge any more: PVE's own script puts it back.
up 101
ip link set tap101i0 nomaster
look 1 101 unhealthy network ok running
errors_like "tap101i0.*vmbr0"
plan_like "pve-bridge tap101i0"
heals 101
[[ /sys/class/net/tap101i0/master -ef /sys/class/net/vmbr0 ]] || fail "the tap is no port of vmbr0"

# On somebody else's bridge is not where it belongs either.
ip link add vmbr1 type bridge
ip link set vmbr1 up
ip link set tap101i0 master vmbr1
look 1 101 unhealthy network ok running
errors_like "vmbr0"
heals 101
[[ /sys/class/net/tap101i0/master -ef /sys/class/net/vmbr0 ]] || fail "the tap is no port of vmbr0"
