# shellcheck shell=bash
# field.sh: what the field's scenarios are written with besides base.sh: VMs, faults, and how vm-probe sees them.

# --- VMs

# vm VMID [LINE...]: a configuration and a disk. A line that begins with a key that is there replaces it.
vm() {
    local vmid=$1 dir=/var/lib/vz/images/$1 key value line
    local -A lines=(
        [agent]=1 [cores]=1 [memory]=32 [name]=vm$vmid [ostype]=l26 [vga]=std
        [net0]="virtio=BC:24:11:00:00:$(printf '%02X' $((vmid % 256))),bridge=vmbr0"
        [scsi0]="local:$vmid/vm-$vmid-disk-0.raw,size=16M" [scsihw]=virtio-scsi-single
    )
    for line in "${@:2}"; do
        key=${line%%:*} value=${line#*: }
        lines[$key]=$value
        [[ $value ]] || unset "lines[$key]"
    done
    for key in "${!lines[@]}"; do printf '%s: %s\n' "$key" "${lines[$key]}"; done | sort >"/etc/pve/qemu-server/$vmid.conf"
    mkdir -p "$dir"
    truncate -s 16M "$dir/vm-$vmid-disk-0.raw"
    dd if=/usr/lib/lab/sector of="$dir/vm-$vmid-disk-0.raw" conv=notrunc status=none
}

# up VMID...: configured where it is not yet, started, and at work.
up() {
    local vmid
    for vmid; do
        [[ -e /etc/pve/qemu-server/$vmid.conf ]] || vm "$vmid"
        qm start "$vmid" || fail "VM $vmid does not start"
    done
    for vmid; do wait_for 60 at_work "$vmid" || fail "the guest of $vmid does not come up"; done
    : >/run/lab/log/qm
}
# The guest has written to its disk.
at_work() { (($(stat -c %b "/var/lib/vz/images/$1/vm-$1-disk-0.raw") >= 64)); }

vm_pid() { attr "/run/qemu-server/$1.pid"; }
vm_runs() { alive "$(vm_pid "$1")"; }

# press VMID KEY: on the guest's keyboard; see sector.S.
press() { inner_qmp "$1" "{\"execute\":\"send-key\",\"arguments\":{\"keys\":[{\"type\":\"qcode\",\"data\":\"$2\"}]}}" >/dev/null; }

run_state() { inner_qmp "$1" '{"execute":"query-status"}' | jq -rn 'last(inputs | .return.status // empty)'; }
in_state() { [[ $(run_state "$1") == "$2" ]]; }
# becomes VMID STATE: QEMU itself says so.
becomes() { wait_for 40 in_state "$1" "$2" || fail "VM $1 is $(run_state "$1") instead of $2"; }

# hang VMID: its main loop waits in the kernel for a reader of a fifo that never comes; only SIGKILL ends that. Through a
# monitor of its own, so that QEMU does not have the one of PVE open meanwhile. Needs "args: $SECOND_MONITOR" for that.
# shellcheck disable=SC2034 # in the scenarios
SECOND_MONITOR='-qmp unix:/run/lab/monitor2,server=on,wait=off'
hang() {
    mkdir -p /run/lab/tmp
    rm -f /run/lab/tmp/fifo
    mkfifo /run/lab/tmp/fifo
    # The answer never comes; whoever asks stays until QEMU has got as far as the command.
    /usr/lib/lab/qmp ask "${2:-/run/lab/monitor2}" \
        '{"execute":"screendump","arguments":{"filename":"/run/lab/tmp/fifo"}}' &
    wait_for 40 hangs "$1" || fail "VM $1 does not hang: $(attr "/proc/$(vm_pid "$1")/wchan")"
    kill $! || true
    wait $! || true
}
# fifo_open() waits in there for the other end.
hangs() { [[ $(attr "/proc/$(vm_pid "$1")/wchan") == wait_for_partner ]]; }
unhang() { timeout 5 cat /run/lab/tmp/fifo >/dev/null || true; }

halt() { kill -STOP "$(vm_pid "$1")"; }
go_on() { kill -CONT "$(vm_pid "$1")"; }

# A line in the configuration of VMID, as another program of PVE would write it.
configure() { sed -i "1i $2" "/etc/pve/qemu-server/$1.conf"; }
unconfigure() { sed -i "/^$2:/d" "/etc/pve/qemu-server/$1.conf"; }

# settings LINE...: config.toml
settings() {
    mkdir -p /etc/pve-hooks
    printf '%s\n' "$@" >/etc/pve-hooks/config.toml
}

# --- how vm-probe sees them

# Without where each figure is from: a report has forty lines.
shown() {
    if [[ $OUT != '{'* ]] || ! jq -c 'walk(if type == "object" then del(.figures) else . end) | (.vms? // .)[]?' <<<"$OUT" 2>/dev/null; then
        printf '%s\n' "$OUT"
    fi
    printf '%s' "$ERR"
}

# look CODE VMID STATUS [FAILURE [QMP [RUN_STATE]]]: within 15 s, whatever is wrong and however busy this machine is.
look() {
    expect_exit_within 15 "$1" vm-probe check "$2" --json
    expect_json '.vms | length' 1
    expect_json '.vms[0].vmid' "$2"
    expect_json '.vms[0].status' "$3"
    [[ ! ${4:-} ]] || expect_json '.vms[0].failure_type' "$4"
    [[ ! ${5:-} ]] || expect_json '.vms[0].qemu.qmp' "$5"
    [[ ! ${6:-} ]] || expect_json '.vms[0].qemu.run_state' "$6"
    if [[ $3 == healthy ]]; then expect_json '.vms[0].errors | length' 0; fi
}
fine() { look 0 "$1" healthy none ok running; }

# errors_like PATTERN...: what the last look found wrong, in words.
errors_like() {
    local pattern errors
    errors=$(json '.vms[0].errors | map(tostring) | join("\n")')
    for pattern; do grep -Eqi -- "$pattern" <<<"$errors" || fail "nothing like '$pattern' in: $errors"; done
}
# plan_like PATTERN: what it would do about it.
plan_like() {
    local plan
    plan=$(json '.vms[0].recovery.plan | join("\n")')
    grep -Eqi -- "$1" <<<"$plan" || fail "nothing like '$1' in the plan: $plan"
}

# refused VMID PATTERN: recovery is refused, for this reason, and nothing is done. A busy VM (3) is no less untouched.
refused() {
    local before after
    before="$(vm_pid "$1") $(cat /run/lab/log/qm /run/lab/log/bridge 2>/dev/null)"
    expect_exit_within 20 "5|3" vm-probe recover "$1" --apply
    expect_text "$2"
    after="$(vm_pid "$1") $(cat /run/lab/log/qm /run/lab/log/bridge 2>/dev/null)"
    [[ $after == "$before" ]] || fail "something was done: $before -> $after"
}

# heals VMID: recovery works, and is on the books.
heals() {
    expect_exit_within 60 0 vm-probe recover "$1" --apply
    fine "$1"
    audit "$1"
}
# audit VMID: its past recoveries, in OUT.
audit() {
    expect_exit 0 vm-probe audit "$1" --json
    json . >/dev/null
}
# logged TEXT: of VM 101, in the system's log.
logged() { wait_for 40 grep -q "vm-probe.*101: $1" /run/lab/syslog || fail "not in the system's log: $1: $(</run/lab/syslog)"; }
