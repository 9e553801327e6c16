# hooks.d: people's own hooks run after ours, sorted, with the same arguments; a failing one fails pre-start only.
# kernel: 6.1
gpu_vm 111
mkdir -p /etc/pve-hooks/hooks.d/111 /etc/pve-hooks/hooks.d/112
hook() {
    # shellcheck disable=SC2016
    printf '#!/bin/sh\necho "%s $*" >>/run/lab/chain\necho "said by %s"\n[ ! -e /run/lab/chain-fails ] || exit 7\n' \
        "${1##*/}" "${1##*/}" >"/etc/pve-hooks/hooks.d/$1"
    chmod +x "/etc/pve-hooks/hooks.d/$1"
}
rm -f /run/lab/chain /run/lab/chain-fails
hook 20-second
hook 10-first
hook 111/30-mine
hook 112/40-other
printf 'not executable' >/etc/pve-hooks/hooks.d/50-readme
expect_exit 0 qm start 111
expect_text "said by 10-first" "said by 30-mine"
expect_no_text "40-other"
expect_exit 0 qm stop 111
expect_host
want=$(for p in pre-start post-start pre-stop post-stop; do printf '%s 111 '"$p"'\n' 10-first 20-second 30-mine; done)
[[ $(</run/lab/chain) == "$want" ]] || fail "called: $(</run/lab/chain)"

: >/run/lab/chain-fails
expect_exit 255 qm start 111
expect_text "hookscript error for 111 on pre-start" "10-first"
# What pre-start had moved is back.
expect_host
expect_locks_free
rm /run/lab/chain-fails
expect_exit 0 qm start 111
: >/run/lab/chain-fails
expect_exit 0 qm stop 111
expect_host
rm -f /run/lab/chain /run/lab/chain-fails
