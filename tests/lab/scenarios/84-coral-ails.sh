# What a Coral can suffer from on the host, one after the other; the states that no cure is meant for stay as they are.
# timeout: 300
# kernel: 6.12
finds() { # CODE STATE [SEVERITY]
    expect_exit "$1" coral-check --json --timeout 80s
    expect_json '.corals[0].state' "$2"
    [[ ! ${3:-} ]] || expect_json '.corals[0].severity' "$3"
}
coral_plug
finds "0|1" host_only
coral_vm 275
finds "0|1" vm_stopped
port=$(coral_port)

coral_unplug
finds 1 host_absent critical
expect_json '.corals[0].host' null
expect_exit 1 coral-check --fix --timeout 80s
expect_exit 2 coral-check --nagios --timeout 80s
expect_text "CRITICAL"

# A port of the same socket, other speed: the VM is given a port that is empty now.
coral_wrong_speed
expect_exit 1 coral-check --json --timeout 80s
expect_json '[.corals[].findings[] | tostring | test("wrong_speed")] | any' true
coral_suspend
expect_exit 1 coral-check --json --timeout 80s
expect_json '[.corals[].findings[] | tostring | test("suspended")] | any' true
[[ $(coral_attr power/runtime_status) == suspended ]] || fail "the look woke it"

coral_plug
coral_deauthorise
finds 1 deauthorized
expect_exit 1 coral-check --fix --timeout 80s
[[ $(coral_attr authorized) == 0 ]] || fail "somebody forbade it, and it was allowed again"
expect_text "deauthorized not changed: somebody forbade it"

coral_hung
expect_exit_within 55 1 coral-check --port "$(coral_port)" --json --timeout 40s
expect_json '.corals[0].state' hung
expect_exit_within 75 "1|4" coral-check --port "$(coral_port)" --fix --timeout 60s
kill "$CORAL_FIRMWARE"

# The other id is normal until the first use, and follows the port into the VM.
coral_plug "$CORAL_FRESH"
[[ $(coral_port) == "$port" ]]
expect_exit 0 qm start 275
wait_for 60 usb_live 275
wait_for 30 guest_sees 275 1a6e:089a
finds 0 uninitialised
[[ ! -e /run/lab/log/reboots.275 ]] || fail "a VM was rebooted"
