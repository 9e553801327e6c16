# The last GPU that a host driver has: refused without --allow-console.
raw_detach "$SND2" "$GPU2"
snapshot_state
expect_exit 5 gpu-bind detach 01:00
expect_text "--allow-console"
expect_unchanged
console_on_framebuffer || fail "the lab's console is not on the framebuffer"
expect_exit 0 gpu-bind detach --allow-console 01:00
expect_vfio
! console_on_framebuffer || fail "the console stayed on a framebuffer that is gone"
expect_exit 0 gpu-bind attach 01:00
expect_host
wake_console
console_on_framebuffer || fail "the console did not come back"

# The VM's configuration is consent, and the hook says so.
gpu_vm 111
expect_exit 0 pve-hook 111 pre-start
expect_text "consent|console|no other GPU"
expect_vfio
expect_exit 0 pve-hook 111 post-stop
expect_host
