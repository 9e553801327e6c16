# timeout: 120
# The commands of the pages on vm-probe, as they stand there, and what they say.
# shellcheck source=tests/docs/blocks.sh
. "$here/../docs/blocks.sh"

# A full disk, a tap that is down, and one that is well.
prepare_ill() {
    ! vm_runs 111 || return 0
    vm 111 "name: win"
    vm 112 "name: nas"
    vm 113 "name: web"
    mkdir -p /run/lab/tmp
    mv /var/lib/vz/images/112/vm-112-disk-0.raw /run/lab/tmp/
    mount -t tmpfs -o size=6M full /var/lib/vz/images/112
    cp --sparse=always /run/lab/tmp/vm-112-disk-0.raw /var/lib/vz/images/112/
    dd if=/dev/zero of=/var/lib/vz/images/112/other bs=1M count=4 status=none
    up 111 112 113
    press 112 w
    becomes 112 io-error
    ip link set tap113i0 down
}
daemon=
prepare_serving() {
    settings '[probe]' 'fast = "1s"' 'deep = "1s"'
    vm-probe serve >/run/lab/log/serve 2>&1 &
    daemon=$!
    ready() { [[ $(curl -sS -m 5 http://127.0.0.1:8080/metrics 2>&1) == *'vm_probe_status{vmid="112"} 4'* ]]; }
    wait_for 20 ready || fail "it does not get ready: $(</run/lab/log/serve)"
}
# The page asks for a record, so the daemon has to have one: more than the reading with which it begins.
prepare_well() {
    recorded() { [[ $(curl -sS -m 5 http://127.0.0.1:8080/api/quality/history/111 | jq '.readings | length') -gt 2 ]]; }
    wait_for 20 recorded || fail "nothing is recorded of 111"
    kill -TERM "$daemon"
    wait "$daemon"
    rm /etc/pve-hooks/config.toml
    rm /var/lib/vz/images/112/other
    inner_qmp 112 '{"execute":"cont"}' >/dev/null
    becomes 112 running
    ip link set tap113i0 up
}
prepare_address() {
    ip address add 192.168.1.10/24 dev vmbr0
    mkdir -p /etc/pve-hooks
}
prepare_tap() { ip link set tap113i0 down; }

play README.md field
play docs/monitoring.md field
play docs/vm-probe.md field
