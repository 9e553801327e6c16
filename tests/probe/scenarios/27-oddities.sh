# What lies about where PVE keeps its files may be anything: nothing hangs, nothing crashes, nobody else suffers.
# timeout: 360
settings '[probe]' 'agent = true'
up 101 102 103 104
# An agent that nobody answers for is no illness.
expect_exit_within 20 0 vm-probe check 101 --slow --json
expect_json '.vms[0].status' healthy

# Its VNC server is unreachable: it works, and people do not see it.
mv /run/qemu-server/101.vnc /run/lab/101.vnc
expect_exit_within 10 1 vm-probe check 101 --json
expect_json '.vms[0] | [.status, .failure_type, .video.vnc_available, .qemu.qmp] | map(tostring) | join(" ")' "degraded qemu false ok"
errors_like VNC
mv /run/lab/101.vnc /run/qemu-server/101.vnc
fine 101

# Its monitor's socket is gone, or is no socket.
mv /run/qemu-server/102.qmp /run/lab/102.qmp
expect_exit_within 10 1 vm-probe check 102 --json
expect_json '.vms[0].qemu.qmp' absent
mkfifo /run/qemu-server/102.qmp
expect_exit_within 10 "0|1" vm-probe check 102 --json
rm /run/qemu-server/102.qmp
mv /run/lab/102.qmp /run/qemu-server/102.qmp
fine 102

# A listener that says what is not QEMU's protocol, without an end.
mv /run/qemu-server/103.qmp /run/lab/103.qmp
/usr/lib/lab/person babble /run/qemu-server/103.qmp &
wait_for 30 test -S /run/qemu-server/103.qmp
expect_exit_within 10 "0|1" vm-probe check 103 --json
expect_exit_within 10 "0|1" vm-probe check --all --json
expect_json '[.vms[] | select(.vmid != 103) | .status] | unique | join(" ")' healthy
kill $!
rm -f /run/qemu-server/103.qmp
mv /run/lab/103.qmp /run/qemu-server/103.qmp

# Another VM's QEMU answers at its sockets: that is not its health, and who it is is told.
for kind in qmp vnc; do
    mv /run/qemu-server/104.$kind /run/lab/104.$kind
    ln -s 103.$kind /run/qemu-server/104.$kind
    expect_exit_within 10 1 vm-probe check 104
    expect_text "unknown"
    expect_text "not this VM's: pid $(vm_pid 103) .*QEMU of VM 103.* answers there, and the VM's QEMU is pid $(vm_pid 104)"
    rm /run/qemu-server/104.$kind
    mv /run/lab/104.$kind /run/qemu-server/104.$kind
done
fine 103
fine 104

# Names and configurations that are none.
escape=$'\e]0;owned\a\e[31m'
vm 105 "name: x${escape}y" "description: z"
printf '\xff\xfe garbage\0\n[special:' >/etc/pve/qemu-server/106.conf
mkdir /etc/pve/qemu-server/107.conf
: >/etc/pve/qemu-server/108.conf
printf 'not a number\n' >/run/qemu-server/105.pid
printf '99999999999999999999\n' >/run/qemu-server/108.pid
ln -s /dev/zero /etc/pve/qemu-server/109.conf
expect_exit_within 10 "0|1" vm-probe check --all
[[ $ALL != *$'\e'* && $ALL != *$'\a'* ]] || fail "an escape reaches the terminal"
expect_exit_within 10 "0|1" vm-probe list
[[ $ALL != *$'\e'* ]] || fail "an escape reaches the terminal"
expect_exit_within 10 "0|1" vm-probe check --all --json
expect_json '[.vms[] | select(.vmid < 105) | .status] | unique | join(" ")' healthy
rm -r /etc/pve/qemu-server/10[5-9].conf

# Three hundred more that are off cost next to nothing.
for ((vmid = 1000; vmid < 1300; vmid++)); do cp /etc/pve/qemu-server/101.conf /etc/pve/qemu-server/$vmid.conf; done
expect_exit_within 10 0 vm-probe check --all --json
expect_json '[.vms[] | select(.status == "stopped")] | length' 300
note "304 VMs: $TOOK ms"
