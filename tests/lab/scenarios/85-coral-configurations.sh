# How a VM can name its Coral: by id (loses it when the id changes), by mapping (does not start then), by port;
# several Corals and VMs in one run, and as many lines as PVE knows.
# timeout: 300
# kernel: 6.1
finding() { # FILTER STATE...
    local state
    for state in "${@:2}"; do
        expect_json "[.corals[] | select($1) | .findings[] | tostring | test(\"$state\")] | any" true
    done
}
coral_plug "$CORAL_FRESH"
coral_plug "$CORAL" 1
coral_vm 275 host=1a6e:089a
coral_vm 276 "host=$(coral_port 1)"
expect_exit 0 qm start 275
wait_for 60 usb_live 275
expect_exit 0 qm start 276
wait_for 60 usb_live 276 1
expect_exit "0|1" coral-check --json --timeout 80s
expect_json '[.corals[].vm.vmid] | sort | map(tostring) | join(" ")' "275 276"
finding '.vm.vmid == 275' config_fragile
expect_json '.corals[] | select(.vm.vmid == 276) | .state' ok
expect_exit "0|1" coral-check --timeout 80s
expect_text "usb0.*host=$(coral_port)"

# Its firmware is loaded: another id, and the VM has lost it.
coral_reenumerate clean "$CORAL"
nobody() { [[ ! $(usb_handles 275) ]]; }
wait_for 25 nobody
# No cure is made for that: it says so, and what a person may type. Rebooted as it is, the VM would not get it either.
expect_exit 1 coral-check --vm 275 --fix --auto-reboot --timeout 80s
expect_text "config_fragile not changed: .*; you may: qm set 275 --usb0 host=$(coral_port)" "vm-reboot refused: VM 275 is not rebooted"
wait_for 20 nobody
expect_exit 1 coral-check --vm 275 --json --timeout 80s
expect_json '.corals[0].severity' critical
expect_exit 0 coral-check --vm 276 --timeout 80s
expect_exit 0 qm stop 275

printf 'coral\n\tmap id=1a6e:089a,node=lab,path=%s\n' "$(coral_port)" >/etc/pve/mapping/usb.cfg
coral_vm 275 mapping=coral
expect_exit "0|1" coral-check --vm 275 --json --timeout 80s
finding true config_fragile vm_stopped
expect_exit 255 qm start 275

lines=()
for n in 1 2 3 4 5 6 7 8 9 10 11 12 13; do lines+=("usb$n: host=7-$n.1.1.1.1.1"); done
coral_vm 275 "host=$(coral_port)" "${lines[@]}"
expect_exit 0 qm start 275
wait_for 60 usb_live 275
expect_exit_within 55 0 coral-check --vm 275 --timeout 40s

# A VM whose devices have no port of their own in QEMU: refused rather than guessed.
expect_exit 0 qm stop 275
coral_vm 275 "host=$(coral_port)"
sed -i 's/^ostype: .*/ostype: wxp/' /etc/pve/qemu-server/275.conf
expect_exit 0 qm start 275
expect_exit "0|1|5" coral-check --vm 275 --fix --timeout 80s
[[ ! -e /run/lab/log/reboots.275 && ! -e /run/lab/log/reboots.276 ]] || fail "a VM was rebooted"
