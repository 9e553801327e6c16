# shellcheck shell=bash
# ground.sh: the state every scenario starts from, kept at boot and restored in between.

# read_state ADDR...: one line per device into STATE.
read_state() {
    local a line f
    STATE=''
    for a; do
        read_driver "$a"
        line="$a $REPLY"
        for f in power/control d3cold_allowed driver_override; do
            read_attr "$DEV/$a/$f"
            line+=" ${f##*/}=$REPLY"
        done
        STATE+=$line$'\n'
    done
}

read_ground() {
    local a
    # shellcheck disable=SC2086
    read_state $ALL_DEVICES
    for a in /sys/class/vtconsole/*; do
        read_attr "$a/bind"
        STATE+="${a##*/} bind=$REPLY"$'\n'
    done
}

save_ground() {
    read_ground
    printf '%s' "$STATE" >/run/lab/ground
}

# A writer to sysfs has a name of its own.
OURS='gpu-bind pve-hook usb-reset coral-check sysfs-worker'

stop_all() {
    local pid f
    # Tasks of qm and watchers first: they would answer the end of a VM with its post-stop.
    for f in /run/lab/watch/* /run/lab/guard/*; do
        [[ -e $f ]] || continue
        pid=$(attr "$f")
        kill -KILL -- "-$pid" 2>/dev/null || true
        rm -f "$f"
    done
    read_processes 'qemu-system-*'
    for pid in $REPLY; do kill -KILL "$pid" 2>/dev/null || true; done
    wait_for 15 nothing_runs 'qemu-system-*' || return 1
    # A writer that hung on QEMU ends now by itself; whatever else is left is a leftover.
    # shellcheck disable=SC2086
    wait_for 3 nothing_runs $OURS || for pid in $REPLY; do kill -KILL "$pid" || true; done
    # shellcheck disable=SC2086
    wait_for 10 nothing_runs $OURS
}

reset_hardware() {
    local a f
    if [[ -e /run/lab/slot-touched ]]; then
        slot_power "$PORT" on
        slot_power "$PORT2" on
        rm /run/lab/slot-touched
        # Without power it lost its BARs.
        for a in $FUNCTIONS; do [[ ! -e $DEV/$a ]] || try_put 1 "$DEV/$a/remove"; done
    fi
    for f in /run/lab/window-*; do
        [[ -e $f ]] || continue
        memory_window "${f##*window-}" open
        rm "$f"
    done
    rm -f /etc/modprobe.d/lab-*
    reset_usb || return 1
    if [[ -e /run/lab/plugged ]]; then
        third_gone || unplug_third >/dev/null
        wait_for 15 third_gone || { echo "$GPU3 does not go" && return 1; }
        rm /run/lab/plugged
    fi
    [[ -e $DEV/$GPU && -e $DEV/$SND && -e $DEV/$GPU2 && -e $DEV/$SND2 ]] || try_put 1 "$SYS/rescan"
    for a in $FUNCTIONS; do wait_for 15 test -e "$DEV/$a" || { echo "$a is gone" && return 1; }; done
    drop_new_ids
    if [[ -e /run/lab/swapped ]]; then
        for a in $FUNCTIONS; do is_driver "$a" vfio-pci && try_put "$a" "$DEV/$a/driver/unbind"; done
        rmmod vfio-pci
        rm /run/lab/swapped
    fi
    [[ -e $SYS/drivers/vfio-pci ]] || modprobe vfio-pci
    [[ -e $SYS/drivers/bochs-drm ]] || modprobe bochs
    [[ -e $SYS/drivers/snd_hda_intel ]] || modprobe snd-hda-intel
    try_put 1 "$SYS/drivers_autoprobe"
    raw_attach "$GPU" "$SND" "$GPU2" "$SND2" || { echo "a device cannot be bound" && return 1; }
    for a in "$SND" "$SND2"; do wait_for 10 has_sound "$a" || { echo "$a has no sound card" && return 1; }; done
}

# Debian's kernel lets the framebuffer console take over with the first text that is written to it,
# a little later. Until then, whether it is bound depends on what happened to write there.
wake_console() {
    echo >/dev/tty0
    wait_for 3 console_on_framebuffer || true
}
console_on_framebuffer() {
    local c
    for c in /sys/class/vtconsole/*; do
        read_attr "$c/name"
        [[ $REPLY != *"frame buffer"* ]] && continue
        read_attr "$c/bind"
        [[ $REPLY == 1 ]] && return 0
    done
    return 1
}

reset_attributes() {
    local a rest driver control d3cold
    while read -r a driver control d3cold rest; do
        case $a in
            vtcon*) [[ $driver != bind=1 ]] || try_put 1 "/sys/class/vtconsole/$a/bind" ;;
            *)
                [[ $control = control=* ]] || continue
                try_put "${control#*=}" "$DEV/$a/power/control"
                try_put "${d3cold#*=}" "$DEV/$a/d3cold_allowed"
                ;;
        esac
    done </run/lab/ground
}

reset_files() {
    local f
    rm -rf /run/pve-hooks /var/lib/pve-hooks /etc/pve-hooks /run/systemd/system /run/lab/knob /run/lab/guest
    rm -f /etc/pve/nodes/lab/qemu-server/* /etc/pve/mapping/* /run/qemu-server/* \
        /var/lock/qemu-server/* /run/lab/log/*
    for f in /var/lib/vz/snippets/*; do
        [[ $f -ef /usr/sbin/${f##*/} ]] || rm -rf "$f"
    done
    mkdir /run/lab/knob
    link_snippets
}

# Fails, with the difference on stdout, when the machine cannot be brought back.
reset_ground() {
    stop_all || { echo "a process does not end: $REPLY" && return 1; }
    reset_hardware || return 1
    wake_console
    reset_attributes
    reset_files
    read_ground
    [[ $STATE == "$(</run/lab/ground)"$'\n' ]] || diff /run/lab/ground <(printf '%s' "$STATE")
}
