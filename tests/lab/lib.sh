# shellcheck shell=bash
# lib.sh: what scenarios are written with. Everything fails loudly: a scenario ends at the first surprise.

# --- saying what happened

fail() {
    printf 'FAILED: %s\n' "$*" >&2
    printf '  at %s\n' "$(caller 1 2>/dev/null || caller 0)" >&2
    exit 1
}

# A line for the report of a scenario that passes.
note() { printf '%s\n' "$*" >>/run/lab/notes; }

# --- running programs

# run COMMAND...: sets STATUS, OUT (stdout), ERR (stderr), ALL (both) and TOOK (milliseconds).
run() {
    local start=$EPOCHREALTIME
    STATUS=0
    "$@" >/run/lab/out.1 2>/run/lab/out.2 </dev/null || STATUS=$?
    TOOK=$(since "$start")
    OUT=$(</run/lab/out.1)
    ERR=$(</run/lab/out.2)
    ALL=$OUT$'\n'$ERR
    printf '$ %s\n%s\n[exit %d, %d ms]\n' "$*" "$ALL" "$STATUS" "$TOOK"
}

# expect_exit CODE COMMAND...: CODE may be a list such as "0|3".
expect_exit() {
    local want=$1
    shift
    run "$@"
    [[ "|$want|" == *"|$STATUS|"* ]] || fail "'$*' ended with $STATUS instead of $want"
}

# expect_exit_within SECONDS CODE COMMAND...
expect_exit_within() {
    local limit=$1
    shift
    expect_exit "$@"
    ((TOOK <= limit * 1000)) || fail "'${*:2}' took $TOOK ms, allowed are $limit s"
}

# expect_text WORD...: each (an extended regular expression) stands in what the last command said.
expect_text() {
    local word
    for word; do
        [[ $ALL =~ $word ]] || fail "nothing like '$word' in the output"
    done
}

expect_no_text() {
    local word
    for word; do
        [[ ! $ALL =~ $word ]] || fail "'$word' in the output"
    done
}

# json FILTER: of the last command's stdout.
json() { jq -r "$1" </run/lab/out.1 || fail "stdout is not the JSON it should be"; }

# expect_json FILTER VALUE
expect_json() {
    local got
    got=$(json "$1")
    [[ $got == "$2" ]] || fail "$1 is '$got' instead of '$2'"
}

# --- the state of the machine

expect_driver() {
    local driver
    driver=$(driver_of "$1")
    [[ $driver == "$2" ]] || fail "$1 is on '$driver' instead of '$2'"
}

expect_override() {
    local value
    value=$(attr "$DEV/$1/driver_override")
    [[ $value == "$2" ]] || fail "$1 has the override '$value' instead of '$2'"
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
        grep -q "^$a .* control=$(attr "$DEV/$a/power/control") d3cold=$(attr "$DEV/$a/d3cold_allowed") " \
            /run/lab/ground || fail "$a: power/control or d3cold_allowed differ from the boot's"
    done
    has_drm "$gpu" || fail "$gpu has no DRM card"
    has_sound "$snd" || fail "$snd has no sound card"
    [[ $(config_id "$gpu") == 11111234 ]] || fail "$gpu does not answer"
}

# No lock of the programs is held.
expect_locks_free() {
    local f
    while read -r f; do
        flock -n "$f" true || fail "$f is still locked: $(</proc/locks)"
    done < <(find /run/pve-hooks -type f 2>/dev/null)
}

# Everything a program could have changed. Reads nothing of a device that hangs.
state_of_everything() {
    local a
    for a in $ALL_DEVICES; do
        printf '%s %s %s %s %s\n' "$a" "$(driver_of "$a")" "$(attr "$DEV/$a/driver_override")" \
            "$(attr "$DEV/$a/power/control")" "$(attr "$DEV/$a/d3cold_allowed")"
    done
    cat /etc/pve/nodes/lab/qemu-server/*.conf 2>/dev/null || true
    find /etc/pve-hooks /var/lib/vz/snippets | sort
    # Both GPUs keep the very same DRM and sound nodes when nothing was unbound.
    find /sys/class/drm /sys/class/sound -name 'card?' -exec readlink {} + | sort
}
snapshot_state() { SNAPSHOT=$(state_of_everything 2>/dev/null); }
expect_unchanged() {
    local current
    current=$(state_of_everything 2>/dev/null)
    [[ $current == "$SNAPSHOT" ]] ||
        fail "something changed:"$'\n'"$(diff <(printf '%s\n' "$SNAPSHOT") <(printf '%s\n' "$current"))"
}

# The identical neighbour: on its own driver with the DRM node it had.
snapshot_neighbour() { NEIGHBOUR=$(neighbour); }
neighbour() {
    printf '%s %s %s %s %s %s' "$(driver_of "$GPU2")" "$(driver_of "$SND2")" \
        "$(attr "$DEV/$GPU2/driver_override")" "$(attr "$DEV/$SND2/driver_override")" \
        "$(cd "$DEV/$GPU2/drm" 2>/dev/null && echo card?)" "$(attr "$DEV/$GPU2/power/control")"
}
expect_neighbour_untouched() {
    [[ $(neighbour) == "$NEIGHBOUR" ]] || fail "the second GPU moved: $NEIGHBOUR -> $(neighbour)"
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

# hold_group PIDFILE [ADDR...]: a bare inner QEMU on the (already detached) group.
hold_group() {
    local pidfile=$1
    shift
    (($#)) || set -- "$GPU" "$SND"
    inner_qemu "$pidfile" "$@"
    vm_holds "$(attr "$pidfile")" || fail "the inner QEMU does not hold the group"
}
vm_holds() { compgen -G "/dev/vfio/[0-9]*" >/dev/null && find "/proc/$1/fd" -lname '/dev/vfio/[0-9]*' | grep -q .; }
