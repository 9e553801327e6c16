# shellcheck shell=bash
# lib.sh: what the scenarios of systemd/ ask systemd.

# property NAME UNIT: what systemd knows of it.
property() { systemctl show --value -p "$1" "$2"; }

# uptime_us: systemd's own clock, in microseconds since boot.
uptime_us() {
    local up
    read -r up _ </proc/uptime
    printf '%d' "$((10#${up/./} * 10000))"
}

# What pre-start leaves behind, as long as it is there.
no_guard_unit() { [[ ! $(systemctl list-units --all --plain --no-legend 'pve-hook-guard-*') ]]; }
inactive() { [[ $(property ActiveState "$1") == @(inactive|failed) ]]; }

# journal UNIT: what was said by it, and of it, since the scenario began.
journal() { journalctl -q --no-pager -S "@$BEGAN" -u "$1"; }
BEGAN=$EPOCHSECONDS

# What systemd and the units said, for the report of a scenario that fails.
journal_of_failure() {
    (($? == 0)) || journalctl -q --no-pager -o short-monotonic -n 30 -S "@$BEGAN" _PID=1 + _TRANSPORT=stdout + _TRANSPORT=syslog || true
}
trap journal_of_failure EXIT
