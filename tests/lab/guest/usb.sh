# shellcheck shell=bash disable=SC2034
# usb.sh: the lab's USB devices. The Coral is a gadget on an emulated host controller (dummy_hcd), what
# stands beside it hangs on the machine's xHCI controllers. Never calls the programs under test.
#
# Nothing of this exists before a scenario asks for it; reset_usb takes it away again.
#
# What dummy_hcd does, on 6.1 and 6.12 alike, measured:
#   two controllers, each with a USB 3 and a USB 2 root hub of one port; the two ports know each other
#     (peer); they are platform devices, so there is no PCI controller to unbind
#   plug          enumerated and configured 0.4 s later; SuperSpeed, 896 mA; usb_f_ss_lb has no host driver
#   port disable  1: gone after 0.2 to 1.2 s, 0: back after 0.5 s with a new devnum (a real re-enumeration)
#   USBDEVFS_RESET  0.5 to 0.8 s, rc 0, devnum unchanged, "reset SuperSpeed" in the log; root hub: EISDIR
#   unbind, bind  at once, devnum unchanged; authorized 0 and 1: the same
#   suspend       a SuperSpeed port refuses ("can't suspend, status -32") and the device stays active;
#                 a high-speed one suspends, and opening its node wakes it
#   hung          SET_CONFIGURATION times out after 5 s (-110); so long every attribute that takes the
#                 device's lock (bConfigurationValue, power/control, authorized) cannot be read either.
#                 USBDEVFS_RESET of it: 0.8 s, rc 0, still hung

USB=/sys/bus/usb/devices
GADGETS=/sys/kernel/config/usb_gadget
CORAL=18d1:9302 CORAL_FRESH=1a6e:089a

# --- the Coral; N is the emulated controller, 0 or 1, 0 when not given

# coral_bus N 5000|480: the number of that bus.
coral_bus() {
    local d
    for d in "/sys/devices/platform/dummy_hcd.$1"/usb*; do
        read_attr "$d/speed"
        [[ $REPLY == "$2" ]] || continue
        read_attr "$d/busnum"
        printf '%s' "$REPLY"
    done
}

# What a Coral needs, loaded once and kept: two to four seconds, all of them modprobe's.
coral_ready() {
    : >/run/lab/usb-touched
    [[ ! -d $GADGETS ]] || return 0
    modprobe dummy_hcd is_super_speed=1 num=2
    modprobe usb_f_ss_lb
    mountpoint -q /sys/kernel/config || mount -t configfs none /sys/kernel/config
    CORAL_BUSES="$(coral_bus 0 5000) $(coral_bus 0 480) $(coral_bus 1 5000) $(coral_bus 1 480)"
    printf '%s\n' "$CORAL_BUSES" >/run/lab/coral-buses
}

