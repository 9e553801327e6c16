# What else hangs on the tablet's controller decides: a network card that is up, the host's last keyboard.
# kernel: 6.12
# timeout: 120
# shellcheck source=tests/lab/reset.sh
. "$LAB/reset.sh"
usb_ground
usb_snapshot
plug_network xhci3
wait_for 15 network_there || fail "the lab's network card does not come"
# udev gives it another name.
udevadm settle -t 10
network_there
card=$REPLY
ip link set "$card" up
expect_exit 5 usb-reset "$TABLET" --rung controller --controller $XHCI3
expect_text "$card is up"
[[ -e /sys/class/net/$card ]] || fail "the network card is gone"
expect_exit 5 usb-reset "$(usb_of $XHCI3 0525:a4a2)" --rung port
expect_text "$card is up"
ip link set "$card" down

# The machine has a keyboard of its own; without it, the one at this controller is the last.
at=/sys/bus/serio/drivers/atkbd
serio=
for f in $at/serio*; do [[ ! -e $f ]] || serio=${f##*/}; done
trap '[[ -z $serio ]] || printf %s "$serio" >$at/bind' EXIT
plug_keyboard xhci3
wait_for 15 grep -q "QEMU USB Keyboard" /proc/bus/input/devices
[[ -z $serio ]] || printf %s "$serio" >$at/unbind
expect_exit 5 usb-reset "$TABLET" --rung controller --controller $XHCI3
expect_text "keyboard"
expect_tablet_untouched
expect_no_record
expect_locks_free
