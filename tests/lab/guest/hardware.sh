# shellcheck shell=bash disable=SC2034
# hardware.sh: the lab's devices and raw sysfs moves on them. Never calls the programs under test.
# Builtins instead of programs where possible: each exec costs 20 to 60 ms in emulation.

# Two of them on two cores with everything else: three times as slow as when it is alone is nothing unusual.
PATIENCE=3
# shellcheck source=tests/lab/base.sh
. "${BASH_SOURCE[0]%/*}/../base.sh"

SYS=/sys/bus/pci
DEV=$SYS/devices
GPU=0000:01:00.0 SND=0000:01:00.1 GPU2=0000:02:00.0 SND2=0000:02:00.1
GPU3=0000:06:00.0 SND3=0000:06:00.1
NIC=0000:05:00.0 PORT=0000:00:11.0 PORT2=0000:00:12.0
FUNCTIONS="$GPU $SND $GPU2 $SND2"
ALL_DEVICES="$FUNCTIONS $NIC 0000:03:00.0 0000:04:00.0"

# read_driver ADDR: the driver into REPLY; "none", or "gone" with the device.
read_driver() {
    local link=$DEV/$1/driver d
    REPLY=gone
    [[ -e $DEV/$1 ]] || return 0
    REPLY=none
    [[ -e $link ]] || return 0
    for d in bochs-drm snd_hda_intel vfio-pci e1000e xhci_hcd; do
        REPLY=$d
        [[ $link -ef $SYS/drivers/$d ]] && return 0
    done
    REPLY=$(readlink "$link")
    REPLY=${REPLY##*/}
}
driver_of() {
    read_driver "$1"
    printf '%s' "$REPLY"
}

host_driver() {
    case $1 in
        *.0) printf 'bochs-drm' ;;
        *.1) printf 'snd_hda_intel' ;;
    esac
}

# What config space answers now: device and vendor id, ffffffff when it is dead.
config_id() {
    local id
    id=$(od -An -tx4 -N4 "$DEV/$1/config" 2>/dev/null)
    printf '%s' "${id# }"
}

group_of() {
    local g
    g=$(readlink "$DEV/$1/iommu_group")
    printf '%s' "${g##*/}"
}

# put VALUE FILE: one write, its errno text on stderr.
put() { printf '%s\n' "$1" >"$2"; }
try_put() { put "$1" "$2" 2>/dev/null || true; }

unbind() { [[ ! -e $DEV/$1/driver ]] || put "$1" "$DEV/$1/driver/unbind"; }

