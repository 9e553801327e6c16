# timeout: 240
# Many look at once, as monitoring, PVE itself and people do: the monitor serves one at a time, and nobody takes that for an
# illness.
up {101..106}
crowd() {
    local i
    for ((i = 0; i < 5; i++)); do vm-probe check --all --json >"/run/lab/log/crowd.$1.$i" || echo "$?" >>/run/lab/log/crowd.bad; done
}
pvestatd() {
    local i
    for ((i = 0; i < 40; i++)); do
        # It gives up by itself, after 15 s.
        /usr/lib/lab/qmp ask "/run/qemu-server/$((101 + i % 6)).qmp" '{"execute":"query-status"}' >/dev/null ||
            echo pvestatd >>/run/lab/log/crowd.bad
        nap 0.05
    done
}
for n in 1 2 3 4; do crowd $n & done
pvestatd &
# shellcheck disable=SC2046
wait $(jobs -p)
[[ ! -e /run/lab/log/crowd.bad ]] || fail "somebody was told wrong: $(</run/lab/log/crowd.bad) $(cat /run/lab/log/crowd.*.* | jq -c '.vms[] | select(.status != "healthy")' | head -3)"
bad=$(cat /run/lab/log/crowd.*.* | jq -c '.vms[] | select(.status != "healthy" or (.qemu.qmp | IN("ok", "busy") | not))' | head -3)
[[ ! $bad ]] || fail "called ill: $bad"
note "20 rounds side by side: $(cat /run/lab/log/crowd.*.* | jq -s '[.[].vms[] | .qemu.qmp] | group_by(.) | map("\(.[0]) \(length)") | join(", ")')"
