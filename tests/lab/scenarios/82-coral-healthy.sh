# coral-check on a Coral that works, and on guests that do not answer: unknown is not missing, nothing changes.
# kernel: 6.12
# timeout: 300
finds() { # CODE STATE GUEST [TIMEOUT]
    expect_exit "$1" coral-check --vm 275 --json --timeout "${4:-80s}"
    expect_json '.corals[0] | [.state, .vm.handle, .vm.guest] | join(" ")' "$2 live $3"
}
visible='✓ Coral TPU is VISIBLE in VM'
coral_plug
# Whoever clears the kernel's log begins anew, here as in dmesg.
expect_exit 0 usb-reset "$(coral_port)" --rung ioctl
expect_exit "0|1" coral-check --port "$(coral_port)" --timeout 80s
expect_text ' 1 reset,'
[[ ! $(complaints) ]]
dmesg -C
expect_exit "0|1" coral-check --port "$(coral_port)" --timeout 80s
expect_text ' 0 resets,'
coral_vm 275
expect_exit 0 qm start 275
wait_for 60 usb_live 275
wait_for 30 guest_sees 275 18d1:9302
before="$(coral_node) $(usb_handles 275)"

expect_exit 0 coral-check --timeout 80s
expect_text "$visible"
finds 0 ok visible
expect_json '.corals[0] | [.severity, .host.port, .host.id, .host.speed_mbps, .vm.vmid | tostring] | join(" ")' \
    "ok $(coral_port) 18d1:9302 5000 275"
# The words of the old scripts; on a healthy Coral --fix has nothing to do.
expect_exit 0 coral-check --fix --timeout 80s
expect_exit 0 coral-check -test --timeout 80s
expect_exit 0 coral-check -test -skip-checks --timeout 80s
[[ "$(coral_node) $(usb_handles 275)" == "$before" ]] || fail "something was done: $before -> $(coral_node) $(usb_handles 275)"
expect_exit 0 env -i /bin/sh -c 'cd /sys && /usr/sbin/coral-check --timeout 80s <&-'

# The agent says nothing useful: nothing is claimed, and nothing is cured.
for way in silent garbage timeout exit; do
    : >"/run/lab/knob/guest-$way"
    finds "0|1" guest_unknown unknown 40s
    expect_exit "0|1" coral-check --fix --timeout 40s
    expect_no_text "$visible"
    rm "/run/lab/knob/guest-$way"
done
: >/run/lab/knob/guest-hangs
expect_exit_within 35 "0|1" coral-check --fix --json --timeout 20s
expect_json '.corals[0] | [.state, .vm.guest] | join(" ")' "guest_unknown unknown"
rm /run/lab/knob/guest-hangs

# Its monitor is somebody else's: busy, not broken.
monitor_hold 275
expect_exit_within 35 "0|1|3" coral-check --fix --timeout 20s
expect_no_text "qm reboot 275 .*done"
monitor_release

# A kernel log that cannot be read (a fifo in its place blocks the reader).
rm -f /run/lab/fifo
mkfifo /run/lab/fifo
mount --bind /run/lab/fifo /dev/kmsg
expect_exit_within 35 "0|1" coral-check --json --timeout 20s
umount /dev/kmsg
rm /run/lab/fifo
expect_json '.corals[0].vm.handle' live

[[ "$(coral_node) $(usb_handles 275)" == "$before" ]] || fail "something was done: $before -> $(coral_node) $(usb_handles 275)"

# Whoever insists gets it re-plugged, healthy as it is.
expect_exit 0 coral-check -skip-checks --json --timeout 60s
expect_json '.corals[0] | [.before, .state, .vm.handle, .actions[0].rung, .actions[0].result] | join(" ")' "ok ok live replug worked"
[[ $(usb_attached 275 usb0) == true ]]

# Killed between off and back: the VM is without it, until the next run gives it back.
PVE_HOOKS_CRASH_AT=after:2 run coral-check -skip-checks --timeout 60s
[[ $STATUS == 137 ]] || fail "it was not killed: $STATUS"
without() { ! usb_live 275; }
wait_for 10 without || fail "it was killed too late"
expect_exit 0 coral-check --fix --timeout 80s
expect_text "VM 275: usb0 was given back"
usb_live 275 || fail "not given back: $(usb_handles 275)"
expect_exit 0 usb-reset heal
expect_text "nothing to heal"
[[ ! -e /run/lab/log/reboots.275 ]] || fail "a VM was rebooted"
