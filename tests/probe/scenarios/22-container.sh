# timeout: 240
# Beside one QEMU in a container, without PVE and without Kubernetes: the one report that front ends know.
mv /etc/pve /etc/pve.away
trap 'mv /etc/pve.away /etc/pve' EXIT
mkdir -p /run/lab/tmp
truncate -s 16M /run/lab/tmp/disk
ip tuntap add tap0 mode tap
ip link set tap0 up master vmbr0
qemu-system-x86_64 -accel tcg -m 32 -nodefaults -device VGA,romfile= -vnc 127.0.0.1:1 -daemonize \
    -qmp unix:/run/lab/tmp/qmp,server=on,wait=off -netdev tap,id=n,ifname=tap0,script=no,downscript=no \
    -device virtio-net-pci,netdev=n,romfile=
read_processes 'qemu-system-*'
pid=${REPLY% }
report() {
    expect_exit_within 10 "$1" vm-probe report --source container "${@:2}"
    json . >/dev/null
}
report 0
expect_json .overall_status healthy
expect_json .qemu_healthy true
expect_json '[.video.vnc_available, .video.vnc_port, .network.tap_up, .network.bridge_up, .performance.qemu_pid] | map(tostring) | join(" ")' \
    "true 5901 true true $pid"
expect_json 'has("timestamp") and has("audio") and (.performance | has("cpu_usage") and has("memory_usage") and has("load_average"))' true
# No sound server: unknown, no failure. No constants either.
expect_json '.video | has("estimated_frame_rate")' true

ip link set tap0 down
report "0|1"
expect_json .network.tap_up false
expect_json '.overall_status != "healthy"' true
ip link set tap0 up
kill -STOP "$pid"
report 1
expect_json .qemu_healthy false
kill -CONT "$pid"
report 0
kill -KILL "$pid"
wait_for 20 dead "$pid"
report "0|1"
expect_json '.qemu_healthy' false
