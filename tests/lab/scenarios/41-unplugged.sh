# A GPU is pulled out by the machine itself (hot-unplug): LOST, told plainly, the others keep working.
# kernel: 6.1
# timeout: 120
plug_third
wait_for 20 has_drm "$GPU3" || fail "the lab cannot plug a GPU in"
wait_for 20 has_sound "$SND3"
vm_config 113 "hostpci0: 06:00" "hookscript: local:snippets/pve-hook"
snapshot_neighbour
expect_exit 0 gpu-bind cycle 06:00
has_drm "$GPU3" || fail "no DRM node"
expect_exit 0 gpu-bind detach 06:00
expect_vfio "$GPU3" "$SND3"
unplug_third
wait_for 30 third_gone || fail "the machine does not let go of it"
expect_exit 1 gpu-bind status
expect_text "$GPU3.*LOST" "$GPU2.*ATTACHED" "$GPU.*ATTACHED"
expect_exit 1 gpu-bind attach 06:00
expect_text "06:00"
expect_exit 1 gpu-bind reconcile
expect_text "06:00"
expect_exit 255 qm start 113
expect_text "hookscript error for 113 on pre-start" "06:00"
expect_neighbour_untouched
expect_locks_free
