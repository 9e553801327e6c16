# Three recoveries an hour and no fourth: not by hand, not by force, not after a reboot took what was in /run.
settings '[probe.recovery]' 'network = true'
up 101 102
for i in 1 2 3; do
    ip link set tap101i0 down
    heals 101
    look 0 101 healthy
    expect_json '.vms[0].recovery.attempts_last_hour' $i
done
ip link set tap101i0 down
refused 101 "3 .*hour|hour.*3|budget"
rm -rf /run/pve-hooks
refused 101 "3 .*hour|hour.*3|budget"
look 1 101 unhealthy network
expect_json '.vms[0].recovery | [.attempts_last_hour, .max_attempts] | join(" ")' "3 3"
[[ $(json '.vms[0].recovery.refused_because') == *hour* ]] || fail "no reason: $(json '.vms[0].recovery')"

# Another VM has its own.
ip link set tap102i0 down
heals 102

# Many at once: no more than three ever get through.
ip link set tap102i0 down
rm -rf /var/lib/pve-hooks /run/pve-hooks
for i in 1 2 3 4 5 6; do vm-probe recover 102 --apply & done
wait $(jobs -p) || true
audit 102
# A record that cannot be read is no reason to go ahead.
rm -rf /var/lib/pve-hooks
ip link set tap101i0 down
heals 101
for f in $(find /var/lib/pve-hooks -type f ! -name '*.lock' ! -name '*.jsonl'); do echo '{garbage' >"$f"; done
ip link set tap101i0 down
expect_exit "1|2|5" vm-probe recover 101 --apply
[[ $(attr /sys/class/net/tap101i0/carrier) != 1 ]] || fail "it acted on a record that nobody can read"
