# timeout: 900
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
    # Each is judged for itself, 111 perhaps last.
    ready() {
        local said
        said=$(curl -sS -m 20 http://127.0.0.1:8080/metrics 2>&1)
        [[ $said == *'vm_probe_status{vmid="111"} 0'* && $said == *'vm_probe_status{vmid="112"} 4'* ]]
    }
    wait_for 60 ready || fail "it does not get ready: $(</run/lab/log/serve)"
}
# The page asks for a record, so the daemon has to have one: more than the reading with which it begins.
prepare_well() {
    recorded() { [[ $(curl -sS -m 20 http://127.0.0.1:8080/api/quality/history/111 | jq '.readings | length') -gt 2 ]]; }
    wait_for 60 recorded || fail "nothing is recorded of 111"
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

# A cluster of PVE and one of Kubernetes: their APIs are stood in for, behind an authority of their own each knows a token. The
# pod is real, vm-probe beside a QEMU, and so is what the list leads to.
API=/run/lab/tmp/api
prepare_cluster() {
    local account=/run/secrets/kubernetes.io/serviceaccount token=root@pam!vm-probe=01234567-89ab-cdef-0123-456789abcdef
    mkdir -p $API $account
    echo '127.0.0.1 pve1' >>/etc/hosts
    signed
    cp $API/ca.pem /etc/pve/pve-root-ca.pem
    install -m 600 /dev/null /etc/pve-hooks/api.token
    echo "$token" >/etc/pve-hooks/api.token
    jq -n '{data: [1, 2 | {type: "node", node: "pve\(.)", status: "online"},
        {type: "qemu", vmid: (200 + .), name: "vm\(.)", node: "pve\(.)", status: "running", maxcpu: 2, cpu: 0.1, uptime: 9}]}' \
        >$API/resources
    api pve 8006 /api2/json/cluster/resources "PVEAPIToken=$token" $API/resources

    cp $API/ca.pem $account/ca.crt
    echo of-the-pod >$account/token
    echo loco >$account/namespace
    export KUBERNETES_SERVICE_HOST=127.0.0.1 KUBERNETES_SERVICE_PORT=6443
    jq -n '{kind: "PodList", apiVersion: "v1", metadata: {resourceVersion: "1"}, items: [{metadata: {name: "emulator-0",
        namespace: "loco", resourceVersion: "1", labels: {"app.kubernetes.io/component": "emulator"}}, spec: {nodeName: "w1"},
        status: {phase: "Running", podIP: "192.168.1.10", conditions: [{type: "Ready", status: "True"}]}}]}' >$API/pods
    api kubernetes 6443 /api/v1/namespaces/loco/pods "Bearer of-the-pod" $API/pods

    echo '[{"id": "a", "healthUrl": "http://192.168.1.10:8080/health"}]' >/etc/pve-hooks/instances.json
    pod
}
# Certificates as PVE has them: one for each of the names, signed by the cluster's own authority.
signed() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj '/CN=Proxmox Virtual Environment' \
        -addext basicConstraints=critical,CA:TRUE -keyout $API/ca.key -out $API/ca.pem
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=pve1 -keyout $API/key -out $API/request
    openssl x509 -req -in $API/request -CA $API/ca.pem -CAkey $API/ca.key -CAcreateserial -days 2 -out $API/certificate \
        -extfile <(echo subjectAltName=DNS:pve1,IP:127.0.0.1)
    cat $API/key $API/certificate >$API/both
}
# api NAME PORT PATH AUTHORIZATION ANSWER
api() {
    "$DOCS/api" $API/both "$API/$1.log" "${@:2}" >"$API/$1.says" 2>&1 &
    wait_for 60 grep -q ready "$API/$1.says" || fail "the stand-in for $1 does not start: $(<"$API/$1.says")"
}
# The one QEMU in there, and who reports of it.
pod() {
    ip tuntap add tap0 mode tap
    ip link set tap0 up master vmbr0
    # shellcheck disable=SC2016
    unshare --mount --pid --fork --kill-child --mount-proc bash -c '
        qemu-system-x86_64 -accel tcg -m 32 -nodefaults -device VGA,romfile= -vnc 127.0.0.1:1 -daemonize \
            -qmp "unix:$1/qmp,server=on,wait=off" -netdev tap,id=n,ifname=tap0,script=no,downscript=no \
            -device virtio-net-pci,netdev=n,romfile= &&
            exec vm-probe serve --source container --listen 192.168.1.10:8080 --token-file /etc/pve-hooks/probe.token
    ' - $API >$API/pod 2>&1 &
    well() { curl -fsS -m 20 http://192.168.1.10:8080/health 2>/dev/null | jq -e '.overall_status == "healthy"' >/dev/null; }
    wait_for 90 well || fail "the pod is not well: $(<$API/pod) $(curl -sS -m 20 http://192.168.1.10:8080/health 2>&1)"
}
trap 'rm -rf /run/secrets /etc/pve/pve-root-ca.pem' EXIT

play README.md field
play docs/monitoring.md field
play docs/vm-probe.md field

# What the comments in the block promise: one call, with its token; and nothing else was asked of anybody.
for name in pve kubernetes; do
    [[ $(<$API/$name.log) == "200 "* && $(wc -l <$API/$name.log) == 1 ]] || fail "asked of $name: $(<$API/$name.log)"
done
