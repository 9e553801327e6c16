# timeout: 240
# A migration is under way: nothing is wrong, and nothing may be done.
settings '[probe.recovery]' 'network = true' 'qemu = true' 'mixed = true' 'restart = true'
up 101
inner_qmp 101 '{"execute":"migrate","arguments":{"uri":"exec:sleep 1000"}}' >/dev/null
migrates() { inner_qmp 101 '{"execute":"query-migrate"}' | grep -Eq '"status": "(active|setup)"'; }
wait_for 20 migrates || fail "it does not migrate: $(inner_qmp 101 '{"execute":"query-migrate"}')"
look 0 101 healthy none ok
ip link set tap101i0 down
expect_exit_within 10 "0|1" vm-probe check 101 --json
refused 101 "migrat"
inner_qmp 101 '{"execute":"migrate_cancel"}' >/dev/null
read_processes sleep
# QEMU may have ended it already.
# shellcheck disable=SC2086
kill $REPLY || true
wait_for 20 eval '! migrates' || fail "the migration does not end"
heals 101
