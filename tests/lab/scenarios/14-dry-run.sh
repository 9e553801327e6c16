# --dry-run names every write and makes none.
# kernel: 6.12
gpu_vm 111
snapshot_state
expect_exit 0 gpu-bind --dry-run detach 01:00
expect_text "driver_override" "vfio-pci" "unbind" "$SND" "$GPU"
expect_unchanged
expect_exit 0 pve-hook -n 111 pre-start
expect_text "driver_override" "$GPU"
expect_unchanged
expect_exit 0 gpu-bind cycle -n 01:00
expect_exit 0 gpu-bind reconcile -n
expect_unchanged
raw_detach
snapshot_state
expect_exit 0 gpu-bind -n attach 01:00
expect_text "bochs-drm" "snd_hda_intel"
expect_unchanged
expect_exit 0 gpu-bind -n reconcile
expect_text "bochs-drm"
expect_unchanged
expect_exit 0 pve-hook -n 111 post-stop
expect_unchanged
expect_exit 0 pve-hook -n register 111
expect_exit 0 pve-hook -n unregister 111
expect_unchanged
expect_locks_free
