# shellcheck shell=bash
# lib.sh: what the lab's scenarios are written with besides base.sh.

# --- the state of the machine

expect_driver() {
    read_driver "$1"
    [[ $REPLY == "$2" ]] || fail "$1 is on '$REPLY' instead of '$2'"
}

expect_override() {
    read_attr "$DEV/$1/driver_override"
    [[ $REPLY == "$2" ]] || fail "$1 has the override '$REPLY' instead of '$2'"
}

expect_vfio() {
    local a
    (($#)) || set -- "$GPU" "$SND"
    for a; do expect_driver "$a" vfio-pci; done
}

# expect_host [GPU SOUND]: really back: drivers, DRM and sound nodes, override, power management.
expect_host() {
    local gpu=${1:-$GPU} snd=${2:-$SND} a
    for a in $gpu $snd; do
        expect_driver "$a" "$(host_driver "$a")"
        expect_override "$a" "(null)"
        read_state "$a"
        [[ $'\n'$(</run/lab/ground) == *$'\n'"$STATE"* ]] || fail "$a is not as at boot: $STATE"
    done
    has_drm "$gpu" || fail "$gpu has no DRM card"
    # Where nobody knows that there was one, the programs wait for two seconds, and a machine that stands still may need more. That
    # they do where they know is told by 11-detach-attach.
    wait_for 5 has_sound "$snd" || fail "$snd has no sound card"
    [[ $(config_id "$gpu") == 11111234 ]] || fail "$gpu does not answer"
}

# No lock of the programs stays held: a timer may just be looking.
expect_locks_free() {
    local f
    grep -q FLOCK /proc/locks || return 0
    for f in /run/pve-hooks/* /run/pve-hooks/*/*; do
        [[ ! -f $f ]] || flock -w 90 "$f" true || fail "$f is still locked: $(</proc/locks)"
    done
}

# Everything a program could have changed, into STATE.
read_everything() {
    local f line
    # shellcheck disable=SC2086
    read_state $ALL_DEVICES
    for f in /etc/pve/nodes/lab/qemu-server/*.conf; do
        [[ -e $f ]] || continue
        STATE+="$f"$'\n'
        while read -r line; do STATE+=$line$'\n'; done <"$f"
    done
    for f in /etc/pve-hooks/* /etc/pve-hooks/*/* /var/lib/vz/snippets/*; do STATE+=$f$'\n'; done
    # Both GPUs keep the very same DRM and sound nodes when nothing was unbound.
    for f in "$DEV"/*/drm/card? "$DEV"/*/sound/card?; do STATE+=$f$'\n'; done
}
snapshot_state() {
    read_everything
    SNAPSHOT=$STATE
}
expect_unchanged() {
    read_everything
    [[ $STATE == "$SNAPSHOT" ]] ||
        fail "something changed:"$'\n'"$(diff <(printf '%s' "$SNAPSHOT") <(printf '%s' "$STATE"))"
}

# The identical neighbour: on its own driver with the DRM node it had.
read_neighbour() {
    local f
    read_state "$GPU2" "$SND2"
    for f in "$DEV/$GPU2"/drm/card?; do STATE+=$f$'\n'; done
}
snapshot_neighbour() {
    read_neighbour
    NEIGHBOUR=$STATE
}
expect_neighbour_untouched() {
    read_neighbour
    [[ $STATE == "$NEIGHBOUR" ]] || fail "the second GPU moved: $NEIGHBOUR -> $STATE"
}

# --- virtual machines

# vm_config VMID LINE...
vm_config() {
    local vmid=$1
    shift
    printf '%s\n' "name: vm$vmid" "memory: 32" "cores: 1" "$@" >"/etc/pve/nodes/lab/qemu-server/$vmid.conf"
}

# A VM with the first GPU and our hook.
gpu_vm() { vm_config "$1" "hostpci0: 0000:01:00,pcie=1" "hookscript: local:snippets/pve-hook" "${@:2}"; }

vm_pid() { attr "/run/qemu-server/$1.pid"; }
vm_runs() { alive "$(vm_pid "$1")"; }
vm_stopped() { ! vm_runs "$1" && ! compgen -G "/run/lab/watch/$1.*" >/dev/null; }
no_guard() { ! compgen -G "/run/lab/guard/*" >/dev/null; }

# The phases the hook of VMID was called with so far, in order.
phases_of() {
    local all
    all=$(cat "/run/lab/log/phases.$1" 2>/dev/null || true)
    printf '%s' "${all//$'\n'/ }"
}
expect_phases() {
    local got
    got=$(phases_of "$1")
    [[ $got == "$2" ]] || fail "phases of $1: '$got' instead of '$2'"
}

# hold_open FILE: a process of the host, $OPENER, that has it open.
hold_open() {
    (
        exec 9<"$1"
        exec sleep 1000
    ) &
    OPENER=$!
    wait_for 5 has_fd9 "$OPENER"
}
has_fd9() { [[ -e /proc/$1/fd/9 && $(attr "/proc/$1/comm") == sleep ]]; }

# hold_group PIDFILE [ADDR...]: a bare inner QEMU on the (already detached) group.
hold_group() {
    local pidfile=$1
    shift
    (($#)) || set -- "$GPU" "$SND"
    inner_qemu "$pidfile" "$@"
    vm_holds "$(attr "$pidfile")" || fail "the inner QEMU does not hold the group"
}
vm_holds() {
    local group f
    for group in /dev/vfio/[0-9]*; do
        for f in "/proc/$1"/fd/*; do [[ ! $f -ef $group ]] || return 0; done
    done
    return 1
}