# raw_detach [ADDR...]: to vfio-pci by override, as a careful person would.
raw_detach() {
    local a
    (($#)) || set -- "$SND" "$GPU"
    for a; do
        put vfio-pci "$DEV/$a/driver_override"
        is_driver "$a" vfio-pci && continue
        unbind "$a"
        put "$a" "$SYS/drivers/vfio-pci/bind"
    done
}

# raw_attach [ADDR...]: back to the host driver, override cleared, whatever it was bound to.
raw_attach() {
    local a driver
    (($#)) || set -- "$GPU" "$SND"
    for a; do
        driver=$(host_driver "$a")
        put "$driver" "$DEV/$a/driver_override"
        if ! is_driver "$a" "$driver"; then
            unbind "$a"
            put "$a" "$SYS/drivers/$driver/bind"
        fi
        put '' "$DEV/$a/driver_override"
    done
}

# What PVE leaves behind: the ids of ADDR in vfio-pci's dynamic list.
leave_new_id() {
    local a
    for a in "$@"; do
        read -r v <"$DEV/$a/vendor"
        read -r d <"$DEV/$a/device"
        try_put "${v#0x} ${d#0x}" "$SYS/drivers/vfio-pci/new_id"
    done
}

drop_new_ids() {
    [[ -e $SYS/drivers/vfio-pci ]] || return 0
    try_put "1234 1111" "$SYS/drivers/vfio-pci/remove_id"
    try_put "8086 2668" "$SYS/drivers/vfio-pci/remove_id"
}

# vfio-pci registered before bochs, as with vfio-pci in /etc/modules. Undone by the reset.
vfio_pci_first() {
    : >/run/lab/swapped
    rmmod bochs
    [[ -e $SYS/drivers/vfio-pci ]] || modprobe vfio-pci
    modprobe bochs
    wait_for 5 is_driver "$GPU" bochs-drm
    wait_for 5 is_driver "$GPU2" bochs-drm
}
# The sound card comes some time after bind has returned: snd_hda_intel probes its codecs in a worker.
has_sound() { compgen -G "$DEV/$1/sound/card*" >/dev/null; }
has_drm() { compgen -G "$DEV/$1/drm/card*" >/dev/null; }
is_driver() { [[ $DEV/$1/driver -ef $SYS/drivers/$2 ]]; }

# slot_power PORT on|off: without power config space reads ffffffff, as after a lost GPU. With power
# again it answers, but its BARs are gone until a remove and rescan.
slot_power() {
    case $2 in
        off) setpci -s "$1" CAP_EXP+18.w=0400:0400 ;;
        on) setpci -s "$1" CAP_EXP+18.w=0000:0400 ;;
    esac
    : >/run/lab/slot-touched
}

# memory_window PORT closed|open: closed, config space lives but the host driver's probe fails.
memory_window() {
    [[ -e /run/lab/window-$1 ]] || setpci -s "$1" MEMORY_LIMIT >"/run/lab/window-$1"
    case $2 in
        closed) setpci -s "$1" MEMORY_LIMIT=0000 ;;
        open) setpci -s "$1" MEMORY_LIMIT="$(attr "/run/lab/window-$1")" ;;
    esac
}

# outer_qmp JSON...: commands to the machine's own QEMU; prints errors.
outer_qmp() {
    local line='' command fd
    exec {fd}<>/dev/virtio-ports/lab.qmp
    for command in '{"execute":"qmp_capabilities"}' "$@"; do
        printf '%s\n' "$command" >&"$fd"
        while read -rt 10 -u "$fd" line; do
            [[ $line != '{"return"'* && $line != '{"error"'* ]] || break
        done
        [[ $line != '{"error"'* ]] || printf '%s\n' "$line"
    done
    exec {fd}>&-
}

# plug_third: another GPU with sound at 06:00. QEMU's VGA cannot be hot-plugged; this one has the same
# id and driver. Function 0 comes last: with it the slot reports. Once per boot: a second one at this
# place makes QEMU abort.
plug_third() {
    local add='{"execute":"device_add","arguments":{"driver"'
    : >/run/lab/plugged
    outer_qmp \
        "$add:\"intel-hda\",\"id\":\"snd6\",\"bus\":\"rp6\",\"addr\":\"0.1\",\"multifunction\":true}}" \
        "$add:\"hda-output\",\"id\":\"codec6\",\"bus\":\"snd6.0\",\"audiodev\":\"mute\"}}" \
        "$add:\"bochs-display\",\"id\":\"gpu6\",\"bus\":\"rp6\",\"addr\":\"0.0\",\"multifunction\":true}}"
}
# unplug_third: pulls it out, as the machine does it: the kernel is asked and lets go.
unplug_third() { outer_qmp '{"execute":"device_del","arguments":{"id":"gpu6"}}'; }
third_gone() { [[ ! -e $DEV/$GPU3 && ! -e $DEV/$SND3 ]]; }

# inner_qemu PIDFILE ADDR...: a bare QEMU that holds the functions, with PVE's kind of command line.
inner_qemu() {
    local pidfile=$1 a
    local -a args=()
    shift
    for a; do args+=(-device "vfio-pci,host=$a"); done
    # -S: the guest's CPU would only cost time; the group is held all the same.
    qemu-system-x86_64 -accel tcg -M q35 -m 32 -nodefaults -display none -S \
        -name inner -pidfile "$pidfile" -daemonize "${args[@]}"
}