# coral_gadget ID N: makes the gadget; its name into REPLY.
coral_gadget() {
    local g=$GADGETS/${1/:/-}.$2
    REPLY=${g##*/}
    [[ ! -d $g ]] || return 0
    mkdir "$g" "$g/configs/c.1" "$g/functions/SourceSink.0"
    put "0x${1%:*}" "$g/idVendor"
    put "0x${1#*:}" "$g/idProduct"
    put 0x0310 "$g/bcdUSB"
    put 896 "$g/configs/c.1/MaxPower"
    ln -s "$g/functions/SourceSink.0" "$g/configs/c.1/"
}

# coral_port [N]: its bus-port now; empty and failing when it is not there.
coral_port() {
    local -a buses
    local n=${1:-0} bus
    read -ra buses </run/lab/coral-buses
    for bus in "${buses[2 * n]}" "${buses[2 * n + 1]}"; do
        [[ -e $USB/$bus-1 ]] || continue
        printf '%s' "$bus-1"
        return
    done
    return 1
}
# coral_id [N]: the live id; coral_node [N]: its device node; coral_attr FILE [N]
coral_id() {
    local d
    d=$USB/$(coral_port "${1:-0}") || return 1
    printf '%s:%s' "$(attr "$d/idVendor")" "$(attr "$d/idProduct")"
}
coral_node() {
    local d
    d=$USB/$(coral_port "${1:-0}") || return 1
    printf '/dev/bus/usb/%03d/%03d' "$(attr "$d/busnum")" "$(attr "$d/devnum")"
}
coral_attr() { attr "$USB/$(coral_port "${2:-0}")/$1"; }

coral_gone() { ! coral_port "${1:-0}" >/dev/null; }
coral_configured() {
    local port
    port=$(coral_port "${1:-0}") && [[ -e $USB/$port:1.0 && -e $(coral_node "${1:-0}") ]]
}

# coral_connect ID N, coral_disconnect N: the plug alone, without waiting for anybody to notice.
coral_connect() {
    coral_gadget "$1" "$2"
    put "dummy_udc.$2" "$GADGETS/$REPLY/UDC"
}
coral_disconnect() {
    local g
    for g in "$GADGETS"/*."$1"; do
        [[ -e $g/UDC ]] || continue
        read_attr "$g/UDC"
        [[ ! ${REPLY#-} ]] || put '' "$g/UDC"
    done
}

# coral_plug [ID [N]]: plugged in and configured by the host.
coral_plug() {
    coral_ready
    coral_disconnect "${2:-0}"
    wait_for 5 coral_gone "${2:-0}"
    coral_connect "${1:-$CORAL}" "${2:-0}"
    wait_for 10 coral_configured "${2:-0}"
}
coral_unplug() {
    coral_disconnect "${1:-0}"
    wait_for 5 coral_gone "${1:-0}"
}

# coral_reenumerate [fast|clean [ID [N]]]: gone and back, as ID when given. fast: faster than QEMU's look
# at the bus every two seconds, which leaves its handle stale most of the time; clean: it notices.
coral_reenumerate() {
    local how=${1:-fast} id=${2:-} n=${3:-0} before
    [[ $id ]] || id=$(coral_id "$n")
    before=$(coral_attr devnum "$n")
    coral_disconnect "$n"
    [[ $how == fast ]] || nap 5
    coral_connect "$id" "$n"
    wait_for 10 coral_renewed "$before" "$n"
}
coral_renewed() { coral_configured "$2" && [[ $(coral_attr devnum "$2") != "$1" ]]; }

# coral_stale VMID [N]: re-enumerates until the VM's QEMU sits on a dead handle; needs one or two tries.
coral_stale() {
    local try
    for try in 1 2 3 4 5 6 7 8; do
        coral_reenumerate fast '' "${2:-0}"
        # QEMU looks every two seconds, later on a busy machine: stale is what is stale after its next look, and the one after.
        nap 3
        if usb_stale "$1"; then
            nap 3
            ! usb_stale "$1" || return 0
        fi
        wait_for 10 usb_live "$1" "${2:-0}"
    done
    echo "the handle of VM $1 is not stale after $try tries" >&2
    return 1
}

# coral_wrong_speed [ID [N]]: the same Coral on a USB 2 link, so on the other bus of the same connector.
coral_wrong_speed() {
    local id=${1:-$CORAL} n=${2:-0}
    coral_ready
    coral_disconnect "$n"
    wait_for 5 coral_gone "$n"
    coral_gadget "$id" "$n"
    put high-speed "$GADGETS/$REPLY/max_speed"
    coral_connect "$id" "$n"
    wait_for 10 coral_configured "$n"
}

coral_deauthorise() { put 0 "$USB/$(coral_port "${1:-0}")/authorized"; }

# coral_suspend [N]: needs coral_wrong_speed first. Whoever opens the device wakes it.
coral_suspend() {
    local d
    d=$USB/$(coral_port "${1:-0}")
    put 0 "$d/power/autosuspend_delay_ms"
    put auto "$d/power/control"
    wait_for 5 coral_suspended "${1:-0}"
}
coral_suspended() { [[ $(coral_attr power/runtime_status "${1:-0}") == suspended ]]; }

# coral_hung: a Coral whose firmware does not answer SET_CONFIGURATION, on a USB 2 link (gadgetfs has no
# other). Takes eight seconds, five of them the kernel's patience. $CORAL_FIRMWARE is the process behind it.
coral_hung() {
    local bus d config='\x09\x02\x12\0\x01\x01\0\x80\xc0\x09\x04\0\0\0\xff\xff\xff\0'
    coral_ready
    coral_unplug 0
    read -r _ bus _ </run/lab/coral-buses
    d=$USB/$bus-1
    [[ -e /sys/module/gadgetfs ]] || modprobe gadgetfs
    mkdir -p /run/lab/gadgetfs
    mountpoint -q /run/lab/gadgetfs || mount -t gadgetfs none /run/lab/gadgetfs
    # Not configured before somebody reads its events: only then gadgetfs leaves the answer to him.
    put 0 "$USB/usb$bus/authorized_default"
    (
        exec 9<>/run/lab/gadgetfs/dummy_udc
        # shellcheck disable=SC2059
        printf "\0\0\0\0$config$config"'\x12\x01\0\x02\0\0\0\x40\xd1\x18\x02\x93\0\x01\0\0\0\x01' >&9
        busybox head -c 12 <&9 >/dev/null
        : >/run/lab/gadget-reads
        exec sleep 1000
    ) &
    CORAL_FIRMWARE=$!
    wait_for 10 test -e "$d/idVendor"
    wait_for 10 test -e /run/lab/gadget-reads
    rm /run/lab/gadget-reads
    put 1 "$USB/usb$bus/authorized_default"
    # Comes back when the kernel has given up.
    try_put 1 "$d/authorized"
    [[ -e $d && $(attr "$d/bConfigurationValue") == - ]]
}

# --- QEMU's side

# usb_handles VMID: what its QEMU has open below /dev/bus/usb, one line each.
usb_handles() {
    find "/proc/$(attr "/run/qemu-server/$1.pid")/fd" -lname '/dev/bus/usb/*' -printf '%l\n' 2>/dev/null || true
}
usb_stale() { [[ $(usb_handles "$1") == *'(deleted)'* ]]; }
# usb_live VMID [N]: it has the Coral open as it is now, and has claimed it.
usb_live() {
    local port node f
    port=$(coral_port "${2:-0}") && node=$(coral_node "${2:-0}") || return 1
    [[ $USB/$port:1.0/driver -ef /sys/bus/usb/drivers/usbfs ]] || return 1
    for f in "/proc/$(attr "/run/qemu-server/$1.pid")"/fd/*; do [[ ! $f -ef $node ]] || return 0; done
    return 1
}

# usb_attached VMID ID: QOM's word for it, true or false.
usb_attached() {
    local answer
    answer=$(inner_qmp "$1" "{\"execute\":\"qom-get\",\"arguments\":{\"path\":\"/machine/peripheral/$2\",\"property\":\"attached\"}}")
    [[ $answer == *'"return": '* ]] || return 1
    answer=${answer##*'"return": '}
    printf '%s' "${answer%%\}*}"
}

# monitor_spy VMID: a listener at the monitor's place. Every command goes to /run/lab/log/qmp.VMID and to QEMU.
monitor_spy() {
    local socket=/run/qemu-server/$1.qmp
    mv "$socket" "$socket.real"
    /usr/lib/lab/qmp spy "$socket" "/run/lab/log/qmp.$1" &
    wait_for 10 test -S "$socket"
}

# port_squat VMID PORT MS: another client of QEMU that takes the port of a passed-through device as soon as it is free, and
# leaves it after so long: meanwhile QEMU refuses whoever else wants it. $SQUATTER is the process, /run/lab/squatter its words.
port_squat() {
    /usr/lib/lab/qmp squat "/run/lab/guest/$1/second.qmp" xhci.0 "$2" "$3" >/run/lab/squatter &
    SQUATTER=$!
}
port_squatted() { grep -q "${1:-taken}" /run/lab/squatter; }

# coral_vm VMID [VALUE [LINE...]]: a VM with the first Coral by its port, or as usb0 says.
coral_vm() { vm_config "$1" "ostype: l26" "agent: 1" "usb0: ${2:-host=$(coral_port 0)}" "${@:3}"; }

# guest_sees VMID ID: what the guest itself says, without qm.
guest_sees() {
    local line last=''
    while read -r line; do last=$line; done <"/run/lab/guest/$1/console"
    [[ "$last " == *"/$2 "* ]]
}

# --- neighbours, on the machine's controllers xhci3 (03:00) and xhci4 (04:00)

# usb_add ID DRIVER BUS [KEY VALUE]...: plugs a device of the outer QEMU in; the last one goes first.
usb_add() {
    local id=$1 json="\"driver\":\"$2\",\"id\":\"$1\",\"bus\":\"$3.0\""
    shift 3
    while (($#)); do
        json+=",\"$1\":\"$2\""
        shift 2
    done
    : >/run/lab/usb-touched
    outer_qmp "{\"execute\":\"device_add\",\"arguments\":{$json}}"
    printf '%s\n' "$id" >>/run/lab/usb-added
}
usb_remove() {
    outer_qmp "{\"execute\":\"device_del\",\"arguments\":{\"id\":\"$1\"}}"
    sed -i "/^$1$/d" /run/lab/usb-added
}

# controller_buses 0000:03:00.0: the numbers of its USB 2 and its USB 3 bus.
controller_buses() {
    local d
    for d in "$DEV/$1"/usb*; do printf '%s ' "${d##*/usb}"; done
}

