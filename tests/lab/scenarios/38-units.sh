# Units of config.toml: stopped before the GPU leaves, started when it is back, whatever happens in between.
# timeout: 240
# kernel: 6.12
mkdir -p /etc/pve-hooks /run/systemd/system /run/lab/units
printf '[gpu."01:00"]\nunits = ["display-manager.service", "absent.service"]\n' >/etc/pve-hooks/config.toml
gpu_vm 111
snapshot_neighbour
unit=/run/lab/units/display-manager
trap 'rm -rf /run/lab/units' EXIT
unit_runs() { [[ -e $unit && ! -e /run/lab/units/absent ]] || fail "units that run: $(echo /run/lab/units/*)"; }

# The unit has the GPU open as long as it runs.
serve() {
    local card
    card=/dev/dri/$(cd "$DEV/$GPU/drm" && echo card?)
    : >$unit
    (
        exec 9<"$card"
        while [[ -e $unit ]]; do nap 0.01; done
    ) &
    wait_for 10 test "/proc/$!/fd/9" -ef "$card"
    echo $! >$unit
}
serve
expect_exit 0 gpu-bind detach 01:00
expect_vfio
[[ ! -e $unit ]] || fail "the unit was not stopped"
expect_exit 0 gpu-bind attach 01:00
unit_runs
expect_host

# Somebody else has it open: nothing moves, and the unit runs again.
serve
hold_open "/dev/dri/$(cd "$DEV/$GPU/drm" && echo card?)"
expect_exit 3 gpu-bind detach 01:00
expect_text "pid $OPENER"
unit_runs
kill "$OPENER"
wait_for 5 dead "$OPENER"
rm $unit
expect_host

# The move fails half-way: off its driver, and vfio-pci takes nothing.
: >$unit
mount --bind "$SYS/drivers/vfio-pci/bind" "$SYS/drivers/vfio-pci/bind"
mount -o remount,bind,ro "$SYS/drivers/vfio-pci/bind"
run qm start 111
umount "$SYS/drivers/vfio-pci/bind"
((STATUS == 255)) || fail "'qm start 111' ended with $STATUS"
expect_text "Read-only file system"
unit_runs
expect_host

# The program is killed.
heal() {
    expect_exit 0 gpu-bind reconcile
    expect_host
    expect_locks_free
    unit_runs
    expect_neighbour_untouched
}
prepare_attached() {
    is_driver "$GPU" bochs-drm || expect_exit 0 gpu-bind attach 01:00
    : >$unit
}
# Every write is tried by the campaigns 50 and 51; here those around the unit's stop and start.
CASES=0 HEALED=0 BROKEN=''
for point in 1 2 after:2; do crash_at $point prepare_attached gpu-bind detach 01:00; done
prepare_detached() {
    is_driver "$GPU" vfio-pci && return 0
    : >$unit
    expect_exit 0 gpu-bind detach 01:00
}
for point in 10 12 after:12; do crash_at $point prepare_detached gpu-bind attach 01:00; done
note "with a unit: $HEALED of $CASES"
[[ -z $BROKEN ]] || fail "not healed after a crash at:$BROKEN"
((CASES > 3)) || fail "only $CASES crashes"
unit_runs
expect_host
