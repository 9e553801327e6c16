# shellcheck shell=bash
# reset.sh: what the scenarios of usb-reset share: the tablet at 0000:03:00.0 and the stick at 0000:04:00.0.

USB=/sys/bus/usb/devices
XHCI3=0000:03:00.0 XHCI4=0000:04:00.0
RECORDS=/run/pve-hooks/usb

# find_usb CONTROLLER VVVV:PPPP: the bus-port of the first such device there into REPLY.
find_usb() {
    local d vendor
    for d in "$DEV/$1"/usb*/*-*; do
        [[ -e $d/idVendor ]] || continue
        read_attr "$d/idVendor"
        vendor=$REPLY
        read_attr "$d/idProduct"
        [[ $vendor:$REPLY == "$2" ]] || continue
        REPLY=${d##*/}
        return 0
    done
    return 1
}

tablet_there() { find_usb "$XHCI3" 0627:0001; }
stick_at_four() { find_usb "$XHCI4" 46f4:0001; }

# usb_ground: TABLET and STICK4, and the tablet's switch.
usb_ground() {
    wait_for 10 tablet_there || fail "the lab has no tablet"
    TABLET=$REPLY
    wait_for 10 stick_at_four || fail "the lab has no stick"
    STICK4=$REPLY
    SWITCH=$USB/${TABLET%%-*}-0:1.0/usb${TABLET%%-*}-port${TABLET#*-}/disable
}

# One enumeration of a device into REPLY: its number and the inode of its directory, which no other ever has.
enumeration() {
    read_attr "$USB/$1/devnum"
    REPLY+=" $(stat -Lc %i "$USB/$1")"
}
usb_snapshot() {
    enumeration "$TABLET"
    TABLET_WAS=$REPLY
    enumeration "$STICK4"
    STICK4_WAS=$REPLY
}
expect_enumerated_anew() {
    enumeration "$TABLET"
    [[ $REPLY != "$TABLET_WAS" ]] || fail "the tablet is still $REPLY"
}
expect_tablet_untouched() {
    enumeration "$TABLET"
    [[ $REPLY == "$TABLET_WAS" ]] || fail "the tablet was $TABLET_WAS and is $REPLY"
}
expect_stick4_untouched() {
    enumeration "$STICK4"
    [[ $REPLY == "$STICK4_WAS" ]] || fail "the stick was $STICK4_WAS and is $REPLY"
}
port_is_on() {
    read_attr "$SWITCH"
    [[ $REPLY == 0 ]]
}
expect_no_record() { ! compgen -G "$RECORDS/off-*" >/dev/null || fail "a record is left: $(cat $RECORDS/off-*)"; }
tablet_gone() { [[ ! -e $USB/$TABLET ]]; }

# The pid of the process that writes for usb-reset, by its lock, into REPLY.
read_worker() {
    local line=''
    read -r line </run/pve-hooks/lock/usb-$XHCI3 || true
    [[ $line =~ \"worker\":([0-9]+) ]] || return 1
    REPLY=${BASH_REMATCH[1]}
}
