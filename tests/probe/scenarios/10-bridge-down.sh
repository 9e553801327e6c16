# timeout: 240
# The bridge of all is down: every VM on it is told, and a VM without it is not. More than a few at once: the node is at
# fault, and nothing is done about single VMs.
ip link add vmbr1 type bridge
ip link set vmbr1 up
vm 106 "net0: virtio=BC:24:11:00:00:6A,bridge=vmbr1"
up {101..106}
ip link set vmbr0 down
expect_exit_within 10 1 vm-probe check --all --json
expect_json '[.vms[] | select(.status == "unhealthy" and .failure_type == "network") | .vmid] | join(" ")' "101 102 103 104 105"
expect_json '[.vms[] | select(.status == "healthy") | .vmid] | join(" ")' 106
look 1 101 unhealthy network ok running
errors_like "vmbr0.*down"
expect_json '.vms[0].network.bridge_up' false
expect_json '.vms[0].network.tap_up' true
ip link set vmbr0 up
expect_exit_within 10 0 vm-probe check --all

for vmid in {101..105}; do ip link set tap${vmid}i0 down; done
refused 101 "at once|node"
ip link set vmbr0 down
ip link delete vmbr0
look 1 101 unhealthy network ok running
