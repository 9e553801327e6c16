# shellcheck shell=bash disable=SC2154
# devices.sh: passed-through devices, the way PVE finds, reserves and binds them.

# One line per passed-through function: "ADDRESS keep|vfio".
devices() {
    local key part value driver id f
    for key in "${!cfg[@]}"; do
        [[ $key =~ ^hostpci[0-9]+$ ]] || continue
        value='' driver=vfio
        for part in ${cfg[$key]//,/ }; do
            case $part in
                driver=*) driver=${part#*=} ;;
                mapping=*) value=$(mapped "${part#*=}") || die "PCI device mapping not found for '${part#*=}'" ;;
                host=*) value=${part#*=} ;;
                *=*) ;;
                *) value=$part ;;
            esac
        done
        for id in ${value//;/ }; do
            [[ $id == *:*:* ]] || id=0000:$id
            [[ $id == *.* ]] || id=$id.
            compgen -G "$sys/devices/$id*" >/dev/null || die "no pci device info for device '${id%.}'"
            for f in "$sys/devices/$id"*; do printf '%s %s\n' "${f##*/}" "$driver"; done
        done
    done | sort
}

# The first of a mapping's alternatives for this node.
mapped() {
    awk -v id="$1" '
        /^[^ \t]/ { on = ($1 == id) }
        on && $1 == "map" && /node=lab(,|$)/ && match($2, /path=[^,]*/) { print substr($2, RSTART + 5, RLENGTH - 5); exit }
    ' /etc/pve/mapping/pci.cfg 2>/dev/null | grep .
}

reserve() {
    local vmid=$1 address other rest
    shift
    release "$vmid"
    touch "$reservations"
    for address; do
        while read -r id other rest; do
            [[ $id != "$address" || $other = "$vmid" ]] && continue
            running_pid "$other" >/dev/null && die "PCI device '$address' already in use by VMID '$other'"
        done <"$reservations"
        printf '%s %s time:%s\n' "$address" "$vmid" "${EPOCHSECONDS}" >>"$reservations"
    done
}
release() { [[ ! -e $reservations ]] || sed -i "/^[^ ]* $1 /d" "$reservations"; }

# Every non-bridge device of the group: new_id, unbind, bind. Never remove_id, never an override.
bind_group() {
    local member a vendor device class
    [[ -e $sys/drivers/vfio-pci ]] || modprobe vfio-pci
    for member in "$sys/devices/$1"/iommu_group/devices/*; do
        a=${member##*/}
        read -r class <"$member/class"
        [[ $class != 0x06* ]] || continue
        [[ ! $member/driver -ef $sys/drivers/vfio-pci ]] || continue
        read -r vendor <"$member/vendor"
        read -r device <"$member/device"
        echo "new_id ${vendor#0x} ${device#0x}" >>/run/lab/log/pve-binding
        echo "${vendor#0x} ${device#0x}" 2>/dev/null >"$sys/drivers/vfio-pci/new_id" || true
        [[ ! -e $member/driver ]] || echo "$a" >"$member/driver/unbind"
        [[ $member/driver -ef $sys/drivers/vfio-pci ]] || echo "$a" >"$sys/drivers/vfio-pci/bind"
        [[ $member/driver -ef $sys/drivers/vfio-pci ]] || die "cannot bind $a to vfio"
    done
}
