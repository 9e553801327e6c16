# The stale handle: found although guest and QEMU both say that all is well, and cured without a reboot.
# kernel: 6.12
# timeout: 400
finds() {
    expect_exit "$1" coral-check --vm 275 --json --timeout 80s
    expect_json '.corals[0].state' "$2"
}
coral_plug
coral_vm 275
expect_exit 0 qm start 275
wait_for 60 usb_live 275
coral_stale 275
finds 1 qemu_stale
expect_json '.corals[0] | [.severity, .vm.handle] | join(" ")' "critical stale"
expect_exit 1 coral-check --timeout 80s
expect_no_text '✓ Coral TPU is VISIBLE in VM'

# A dry run shows the monitor's commands and gives none.
expect_exit "0|1" coral-check --fix --dry-run --timeout 80s
expect_text device_del device_add
expect_exit "0|1" coral-check -test --timeout 80s
usb_stale 275 || fail "the dry run did something"

expect_exit 0 coral-check --fix --timeout 80s
note "cured in $TOOK ms"
usb_live 275 || fail "not cured: $(usb_handles 275)"
[[ $(usb_attached 275 usb0) == true ]]
finds 0 ok
expect_exit 0 coral-check history
expect_text replug

# Several at once, as cron and a person: one cures, the others wait and find it well, or say who is at it.
coral_stale 275
history=/var/lib/pve-hooks/coral-history.jsonl
before=$(wc -l <$history)
runs=()
for n in 0 1 2 3; do
    coral-check --fix --timeout 80s >"/run/lab/fix.$n" 2>&1 &
    runs+=($!)
done
for n in 0 1 2 3; do
    status=0
    wait "${runs[n]}" || status=$?
    [[ $status == 0 || $status == 3 ]] || fail "exit $status: $(<"/run/lab/fix.$n")"
done
(($(wc -l <$history) == before + 1)) || fail "cured more than once: $(<$history)"
usb_live 275 || fail "not cured: $(usb_handles 275)"

# device_add fails once: another client of QEMU is quicker to have the port, for a moment. It is tried again.
# Where the first device_add comes when the port is free again, once more.
for ((try = 0; try < 5; try++)); do
    coral_stale 275
    port_squat 275 1 250
    expect_exit 0 coral-check --fix --timeout 80s
    port_squatted taken || fail "nobody was in the way"
    wait "$SQUATTER"
    ! said 'device_add .*trying again' || break
done
expect_text 'device_add .*trying again'
usb_live 275 || fail "not cured: $(usb_handles 275)"
[[ $(usb_attached 275 usb0) == true ]]

# Whoever sits at the monitor's place and is not the VM's QEMU is told nothing, and nothing is touched.
coral_stale 275
monitor_spy 275
spy=$!
expect_exit 5 coral-check --fix --timeout 80s
expect_text "it is not this VM's"
[[ ! -s /run/lab/log/qmp.275 ]] || fail "a stranger was told: $(</run/lab/log/qmp.275)"
kill $spy
mv -f /run/qemu-server/275.qmp.real /run/qemu-server/275.qmp
coral_stale 275
monitor_hold 275
coral-check --fix --timeout 80s >/run/lab/fix 2>&1 &
# A client that QEMU has not accepted yet stands in the list of sockets by the listener's name.
at_monitor() { grep -Eq ' 02 +0 .*/qemu-server/275\.qmp$' /proc/net/unix; }
wait_for 40 at_monitor || fail "it does not come to the monitor: $(</run/lab/fix)"
nap 2
monitor_release
wait $! || fail "$(</run/lab/fix)"
usb_live 275

[[ ! -e /run/lab/log/reboots.275 ]] || fail "a VM was rebooted"
[[ $(wc -l </var/lib/pve-hooks/coral-history.jsonl) -ge 2 ]]
