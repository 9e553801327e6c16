# What the configuration can say: mappings, several ids, keep, PENDING and snapshots, no passthrough, a NIC.
# kernel: 6.1
snapshot_neighbour
cat >/etc/pve/mapping/pci.cfg <<'MAP'
screen
	description the first one
	map id=1234:1111,iommugroup=99,node=elsewhere,path=0000:02:00
	map id=1234:1111,node=lab,path=0000:01:00

MAP
vm_config 111 "hostpci0: mapping=screen,pcie=1" "hookscript: local:snippets/pve-hook" "" \
    "[PENDING]" "hostpci0: 02:00" "" "[snap]" "hostpci1: 02:00"
expect_exit 0 pve-hook 111 pre-start
expect_vfio
expect_neighbour_untouched
expect_exit 0 pve-hook 111 post-stop
expect_host

vm_config 112 "hostpci0: 0000:01:00.0;01:00.1"
expect_exit 0 pve-hook 112 pre-start
expect_vfio
expect_exit 0 pve-hook 112 post-stop
expect_host

# One function named: the slot and the group go together.
vm_config 113 "hostpci0: 01:00.0"
expect_exit 0 pve-hook 113 pre-start
expect_vfio
expect_exit 0 pve-hook 113 post-stop
expect_host

# Left to PVE: keep, and what is no GPU. Nothing to do: no passthrough.
vm_config 114 "hostpci0: 01:00,driver=keep"
vm_config 115 "hostpci0: 05:00"
vm_config 116 "net0: virtio=AA:BB:CC:DD:EE:FF,bridge=vmbr0"
snapshot_state
for vmid in 114 115 116; do
    for phase in pre-start post-start pre-stop post-stop; do
        expect_exit 0 env -i /usr/sbin/pve-hook $vmid $phase
        expect_unchanged
    done
done
