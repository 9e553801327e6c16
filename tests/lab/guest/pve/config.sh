# shellcheck shell=bash disable=SC2034,SC2154
# config.sh: a VM's configuration, what runs, and the lock, as the stand-in for qm needs them.

# The main section only: [PENDING], [special:...] and snapshots follow it.
load_config() {
    local line
    declare -gA cfg=()
    [[ -f $conf_dir/$1.conf ]] || {
        echo "Configuration file 'nodes/lab/qemu-server/$1.conf' does not exist" >&2
        exit 2
    }
    while read -r line || [[ $line ]]; do
        [[ $line != \[* ]] || break
        [[ $line =~ ^([a-z0-9_]+):\ *(.*)$ ]] && cfg[${BASH_REMATCH[1]}]=${BASH_REMATCH[2]}
    done <"$conf_dir/$1.conf"
}

snippet_path() {
    [[ $1 =~ ^[a-zA-Z0-9]+:snippets/([^/]+)$ ]] || die "unable to parse volume ID '$1'"
    printf '/var/lib/vz/snippets/%s' "${BASH_REMATCH[1]}"
}

check_snippet() {
    local path
    path=$(snippet_path "$1") || exit 255
    [[ -f $path ]] || die "hookscript: script '$path' does not exist"
    [[ -x $path ]] || die "hookscript: script '$path' is not executable"
}

# qm set VMID --KEY VALUE | --delete KEY, in the main section.
set_option() {
    local vmid=$1 key=${2#--} value=${3:-}
    if [[ $key = delete ]]; then
        key=$value value=
    elif [[ $key = hookscript ]]; then
        check_snippet "$value"
    fi
    awk -v key="$key" -v value="$value" '
        function put() { if (value != "" && !done) { print key ": " value; done = 1 } }
        /^\[/ { put(); rest = 1 }
        !rest && index($0, key ":") == 1 { put(); next }
        { print }
        END { put() }' "$conf_dir/$vmid.conf" >"/etc/pve/.set.$$" &&
        cat "/etc/pve/.set.$$" >"$conf_dir/$vmid.conf" && rm "/etc/pve/.set.$$"
    echo "update VM $vmid: -$key $value"
}

alive() {
    local stat threads
    { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
    stat=${stat##*) } threads=(/proc/"$1"/task/*)
    # What a process had open, its last thread closes.
    [[ ${stat%% *} != [ZX] ]] || ((${#threads[@]} > 1))
}

# The pid of VMID's QEMU; trusted only when its command line carries our pid file.
running_pid() {
    local pid
    { read -r pid <"$run_dir/$1.pid"; } 2>/dev/null || return 1
    alive "$pid" && grep -qsz "^/var/run/qemu-server/$1.pid$" "/proc/$pid/cmdline" && printf '%s' "$pid"
}

lock_config() {
    local patience=$2
    # Knob lock-wait: PVE's patience, shortened so that a test need not wait for it.
    if knob lock-wait; then read -r patience </run/lab/knob/lock-wait; fi
    exec 9>"/var/lock/qemu-server/lock-$1.conf"
    flock -w "$patience" 9 || die "can't lock file '/var/lock/qemu-server/lock-$1.conf' - got timeout"
}
