# status, list and doctor on a healthy machine: words, JSON, exit codes, an empty environment.
# kernel: 6.1
snapshot_state
expect_exit 0 gpu-bind status
expect_text "$GPU.*ATTACHED" "$GPU2.*ATTACHED"
expect_no_text DETACHED MIXED $'\e\\['
gpu_vm 111
snapshot_state
expect_exit 0 gpu-bind status --json
expect_json '.gpus | length' 2
expect_json '.gpus[0] | [.address, .state, .iommu_group, .belongs, .held_by, .vms[0], .drm[0]] | @csv' \
    "\"$GPU\",\"host\",$(group_of "$GPU"),\"host\",,111,\"$(cd "$DEV/$GPU/drm" && echo card?)\""
expect_json '.gpus[0].functions | map([.address, .driver, .driver_override, .config_ok | tostring] | join(" ")) | join("; ")' \
    "$GPU bochs-drm null true; $SND snd_hda_intel null true"
expect_exit 0 gpu-bind list
expect_text "$GPU" "$SND" "1234:1111"
expect_exit 0 gpu-bind doctor
expect_text "$GPU" "$SND" bochs-drm "$(uname -r | cut -d+ -f1)"

# An empty environment, no stdin, another directory.
cd /sys || exit
expect_exit 0 env -i /bin/sh -c '/usr/sbin/gpu-bind status 01:00 <&-'
expect_text "$GPU.*ATTACHED"
expect_no_text "$GPU2"
expect_unchanged
