_pve_hooks_vms() {
    local -a found
    _pve_hooks_find_vms
    _describe -t vms VM found "$@"
}

_pve_hooks_gpus() {
    local -a found=('all:every GPU')
    _pve_hooks_find_pci 0x03
    _pve_hooks_find_vms hostpci
    _describe -t gpus GPU found "$@" -M 'l:|=0000\:'
}

_pve_hooks_controllers() {
    local -a found
    _pve_hooks_find_pci 0x0c03
    _describe -t controllers 'USB controller' found "$@"
}

_pve_hooks_usb() {
    local -a found
    _pve_hooks_find_usb
    _pve_hooks_find_vms usb
    _describe -t devices 'USB device' found "$@"
}

_pve_hooks_corals() {
    local -a found
    _pve_hooks_find_usb 1a6e:089a 18d1:9302
    _describe -t corals Coral found "$@"
}

# Virtual machines of this node: 111; with the name of a key, those that have it: vm:111.
_pve_hooks_find_vms() {
    local file line name has
    for file in /etc/pve/qemu-server/<->.conf(N); do
        name='' has=''
        {
            while read -r line; do
                case $line in
                    # Snapshots follow.
                    (\[*) break ;;
                    (name:*) name=${line#name:} ;;
                    (${1:-none}[0-9]*:*) has=vm: ;;
                esac
            done <$file
        } 2>/dev/null
        [[ -n $1 && -z $has ]] || _pve_hooks_add $has${${file:t}%.conf} $name
    done
}

# PCI devices of a class, but for SR-IOV's virtual functions, which PVE moves itself.
_pve_hooks_find_pci() {
    local dir class driver REPLY
    for dir in /sys/bus/pci/devices/*(N); do
        class=''
        { read -r class <$dir/class } 2>/dev/null
        [[ $class == $1* && ! -e $dir/physfn && ${dir:t} != *[^0-9a-f:.]* ]] || continue
        driver=$dir/driver
        if [[ -e $driver ]]; then driver=${driver:A:t}; else driver='no driver'; fi
        _pve_hooks_name +pci:${dir:t}
        _pve_hooks_add ${dir:t} "$driver $REPLY"
    done
}

# USB devices by port and by id; with ids, the ports of these. Root hubs have another form of name, interfaces have a colon.
_pve_hooks_find_usb() {
    local dir vendor product id bus number REPLY
    local -A seen
    for dir in /sys/bus/usb/devices/<->-*(N); do
        vendor='' product='' bus=0 number=0
        {
            read -r vendor <$dir/idVendor
            read -r product <$dir/idProduct
            read -r bus <$dir/busnum
            read -r number <$dir/devnum
        } 2>/dev/null
        id=$vendor:$product
        [[ ${dir:t} != *[^0-9.-]* && $#id == 9 && $id != *[^0-9a-f:]* && $bus$number != *[^0-9]* ]] || continue
        (($# == 0 || ${@[(I)$id]})) || continue
        _pve_hooks_name c189:$(((bus - 1) * 128 + number - 1))
        _pve_hooks_add ${dir:t} "$id $REPLY"
        (($# == 0)) || continue
        [[ $PREFIX != /* ]] || _pve_hooks_add /dev/bus/usb/${(l:3::0:)bus}/${(l:3::0:)number} "$id $REPLY"
        [[ -z $seen[$id] ]] || continue
        seen[$id]=1
        _pve_hooks_add $id "${dir:t} $REPLY"
    done
}

# What udev calls a device. The attribute "product" is not read: it waits while a reset holds the device.
_pve_hooks_name() {
    local line
    local -A said
    {
        while read -r line; do
            [[ $line == E:ID_(VENDOR|MODEL)(_FROM_DATABASE|)=* ]] && said[${${line%%=*}#E:ID_}]=${line#*=}
        done </run/udev/data/$1
    } 2>/dev/null
    REPLY="${said[VENDOR_FROM_DATABASE]:-${said[VENDOR]//_/ }} ${said[MODEL_FROM_DATABASE]:-${said[MODEL]//_/ }}"
}

# A word and what is known about it, which comes from files that anybody may have written.
_pve_hooks_add() {
    local text=${${2//[^[:print:]]/ }//\\/\\\\}
    found+=("${1//:/\\:}:${(j: :)${=text}}")
}
