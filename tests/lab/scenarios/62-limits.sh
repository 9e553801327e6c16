# Limits of the caller: no file may grow, hardly a file may be open. Nothing dies in the middle or moves on false grounds.
# timeout: 150
# kernel: 6.12
gpu_vm 111
snapshot_neighbour
limited() {
    (
        ulimit "$1" "$2"
        shift 2
        # Its output through a pipe, which no limit applies to.
        exec "$@"
    ) 2>&1 | cat
}
snapshot_state
expect_exit 0 limited -f 0 gpu-bind status
expect_exit 1 limited -f 0 gpu-bind detach 01:00
expect_text "/run/pve-hooks" "File too large" "next: "
expect_unchanged
expect_exit 1 limited -f 0 pve-hook 111 pre-start
expect_text "File too large"
expect_unchanged
expect_exit 0 gpu-bind detach 01:00
expect_exit 0 limited -f 0 gpu-bind attach 01:00
expect_host
expect_exit 0 pve-hook 111 pre-start
expect_exit 0 limited -f 0 pve-hook 111 post-stop
expect_host
expect_exit 0 gpu-bind detach 01:00
expect_exit 0 limited -f 0 gpu-bind reconcile
expect_host

# The GPU is in use on the host, and that is seen however few files may be open: root raises the limit.
hold_open "/dev/dri/$(cd "$DEV/$GPU/drm" && echo card?)"
snapshot_state
for n in 16 8 5; do
    expect_exit 0 limited -n $n gpu-bind status
    expect_text "$GPU.*ATTACHED" "$GPU2.*ATTACHED"
    expect_exit 3 limited -n $n gpu-bind detach 01:00
    expect_text "pid $OPENER"
    expect_exit 3 limited -n $n pve-hook 111 pre-start
    expect_unchanged
done
# Who is not root cannot, and says nothing about what he cannot see.
nobody() {
    # shellcheck disable=SC2016
    perl -e '$) = $( = 65534; $< = $> = 65534; exec @ARGV' sh -c 'ulimit -n 16 && exec "$@"' nobody "$@" 2>&1 | cat
}
expect_exit 1 nobody gpu-bind status
expect_text "only 16 files may be open" "next: ulimit -n 1024"
expect_no_text ATTACHED "no GPU"
kill "$OPENER"
wait_for 5 dead "$OPENER"

# A VM holds it.
expect_exit 0 qm start 111
snapshot_state
for n in 16 8 5; do
    expect_exit 3 limited -n $n gpu-bind attach 01:00
    expect_text "VM 111"
    expect_exit 0 limited -n $n gpu-bind reconcile
    expect_unchanged
done
vm_holds "$(vm_pid 111)" || fail "the VM lost its GPU"
expect_exit 0 qm stop 111
expect_host
expect_locks_free
expect_neighbour_untouched
