# The last cure: only with --auto-reboot, once per run, three times an hour and VM, counted across restarts.
# timeout: 300
# kernel: 6.1
reboots() { if [[ -e /run/lab/log/reboots.275 ]]; then wc -l </run/lab/log/reboots.275; else echo 0; fi; }
coral_plug
coral_vm 275
expect_exit 0 qm start 275
wait_for 60 usb_live 275
# The guest answers and does not list it, whatever is done.
echo 1d6b:0104 >/run/lab/guest/275/usb
expect_exit 1 coral-check --vm 275 --json --timeout 80s
expect_json '.corals[0] | [.state, .vm.guest] | join(" ")' "guest_missing missing"
expect_text "qm reboot 275" "docker restart"
expect_exit "0|1" coral-check --vm 275 --auto-reboot --dry-run --timeout 90s
[[ $(reboots) == 0 ]] || fail "a dry run rebooted the VM"

# The reboot cures it: from then on the guest lists what QEMU gives it.
(until [[ -e /run/lab/log/reboots.275 ]]; do nap 0.2; done; rm /run/lab/guest/275/usb) &
expect_exit 0 coral-check --vm 275 --auto-reboot --timeout 180s
[[ $(reboots) == 1 ]] || fail "$(reboots) reboots instead of one"
# Two more within the hour, as the program wrote down the first; and a restart of the host.
book=/var/lib/pve-hooks/coral-reboots.json
jq '."275" |= [.[0], .[0], .[0]]' $book >/run/lab/book && cat /run/lab/book >$book
rm -rf /run/pve-hooks
echo 1d6b:0104 >/run/lab/guest/275/usb
expect_exit "1|5" coral-check --vm 275 --auto-reboot --timeout 120s
[[ $(reboots) == 1 ]] || fail "a fourth reboot within the hour"
expect_text "3"
wait_for 10 grep -q "coral-check.*275" /run/lab/syslog || fail "no line in syslog"
