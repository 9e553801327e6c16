# A start fails after pre-start: the transient unit that pre-start left returns the GPU, without the timer's help.
# timeout: 120
. "$LAB/guest/systemd/lib.sh"
unit=pve-hooks-reconcile
expect_exit 0 systemctl stop $unit.timer
wait_for 30 inactive $unit.service || fail "$unit.service does not end"
last=$(property ExecMainStartTimestampMonotonic $unit.service)
: >/run/lab/knob/fail-start
expect_exit 255 qm start 111
expect_text "start failed"
expect_phases 111 "pre-start"
wait_for 60 is_driver "$SND" snd_hda_intel || fail "the guard did not return the GPU"
wait_for 30 no_guard_unit || fail "the guard does not end"
expect_host
expect_locks_free
[[ $(property ExecMainStartTimestampMonotonic $unit.service) == "$last" ]] || fail "it was $unit.service"
# A unit of its own, so that the end of PVE's task does not reach it; systemd keeps nothing of it.
run journal 'pve-hook-guard-111-*'
expect_text 'Started pve-hook-guard-111-' "pve-hook\[[0-9]+\]: .*$GPU attached" 'Deactivated successfully'

rm /run/lab/knob/fail-start
expect_exit 0 systemctl start $unit.timer
