# timeout: 240
# A dozen VMs that are well: all of them in one table within seconds, none called ill, in JSON and for people.
took=
vm 112 "net0: virtio=BC:24:11:00:00:70,bridge=vmbr0,firewall=1"
up {101..112}
for i in 1 2 3; do
    expect_exit_within 10 0 vm-probe check --all --json
    expect_json '.vms | length' 12
    expect_json '[.vms[] | select(.status != "healthy" or .failure_type != "none" or (.errors | length) > 0)] | length' 0
    expect_json '[.vms[] | select(.qemu.qmp == "ok" and .qemu.run_state == "running")] | length' 12
    took+="$TOOK ms "
done
expect_json '[.vms[] | .network | select(.tap_up and .bridge_up)] | length' 12
expect_json '[.vms[] | select(.video.vnc_available)] | length' 12
expect_json '[.vms[] | select(.recovery.needed or .recovery.attempts_last_hour != 0 or .recovery.max_attempts != 3)] | length' 0
note "a dozen in $took"

expect_exit_within 10 0 vm-probe check
for vmid in {101..112}; do expect_text "$vmid .*healthy"; done
expect_exit_within 10 0 vm-probe check 107 112
expect_no_text "101 .*healthy"
expect_exit 0 env -i /bin/sh -c 'cd /sys && /usr/sbin/vm-probe check --all <&-'
expect_exit 0 vm-probe list
expect_text 107
expect_exit 0 vm-probe discover
expect_exit "1|2" vm-probe check 999

# One that has no network, no display and no agent has nothing of it to be ill of; one that is off is off.
vm 113 "net0: " "vga: none" "agent: "
up 113
fine 113
vm 114
look 0 114 stopped none
vm 115 "template: 1"
look "0|1" 115 stopped none
vm 116 "net0: virtio=BC:24:11:00:00:74,bridge=vmbr0,link_down=1"
up 116
ip link set tap116i0 down
fine 116
