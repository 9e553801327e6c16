# The lab itself: a Coral that is plugged, held by a VM, re-enumerated under it, and re-plugged by hand.
# timeout: 240
[[ ! -d $GADGETS || ! -e $USB/usb5 ]] || coral_gone 0 || fail "a Coral is there before it is plugged"
start=$(now)
coral_ready
note "modules loaded in $(since "$start") ms"
start=$(now)
coral_plug "$CORAL_FRESH"
note "plugged and configured in $(since "$start") ms"
port=$(coral_port)
[[ $(coral_id) == 1a6e:089a && $(coral_attr speed) == 5000 && $(coral_attr bConfigurationValue) == 1 ]]
coral_reenumerate fast "$CORAL"
[[ $(coral_id) == 18d1:9302 && $(coral_port) == "$port" ]]

coral_vm 275
start=$(now)
expect_exit 0 qm start 275
wait_for 30 usb_live 275 || fail "QEMU does not claim it: $(usb_handles 275)"
note "the VM has claimed it $(since "$start") ms after qm start was called ($TOOK ms of it qm's)"
wait_for 10 guest_sees 275 18d1:9302
[[ $(usb_attached 275 usb0) == true ]]
expect_exit 0 qm guest exec 275 --timeout 10 -- /bin/sh -c 'cat /sys/bus/usb/devices/2-1/idVendor'
expect_json '[.exitcode, .exited, ."out-data"] | @csv' '0,1,"18d1
"'
note "qm guest exec takes $TOOK ms"

# The stale handle: dead, and yet everybody says that it is there.
start=$(now)
coral_stale 275
note "stale after $(since "$start") ms: $(usb_handles 275)"
[[ $(usb_attached 275 usb0) == true ]]
guest_sees 275 18d1:9302
! usb_live 275 || fail "the handle is live: $(usb_handles 275)"

# Re-plugged through the monitor.
start=$(now)
inner_qmp 275 '{"execute":"device_del","arguments":{"id":"usb0"}}'
unplugged() { [[ $(inner_qmp 275 '{"execute":"qom-list","arguments":{"path":"/machine/peripheral"}}') != *usb0* ]]; }
wait_for 10 unplugged
inner_qmp 275 "{\"execute\":\"device_add\",\"arguments\":{\"driver\":\"usb-host\",\"id\":\"usb0\",\"bus\":\"xhci.0\",
    \"port\":\"1\",\"hostbus\":${port%-*},\"hostport\":\"${port#*-}\"}}"
wait_for 10 usb_live 275
note "live again $(since "$start") ms later"
[[ $(usb_attached 275 usb0) == true ]]

# Gone for longer than QEMU's look: it lets go and takes it back by itself.
coral_reenumerate clean
wait_for 10 usb_live 275
coral_unplug
nothing_held() { [[ ! $(usb_handles 275) ]]; }
wait_for 10 nothing_held
guest_empty() { ! guest_sees 275 18d1:9302; }
wait_for 10 guest_empty
expect_exit 0 qm stop 275
[[ ! -e /run/lab/log/reboots.275 ]]
