# timeout: 240
# The tap is down: brought up again, and nothing else touched.
up 101 102
pid=$(vm_pid 101)
ip link set tap101i0 down
look 1 101 unhealthy network ok running
errors_like "tap101i0.*down"
expect_json '.vms[0].network.tap_up' false
expect_json '.vms[0].network.bridge_up' true
plan_like "ip link set.*tap101i0.*up"

# The plan alone, and a dry run, change nothing.
expect_exit 0 vm-probe recover 101
expect_text "ip link set.*tap101i0.*up"
expect_exit 0 vm-probe recover 101 --apply -n
look 1 101 unhealthy network ok running
[[ ! -e /var/lib/pve-hooks ]] || ! grep -rq 101 /var/lib/pve-hooks || fail "a plan was written to the books"

heals 101
expect_text "interface_down|tap101i0"
expect_json '[.. | strings | select(test("tap101i0"))] | length > 0' true
[[ $(vm_pid 101) == "$pid" ]] || fail "it was started anew"
wait_for 30 grep -q vm-probe /run/lab/syslog || fail "nothing in the system's log: $(</run/lab/syslog)"
look 0 101 healthy
expect_json '.vms[0].recovery.attempts_last_hour' 1
fine 102

# Nothing to do is nothing done.
expect_exit 0 vm-probe recover 101 --apply
look 0 101 healthy
expect_json '.vms[0].recovery.attempts_last_hour' 1