# usb_of 0000:03:00.0 VVVV:PPPP: the bus-port of the first device with this id below the controller.
usb_of() {
    local bus d
    for bus in $(controller_buses "$1"); do
        for d in "$USB/$bus"-[0-9]*; do
            [[ $d != *:* && -e $d/idVendor ]] || continue
            [[ $(attr "$d/idVendor"):$(attr "$d/idProduct") == "$2" ]] || continue
            printf '%s' "${d##*/}"
            return
        done
    done
    return 1
}

# plug_keyboard BUS, plug_tablet BUS, plug_network BUS
plug_keyboard() { usb_add "kbd-$1" usb-kbd "$1"; }
plug_tablet() { usb_add "tablet-$1" usb-tablet "$1"; }
# A USB network card; its drivers come by udev, which takes a second.
plug_network() {
    outer_qmp '{"execute":"netdev_add","arguments":{"type":"hubport","id":"usbnet","hubid":9}}' >/dev/null
    usb_add "net-$1" usb-net "$1" netdev usbnet
}
# The interface of plug_network into REPLY.
network_there() {
    local f
    for f in /sys/class/net/*; do
        [[ -e $f/device/../idVendor ]] || continue
        REPLY=${f##*/}
        return 0
    done
    return 1
}

# plug_stick BUS: one with an ext4 file system; mount_stick mounts it on /run/lab/stick. Its block device
# into STICK.
plug_stick() { usb_add "disk-$1" usb-storage "$1" drive disk serial LABSTICK; }
stick_there() {
    local d
    for d in /sys/block/sd*; do
        [[ $(udevadm info -q property -n "${d##*/}" 2>/dev/null) == *ID_SERIAL_SHORT=LABSTICK* ]] || continue
        STICK=/dev/${d##*/}
        return 0
    done
    return 1
}
mount_stick() {
    wait_for 15 stick_there
    [[ -e /sys/module/ext4 ]] || modprobe ext4
    mkdir -p /run/lab/stick
    mount -t ext4 "$STICK" /run/lab/stick
}

# plug_hubs BUS DEPTH: hubs in a row (five at most, as the standard has it) and a tablet at the end, on the
# controller's fourth port: 1-4.1.1...
plug_hubs() {
    local i port=4
    for ((i = 1; i <= $2; i++)); do
        usb_add "hub$i-$1" usb-hub "$1" port "$port"
        port+=.1
    done
    usb_add "far-$1" usb-tablet "$1" port "$port"
}

# --- back to the state every scenario starts from

reset_usb() {
    local g bus left
    [[ -e /run/lab/usb-touched ]] || return 0
    try_umount /run/lab/stick
    if [[ -e /run/lab/usb-added ]]; then
        # The last one first: a hub goes after what hangs on it.
        left=$(tac /run/lab/usb-added)
        for g in $left; do outer_qmp "{\"execute\":\"device_del\",\"arguments\":{\"id\":\"$g\"}}" >/dev/null; done
        outer_qmp '{"execute":"netdev_del","arguments":{"id":"usbnet"}}' >/dev/null
        rm -f /run/lab/usb-added
    fi
    if [[ -d $GADGETS ]]; then
        try_umount /run/lab/gadgetfs
        for g in "$GADGETS"/*; do
            [[ -e $g/UDC ]] || continue
            read_attr "$g/UDC"
            [[ ! ${REPLY#-} ]] || try_put '' "$g/UDC"
            try_put super-speed-plus "$g/max_speed"
        done
        for bus in $(</run/lab/coral-buses); do
            try_put 0 "$USB/$bus-0:1.0/usb$bus-port1/disable"
            try_put 1 "$USB/usb$bus/authorized_default"
            try_put auto "$USB/usb$bus/power/control"
        done
        for bus in 0 1; do wait_for 10 coral_gone $bus || { echo "a Coral does not go" && return 1; }; done
    fi
    rm /run/lab/usb-touched
}
try_umount() { ! mountpoint -q "$1" || umount -l "$1"; }
