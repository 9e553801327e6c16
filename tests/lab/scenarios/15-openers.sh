# A process of the host that has the GPU open: named, and nothing written; --force proceeds.
# kernel: 6.1
card=$(cd "$DEV/$GPU/drm" && echo card?)
hold_open "/dev/dri/$card"
snapshot_state
expect_exit 3 gpu-bind detach 01:00
expect_text "$OPENER" "sleep" "$card" "--force"
expect_unchanged
# The neighbour's node does not count.
kill "$OPENER"
wait_for 5 dead "$OPENER"
hold_open "/dev/dri/$(cd "$DEV/$GPU2/drm" && echo card?)"
expect_exit 0 gpu-bind detach 01:00
expect_exit 0 gpu-bind attach 01:00
expect_host

# A sound node, and one that was made in a container: by device number, not by name.
control=$(cd "$DEV/$SND/sound" && echo card?)
mknod /run/lab/odd c 116 "$(sed 's/.*://' "/sys/class/sound/controlC${control#card}/dev")"
hold_open /run/lab/odd
snapshot_state
expect_exit 3 gpu-bind detach 01:00
expect_text "$OPENER"
expect_unchanged
kill "$OPENER"
wait_for 5 dead "$OPENER"

card=$(cd "$DEV/$GPU/drm" && echo card?)
hold_open "/dev/dri/$card"
expect_exit 0 gpu-bind detach --force 01:00
expect_vfio
kill "$OPENER"
expect_exit 0 gpu-bind attach 01:00
expect_host
