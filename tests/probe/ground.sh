# shellcheck shell=bash
# ground.sh: the state every scenario starts from: one bridge, no VM.

lay_ground() {
    ip link add vmbr0 type bridge forward_delay 0 && ip link set vmbr0 up
}

read_ground() {
    local f
    STATE=$(ip -o link show | cut -d' ' -f2- | sed 's/ qdisc.*//; s/^/link /')$'\n'
    for f in /etc/pve/*/* /etc/pve/nodes/lab/*/* /etc/pve-hooks/* /var/lib/pve-hooks/* /run/pve-hooks/* /run/qemu-server/* \
        /var/lib/vz/images/*; do
        [[ ! -e $f ]] || STATE+="$f"$'\n'
    done
    STATE+=$(grep -c . /proc/self/mounts)
}
save_ground() {
    read_ground
    printf '%s' "$STATE" >/run/lab/ground
}

quiet() { : >/run/lab/syslog; }
complaints() { :; }

# What a scenario may have left running. A halted process dies of SIGKILL all the same.
LEFT='qemu-system-* vm-probe qm person qmp sleep curl'

stop_all() {
    local pid
    # shellcheck disable=SC2086
    read_processes $LEFT
    for pid in $REPLY; do kill -KILL "$pid" 2>/dev/null || true; done
    # shellcheck disable=SC2086
    wait_for 30 nothing_runs $LEFT
}

# Also what the machine outside has of it, before the first scenario.
forget() {
    rm -rf /run/pve-hooks /run/lab/knob /var/lib/pve-hooks /etc/pve-hooks /var/lib/vz/images/* /run/qemu-server/* /run/lab/tmp \
        /var/lock/qemu-server/* /run/lab/log/* /etc/pve/nodes/lab/qemu-server/* /etc/pve/ha/* /var/log/pve/tasks/*
    # What a scenario looks for in there is its own.
    [[ ! -e /run/lab/syslog ]] || : >/run/lab/syslog
}

# Fails, with the difference on stdout, when the ground does not come back.
reset_ground() {
    local name
    stop_all || { echo "a process does not end:" && ps -o pid,stat,wchan:24,args -p "${REPLY% }" && return 1; }
    for name in /sys/class/net/*; do
        name=${name##*/}
        # An end of a pair goes with the other.
        [[ $name == lo || ! -e /sys/class/net/$name ]] || ip link delete "$name"
    done
    for name in /var/lib/vz/images/*; do umount "$name" 2>/dev/null || true; done
    forget
    lay_ground || return 1
    read_ground
    [[ $STATE == "$(</run/lab/ground)" ]] || { diff /run/lab/ground <(printf '%s' "$STATE") && return 1; }
}
