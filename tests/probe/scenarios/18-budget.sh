# Three recoveries an hour and no fourth: not by hand, not by force, not after a reboot took what was in /run.
# timeout: 720
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

# Many at once: three get through, and not one more. Whoever comes after one that healed has nothing to do, so the tap goes down
# again until a round begins with nothing left.
rm -rf /var/lib/pve-hooks /run/pve-hooks
got=0
for ((round = 1; round < 10; round++)); do
    before=$got
    ip link set tap102i0 down
    for i in 1 2 3 4 5 6; do vm-probe recover 102 --apply >"/run/lab/log/crowd.$round.$i" 2>&1 & done
    wait
    audit 102
    got=$(json '.recoveries | length')
    ((got <= 3)) || fail "$got got through by round $round"
    ((before < 3)) || break
done
((before == 3)) || fail "only $got got through: $(cat /run/lab/log/crowd.*)"
grep -q "3 recoveries within the hour already" /run/lab/log/crowd.$round.* || fail "not refused: $(cat /run/lab/log/crowd.$round.*)"
[[ $(attr /sys/class/net/tap102i0/carrier) != 1 ]] || fail "a fourth healed it"
note "three of $((round * 6)) got through, in $round rounds"

# A record that cannot be read is no reason to go ahead.
rm -rf /var/lib/pve-hooks
ip link set tap101i0 down
heals 101
for f in $(find /var/lib/pve-hooks -type f ! -name '*.lock' ! -name '*.jsonl'); do echo '{garbage' >"$f"; done
ip link set tap101i0 down
expect_exit "1|2|5" vm-probe recover 101 --apply
[[ $(attr /sys/class/net/tap101i0/carrier) != 1 ]] || fail "it acted on a record that nobody can read"
