# A device behind five hubs: listed with its whole port, given to a VM by it, and told apart from its neighbours.
# kernel: 6.12
# timeout: 240
plug_hubs xhci4 5
bus=$(controller_buses 0000:04:00.0)
far=${bus%% *}-4.1.1.1.1.1
wait_for 30 test -e "$USB/$far:1.0"
coral_plug
coral_vm 275 "host=$(coral_port)" "usb1: host=$far"
expect_exit 0 qm start 275
wait_for 60 usb_live 275
# What the scenarios before did to the bus is in the kernel's log still.
expect_exit_within 55 0 coral-check --timeout 40s --resets 1000
if [[ " $LAB_PROGRAMS " == *" usb-reset "* ]]; then
    expect_exit_within 55 0 usb-reset list --timeout 40s
    expect_text "$far|4\.1\.1\.1\.1\.1" "275"
    # A hub with somebody else's device below it is nobody's to reset.
    expect_exit 5 usb-reset "${bus%% *}-4.1" --timeout 40s
fi
