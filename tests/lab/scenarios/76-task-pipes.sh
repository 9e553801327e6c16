# Nothing of ours stays on the task's pipes, not even a write that hangs: PVE's task ends all the same.
# kernel: 6.1
control=$(cd "$DEV/$SND/sound" && echo card?)
hold_open "/dev/snd/control${control/card/C}"
gpu_vm 111
# The opener is told; with the VM's consent nothing is forced on the host's own processes.
start=$(now)
expect_exit 255 qm start 111
expect_text "hookscript error for 111 on pre-start" "$OPENER"
(($(since "$start") < 60000)) || fail "the task took too long"
expect_host
kill "$OPENER"
wait_for 5 dead "$OPENER"
expect_exit 0 qm start 111
expect_exit 0 qm stop 111
expect_host

# vfio-pci's unbind hangs in post-stop when a stranger holds the group by then.
expect_exit 0 pve-hook 111 pre-start
hold_group /run/inner.pid
start=$(now)
out=$(pve-hook --timeout 4s 111 post-stop 2>&1 || true)
(($(since "$start") < 60000)) || fail "somebody keeps the pipe open"
[[ $out == *"$(attr /run/inner.pid)"* ]] || fail "the holder is not named: $out"
kill "$(attr /run/inner.pid)"
wait_for 10 nothing_runs 'qemu-system-*'
expect_exit 0 gpu-bind reconcile
expect_host
