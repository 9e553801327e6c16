# The program and its writer killed together, at moments spread over the whole run: reconcile heals all of them.
# kernel: 6.1
# timeout: 240
gpu_vm 111
snapshot_neighbour
moments=12
died=0 halfway=0 healed=0 broken=''
# kill_at STEP COMMAND...: after STEP/moments of the time that the command takes undisturbed.
kill_at() {
    local step=$1 wait
    shift
    wait=$((full * step / moments))
    "$@" >/dev/null 2>&1 &
    nap "$((wait / 1000)).$(printf '%03d' $((wait % 1000)))"
    alive $! && ((++died))
    kill_all_of "/usr/sbin/$1"
    wait $! || true
    if ! is_driver "$GPU" bochs-drm || ! is_driver "$SND" snd_hda_intel; then ((++halfway)); fi
    if (heal); then ((++healed)); else broken+=" $1 $2@$step"; fi
}
expect_exit 0 gpu-bind detach 01:00
expect_exit 0 gpu-bind attach 01:00
expect_exit 0 gpu-bind cycle 01:00
full=$TOOK
for ((i = 0; i < moments; i++)); do kill_at $i gpu-bind cycle 01:00; done
expect_exit 0 pve-hook 111 pre-start
full=$TOOK
expect_exit 0 pve-hook 111 post-stop
for ((i = 0; i < moments; i++)); do kill_at $i pve-hook 111 pre-start; done
note "program and writer killed: $healed of $((2 * moments)), $died of them while running, $halfway with something moved"
[[ -z $broken ]] || fail "not healed:$broken"
((halfway > 0)) || fail "nothing was ever moved when it was killed"
((died > 0)) || fail "none of the kills came in time"
