# shellcheck shell=bash
# ground.sh: the state every scenario starts from, kept at boot and restored in between.

ground_of() {
    local a
    for a in $FUNCTIONS; do
        printf '%s %s control=%s d3cold=%s override=%s\n' "$a" "$(driver_of "$a")" \
            "$(attr "$DEV/$a/power/control")" "$(attr "$DEV/$a/d3cold_allowed")" \
            "$(attr "$DEV/$a/driver_override")"
    done
    for a in "$NIC" 0000:03:00.0 0000:04:00.0; do printf '%s %s\n' "$a" "$(driver_of "$a")"; done
    for a in /sys/class/vtconsole/*; do printf '%s bind=%s\n' "${a##*/}" "$(attr "$a/bind")"; done
}

save_ground() { ground_of >/run/lab/ground; }

# The processes of this machine whose name matches one of the patterns.
processes() {
    local p name pattern
    for p in /proc/[0-9]*; do
        { read -r name <"$p/comm"; } 2>/dev/null || continue
        for pattern; do
            # shellcheck disable=SC2053
            [[ $name == $pattern ]] && alive "${p##*/}" && printf '%s\n' "${p##*/}"
        done
    done
}

stop_all() {
    local pid f
    # Watchers first: they would answer the end of a VM with its post-stop.
    for f in /run/lab/watch/* /run/lab/guard/*; do
        [[ -e $f ]] || continue
        pid=$(attr "$f")
        kill -KILL -- "-$pid" 2>/dev/null || true
        rm -f "$f"
    done
    for pid in $(processes 'qemu-system-*'); do kill -KILL "$pid" 2>/dev/null || true; done
    wait_for 15 nothing_runs 'qemu-system-*' || return 1
    # A writer that hung on QEMU ends now by itself; whatever else is left is a leftover.
    wait_for 3 nothing_runs gpu-bind pve-hook 'pve-hooks*' ||
        for pid in $(processes gpu-bind pve-hook 'pve-hooks*'); do kill -KILL "$pid" || true; done
    wait_for 10 nothing_runs gpu-bind pve-hook 'pve-hooks*'
}
nothing_runs() { [[ -z $(processes "$@") ]]; }

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
    if [[ -e /run/lab/unplugged ]]; then
        plug "$(attr /run/lab/unplugged)" >/dev/null
        rm /run/lab/unplugged
    fi
    [[ -e $DEV/$GPU && -e $DEV/$SND && -e $DEV/$GPU2 && -e $DEV/$SND2 ]] || try_put 1 "$SYS/rescan"
    for a in $FUNCTIONS; do wait_for 15 test -e "$DEV/$a" || return 1; done
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
    raw_attach "$GPU" "$SND" "$GPU2" "$SND2" || return 1
    wait_for 5 has_sound "$SND" && wait_for 5 has_sound "$SND2"
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
    rm -rf /run/pve-hooks /var/lib/pve-hooks /etc/pve-hooks /run/systemd/system /run/lab/knob
    rm -f /etc/pve/nodes/lab/qemu-server/* /etc/pve/mapping/* /run/qemu-server/* \
        /var/lock/qemu-server/* /run/lab/log/*
    for f in /var/lib/vz/snippets/*; do
        [[ $f -ef /usr/sbin/${f##*/} ]] || rm -rf "$f"
    done
    mkdir -p /run/lab/knob /run/lab/log /run/lab/watch /run/lab/guard
    link_snippets
}

link_snippets() {
    local p
    for p in $LAB_PROGRAMS; do
        [[ -e /var/lib/vz/snippets/$p ]] || ln -s "/usr/sbin/$p" "/var/lib/vz/snippets/$p"
    done
}

# Fails, with the difference on stdout, when the machine cannot be brought back.
reset_ground() {
    stop_all || { echo "a process does not end: $(processes 'qemu-system-*' gpu-bind pve-hook)" && return 1; }
    reset_hardware || { echo "a device does not come back" && return 1; }
    reset_attributes
    reset_files
    ground_of >/run/lab/ground.now
    diff /run/lab/ground /run/lab/ground.now
}
