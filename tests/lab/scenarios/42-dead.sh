# Configuration space reads ffffffff: LOST, exit 1, and a detach that writes nothing.
gpu_vm 111
snapshot_neighbour
slot_power "$PORT" off
[[ $(config_id "$GPU") == ffffffff ]] || fail "the lab's GPU is not dead"
expect_exit 1 gpu-bind status
expect_text "$GPU.*LOST" "ffffffff" "$GPU2.*ATTACHED"
expect_no_text "$GPU.*ATTACHED"
expect_exit 1 gpu-bind status --json
expect_json '.gpus[0] | [.state, (.functions[0].config_ok | tostring)] | join(" ")' "lost false"
expect_exit 1 gpu-bind detach 01:00
expect_text "$GPU"
is_driver "$GPU" bochs-drm || fail "a dead GPU was moved"
expect_exit 255 qm start 111
expect_text "hookscript error for 111 on pre-start"
expect_exit 1 gpu-bind doctor
expect_text LOST

# It answers again, but with empty BARs; whoever says it is back has to mean it.
slot_power "$PORT" on
expect_exit "0|1" gpu-bind cycle 01:00
if ((STATUS == 0)); then
    expect_host
    note "cycle brought it back to life"
else
    note "cycle: ${ERR##*$'\n'}"
    expect_exit 1 gpu-bind status
    expect_exit 1 gpu-bind doctor
fi
expect_neighbour_untouched
expect_locks_free
