# The lab itself: what hangs beside a device: disk, keyboard, network, hubs, a second Coral; and Corals that ail.
# kernel: 6.12
# timeout: 300
start=$(now)
plug_stick xhci3
plug_keyboard xhci3
plug_network xhci4
plug_hubs xhci4 5
mount_stick
echo hello >/run/lab/stick/file
sync /run/lab/stick/file
note "mounted after $(since "$start") ms"
wait_for 10 network_there
bus=$(controller_buses 0000:04:00.0)
wait_for 20 test -e "$USB/${bus%% *}-4.1.1.1.1.1/idVendor"
# udev gives it another name, and the old one is no more from then on.
udevadm settle -t 30
network_there
note "all neighbours after $(since "$start") ms; the network card is $REPLY"
ip link set "$REPLY" up

# A tablet and a Coral given to a VM by id and by port, a mapping that fits and one that does not.
coral_plug "$CORAL"
coral_plug "$CORAL" 1
tablet=$(usb_of 0000:03:00.0 0627:0001)
printf 'coral\n\tmap id=18d1:9302,node=lab,path=%s\n' "$(coral_port)" >/etc/pve/mapping/usb.cfg
coral_vm 275 mapping=coral "usb1: host=$tablet" "usb3: host=$(coral_port 1),usb3=1" "usb4: spice"
expect_exit 0 qm start 275
wait_for 30 usb_live 275
wait_for 30 usb_live 275 1
all_three() { [[ $(usb_handles 275 | wc -l) == 3 ]]; }
wait_for 30 all_three || fail "QEMU has not opened all: $(usb_handles 275)"
expect_exit 0 qm reboot 275
wait_for 30 usb_live 275
[[ $(wc -l </run/lab/log/reboots.275) == 1 ]]

# The monitor has one place; a listener between sees each command.
monitor_hold 275
! timeout 3 /usr/lib/lab/qmp ask /run/qemu-server/275.qmp '{"execute":"query-status"}' || fail "two at once"
monitor_release
monitor_spy 275
expect_exit 0 inner_qmp 275 '{"execute":"query-status"}'
expect_text '"running": true'
[[ $(grep -c query-status /run/lab/log/qmp.275) == 1 ]]
expect_exit 0 qm stop 275
coral_plug "$CORAL_FRESH"
expect_exit 255 qm start 275
expect_text "hardware probably changed.*1a6e:089a.*18d1:9302"

coral_deauthorise
[[ $(coral_attr authorized) == 0 && $(coral_attr bConfigurationValue) == - ]]
coral_wrong_speed
[[ $(coral_attr speed) == 480 ]]
coral_suspend
start=$(now)
coral_hung
note "hung after $(since "$start") ms"
[[ $(coral_id) == 18d1:9302 && $(coral_attr bConfigurationValue) == - ]]
[[ $(dmesg) == *"can't set config #1, error -110"* ]]
