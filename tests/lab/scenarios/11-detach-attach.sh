# There and back by every spelling of the target; doing it twice writes nothing; the neighbour stays.
gpu_vm 111
snapshot_neighbour
for target in 01:00 01:00.0 0000:01:00.0 vm:111; do
    expect_exit 0 gpu-bind detach "$target"
    expect_vfio
    expect_exit 0 gpu-bind status "$target"
    expect_text "$GPU.*DETACHED"
    expect_no_text ATTACHED
    expect_exit 0 gpu-bind attach "$target"
    has_sound "$SND" || fail "attach did not wait for the sound card"
    expect_host
    expect_neighbour_untouched
done

expect_exit 0 gpu-bind detach 01:00
expect_exit 0 gpu-bind status --json
expect_json '.gpus[0] | [.state, .functions[1].driver] | join(" ")' "vfio vfio-pci"
expect_json '.gpus[1].state' host
# A second one verifies and writes nothing: a program that dies at its first write does not die.
snapshot_state
PVE_HOOKS_CRASH_AT=1 expect_exit 0 gpu-bind detach 01:00
expect_unchanged
expect_exit 0 gpu-bind attach 01:00
snapshot_state
# (What it learns of a working GPU for doctor, it may write down.)
expect_exit 0 gpu-bind -v attach 01:00
# Only a leftover id is looked for, and there is none: the kernel says so.
expect_no_text 'write "0000' "write .* to /sys/bus/pci/devices"
expect_text "nothing changed"
expect_unchanged
expect_host

expect_exit 0 gpu-bind cycle 01:00
expect_host
expect_locks_free
expect_neighbour_untouched
wait_for 10 grep -q 'gpu-bind.*0000:01:00.0' /run/lab/syslog || fail "nothing in syslog"
