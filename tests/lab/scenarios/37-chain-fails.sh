# A chained hook that fails, or does not end, after the GPU was moved: the start fails and the GPU is back on the host.
# timeout: 120
# kernel: 6.12
gpu_vm 111
snapshot_neighbour
mkdir -p /etc/pve-hooks/hooks.d
chained() {
    # shellcheck disable=SC2016
    printf '#!/bin/sh\n[ "$2" = pre-start ] || exit 0\nreadlink %s/driver >/run/lab/seen\n%s\n' "$DEV/$GPU" "$1" \
        >/etc/pve-hooks/hooks.d/10-mine
    chmod +x /etc/pve-hooks/hooks.d/10-mine
    rm -f /run/lab/seen
}
all_back() {
    [[ $(attr /run/lab/seen) == */vfio-pci ]] || fail "the chained hook did not find the GPU on vfio-pci"
    expect_host
    expect_locks_free
    expect_neighbour_untouched
    ! compgen -G "/run/pve-hooks/gpu/*.json" || fail "a record stays behind"
}
chained 'exit 1'
expect_exit 255 qm start 111
expect_text "10-mine 111 pre-start: exit status: 1" "hookscript error for 111 on pre-start"
all_back

printf '[hook]\nchain_timeout = "2s"\n' >/etc/pve-hooks/config.toml
chained 'trap "" TERM HUP; sleep 900 & sleep 900'
expect_exit_within 30 255 qm start 111
expect_text "no end within 2s, killed" "next: chain_timeout"
all_back
# Killed is not dead at once.
wait_for 5 nothing_runs sleep || fail "what the chained hook started still runs"

# It fails when the time of the whole run is over.
printf '[hook]\nchain_timeout = "20s"\n' >/etc/pve-hooks/config.toml
chained 'sleep 11; exit 1'
expect_exit_within 45 1 pve-hook --timeout 10s 111 pre-start
all_back

rm -r /etc/pve-hooks
expect_exit 0 qm start 111
expect_exit 0 qm stop 111
expect_host
