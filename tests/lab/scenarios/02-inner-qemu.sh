# The lab itself: an inner QEMU holds the group, an unbind waits for it, a dead device reads ffffffff.
raw_detach
expect_driver "$GPU" vfio-pci
expect_driver "$SND" vfio-pci
hold_group /run/inner.pid
pid=$(attr /run/inner.pid)

(put "$GPU" "$DEV/$GPU/driver/unbind") &
writer=$!
nap 1
alive $writer || fail "unbind did not wait for the user of the device"
kill "$pid"
wait_for 10 dead "$pid"
wait_for 5 dead $writer || fail "unbind did not return when QEMU ended"
expect_driver "$GPU" none

memory_window "$PORT" closed
put '' "$DEV/$GPU/driver_override"
if put "$GPU" "$SYS/drivers/bochs-drm/bind"; then fail "bochs takes a GPU without memory"; fi
memory_window "$PORT" open
raw_attach
start=$(now)
wait_for 15 has_sound "$SND" || true
note "the sound card comes $(since "$start") ms after bind has returned"
expect_host
expect_host "$GPU2" "$SND2"

# Its driver would wait five seconds for a codec without power when it is removed.
unbind "$SND"
slot_power "$PORT" off
[[ $(config_id "$SND") == ffffffff ]] || fail "a slot without power answers"
slot_power "$PORT" on
[[ $(config_id "$SND") == 26688086 ]] || fail "the slot stays dead"
