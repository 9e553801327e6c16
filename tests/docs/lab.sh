# shellcheck shell=bash
# lab.sh: what the pages take for granted before their blocks are run in the lab.

# shellcheck source=tests/docs/blocks.sh
. "${BASH_SOURCE[0]%/*}/blocks.sh"

named() { # VMID NAME LINE...
    vm_config "$1" "${@:3}"
    sed -i "s/^name: .*/name: $2/" "/etc/pve/qemu-server/$1.conf"
}
# No VM with a GPU from an earlier block.
no_gpu_vm() {
    local vmid
    for vmid in 111 112 113; do
        ! vm_runs $vmid || expect_exit 0 qm stop $vmid
        rm -f /etc/pve/nodes/lab/qemu-server/$vmid.conf
    done
}

# VM 111, which has nothing yet.
prepare_gpu() {
    no_gpu_vm
    named 111 win
}
# The same with its GPU.
prepare_given() {
    no_gpu_vm
    named 111 win "hostpci0: 0000:01:00,pcie=1"
}
# Two of them.
prepare_pair() {
    prepare_gpu
    named 112 nas
}
# A mapping that names both GPUs.
prepare_pool() {
    named 113 web
    printf 'gpus\n\tmap id=1234:1111,node=lab,path=0000:01:00\n\tmap id=1234:1111,node=lab,path=0000:02:00\n' >/etc/pve/mapping/pci.cfg
}
prepare_mdev() { named 113 web; }
# Hooks that fail.
prepare_failing() {
    expect_exit 0 qm stop 111
    printf '#!/bin/sh\nexit 7\n' >/etc/pve-hooks/hooks.d/111/60-fails
    printf '#!/bin/sh\nexec sleep 100\n' >/etc/pve-hooks/hooks.d/111/70-slow
    chmod 755 /etc/pve-hooks/hooks.d/111/*
    printf '[hook]\nchain_timeout = "2s"\n' >/etc/pve-hooks/config.toml
}

# A Coral that nobody has yet. The lab is slower than anybody's guest: with its own deadline it would be told as silent.
prepare_coral() {
    mkdir -p /etc/pve-hooks
    printf 'timeout = "60s"\n' >/etc/pve-hooks/config.toml
    coral_plug
    [[ $(coral_port) == 6-1 ]] || fail "the page says 6-1, and the Coral is at $(coral_port)"
    named 275 frigate "ostype: l26" "agent: 1"
}
# VM 275 has it.
prepare_seen() {
    wait_for 60 usb_live 275 || fail "QEMU does not get it"
    wait_for 30 guest_sees 275 18d1:9302 || fail "the guest does not see it"
}
prepare_frigate() {
    mkdir -p /var/lib/prometheus/node-exporter
    if vm_runs 275; then return; fi
    prepare_coral
    expect_exit 0 qm set 275 --usb0 host=6-1
    expect_exit 0 qm start 275
    prepare_seen
}
prepare_stale() { coral_stale 275; }
prepare_cron() { mkdir -p /etc/cron.d /var/lib/prometheus/node-exporter; }
trap 'rm -rf /etc/cron.d/coral-check /var/lib/prometheus/node-exporter' EXIT
