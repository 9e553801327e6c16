# The last GPU that a host driver has: refused without --allow-console. First of all, while the console is as at boot.
raw_detach "$SND2" "$GPU2"
snapshot_state
expect_exit 5 gpu-bind detach 01:00
expect_text "--allow-console"
expect_unchanged
consoles() { for f in /sys/class/vtconsole/*; do printf '%s (%s) bind=%s\n' "${f##*/}" "$(attr "$f/name")" "$(attr "$f/bind")"; done; }
before=$(consoles)
expect_exit 0 gpu-bind detach --allow-console 01:00
expect_vfio
expect_exit 0 gpu-bind attach 01:00
expect_host
# Debian's kernel lets the framebuffer console take over with the first text that is written to it.
echo >/dev/tty0
[[ $(consoles) == "$before" ]] || fail "the console did not come back: $before -> $(consoles)"

# The VM's configuration is consent, and the hook says so.
gpu_vm 111
expect_exit 0 pve-hook 111 pre-start
expect_text "consent|console|no other GPU"
expect_vfio
expect_exit 0 pve-hook 111 post-stop
expect_host
