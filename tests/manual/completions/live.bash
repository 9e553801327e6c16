# Virtual machines of this node: 111; with the name of a key, those that have it: vm:111.
_pve_hooks_vms() {
    local file vm line
    local -a lines
    for file in $(_pve_hooks_files '/etc/pve/qemu-server/*.conf'); do
        vm=${file##*/} vm=${vm%.conf}
        [[ "$vm" != *[!0-9]* ]] || continue
        if [[ -z "$1" ]]; then
            _pve_hooks_offer "$vm"
            continue
        fi
        lines=()
        { mapfile -t lines <"$file"; } 2>/dev/null
        for line in "${lines[@]}"; do
            # Snapshots follow.
            [[ "$line" != \[* ]] || break
            [[ "$line" == "$1"[0-9]*:* ]] || continue
            _pve_hooks_offer "vm:$vm"
            break
        done
    done
}

_pve_hooks_gpus() {
    _pve_hooks_pci 0x03
    _pve_hooks_vms hostpci
    _pve_hooks_offer all
}

_pve_hooks_controllers() {
    _pve_hooks_pci 0x0c03
}

_pve_hooks_usb() {
    _pve_hooks_devices
    _pve_hooks_vms usb
}

_pve_hooks_corals() {
    _pve_hooks_devices 1a6e:089a 18d1:9302
}

# PCI devices of a class, but for SR-IOV's virtual functions, which PVE moves itself.
_pve_hooks_pci() {
    local dir class
    for dir in $(_pve_hooks_files '/sys/bus/pci/devices/*'); do
        class=
        { read -r class <"$dir/class"; } 2>/dev/null
        [[ "$class" == "$1"* && ! -e "$dir/physfn" && "${dir##*/}" != *[!0-9a-f:.]* ]] || continue
        _pve_hooks_offer "${dir##*/}"
        # Who types 01:00 means domain 0.
        [[ -z "$cur" ]] || _pve_hooks_offer "${dir##*/0000:}"
    done
}

# USB devices by port and by id; with ids, the ports of these. Root hubs have another form of name, interfaces have a colon.
_pve_hooks_devices() {
    local dir port vendor product id seen=' '
    for dir in $(_pve_hooks_files '/sys/bus/usb/devices/*-*'); do
        port=${dir##*/} vendor='' product=''
        { read -r vendor <"$dir/idVendor" && read -r product <"$dir/idProduct"; } 2>/dev/null
        id=$vendor:$product
        [[ "$port" != *[!0-9.-]* && ${#id} -eq 9 && "$id" != *[!0-9a-f:]* ]] || continue
        [[ $# -eq 0 || " $* " == *" $id "* ]] || continue
        _pve_hooks_offer "$port"
        [[ $# -eq 0 && "$seen" != *" $id "* ]] || continue
        seen+="$id "
        _pve_hooks_offer "$id"
    done
}

# In order, and whatever the person's own shell says about patterns that match nothing.
_pve_hooks_files() (
    set +f
    shopt -u failglob
    shopt -s nullglob
    printf '%s\n' $1
)

_pve_hooks_offer() {
    local word
    for word; do
        [[ "$word" != "$cur"* ]] || COMPREPLY+=("${word#"$kept"}")
    done
}
