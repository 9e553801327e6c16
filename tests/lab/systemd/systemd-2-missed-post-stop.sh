# post-stop never comes, and nobody does anything: the timer returns the GPU within a minute.
# timeout: 180
. "$LAB/guest/systemd/lib.sh"
unit=pve-hooks-reconcile
expect_exit 0 systemctl is-active $unit.timer
expect_exit 0 qm start 111
# The worst moment for a stop: right after it has looked, and found the VM running.
expect_exit 0 systemctl start $unit.service
expect_vfio
: >/run/lab/knob/no-post-stop
expect_exit 0 qm stop 111
expect_phases 111 "pre-start post-start pre-stop"
expect_vfio
fired=$(property LastTriggerUSec $unit.timer)
stopped=$(uptime_us)
wait_for 120 is_driver "$SND" snd_hda_intel || fail "after two minutes still on $(driver_of "$SND")"
wait_for 30 inactive $unit.service || fail "$unit.service does not end"
took=$(($(property InactiveExitTimestampMonotonic $unit.service) - stopped))
[[ $(property Result $unit.service) == success ]] || fail "$unit.service: $(property Result $unit.service)"
expect_host
expect_locks_free
[[ $(property LastTriggerUSec $unit.timer) != "$fired" ]] || fail "it was not the timer, which last fired at $fired"
# When it began, by systemd's clock: how long it then takes is emulation's.
((0 < took && took <= 60000000)) || fail "the unit began $((took / 1000)) ms after the stop"
note "the timer came $((took / 1000000)) s after the stop"
