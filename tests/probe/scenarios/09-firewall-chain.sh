# timeout: 240
# With PVE's firewall there are three more links to be broken between the tap and its bridge.
vm 101 "net0: virtio=BC:24:11:00:00:65,bridge=vmbr0,firewall=1"
up 101
fine 101
breaks() { # PATTERN COMMAND...
    "${@:2}"
    look 1 101 unhealthy network ok running
    errors_like "$1"
    rm -rf /var/lib/pve-hooks
    heals 101
}
breaks fwln101i0 ip link set fwln101i0 nomaster
breaks fwpr101p0 ip link set fwpr101p0 nomaster
breaks "fw(ln|pr)101" ip link delete fwln101i0
breaks "fwbr101i0" ip link set fwbr101i0 down
breaks "fw(ln|pr)101" ip link set fwpr101p0 down
breaks "tap101i0" ip link set tap101i0 nomaster
