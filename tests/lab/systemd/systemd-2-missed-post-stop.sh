# post-stop never comes, and nobody does anything: the timer returns the GPU within a minute, and before that leaves it alone.
# timeout: 300
. "$LAB/guest/systemd/lib.sh"
unit=pve-hooks-reconcile
# fired_since TIME: the timer started the unit after TIME, and that has ended. Asked once a second: each question is a program.
fired_since() { nap 1 && [[ $(property LastTriggerUSec $unit.timer) != "$1" ]] && inactive $unit.service; }

expect_exit 0 systemctl is-active $unit.timer
expect_exit 0 qm start 111
# The worst moment for a stop: right after it has looked, and found the VM running.
fired=$(property LastTriggerUSec $unit.timer)
wait_for 90 fired_since "$fired" || fail "the timer does not fire"
vm_holds "$(vm_pid 111)" || fail "the timer took the GPU from a running VM"
: >/run/lab/knob/no-post-stop
fired=$(property LastTriggerUSec $unit.timer)
stopping=$(uptime_us)
expect_exit 0 qm stop 111
stopped=$(uptime_us)
expect_phases 111 "pre-start post-start pre-stop"
# On a busy machine, the timer may come before the end of the command: it returned the GPU, or found the VM running still, and
# then comes again.
if ! is_driver "$GPU" vfio-pci; then
    [[ $(property LastTriggerUSec $unit.timer) != "$fired" ]] || fail "qm stop returned the GPU"
elif [[ $(property LastTriggerUSec $unit.timer) != "$fired" ]]; then
    wait_for 60 inactive $unit.service || fail "$unit.service does not end"
    if is_driver "$GPU" vfio-pci; then
        fired=$(property LastTriggerUSec $unit.timer)
        stopped=$(property InactiveEnterTimestampMonotonic $unit.service)
    fi
fi
wait_for 120 is_driver "$SND" snd_hda_intel || fail "after minutes still on $(driver_of "$SND")"
wait_for 30 fired_since "$fired" || fail "it was not the timer, which last fired at $fired"
[[ $(property Result $unit.service) == success ]] || fail "$unit.service: $(property Result $unit.service)"
expect_host
expect_locks_free
# When it began, by systemd's clock: how long it then takes is emulation's.
began=$(property InactiveExitTimestampMonotonic $unit.service)
((stopping < began && began - stopped <= 60000000)) || fail "the unit began $(((began - stopped) / 1000)) ms after the stop"
note "the timer came $(((began - stopped) / 1000000)) s after the stop"
