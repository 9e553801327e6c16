# shellcheck shell=bash
# What the programs keep goes with a purge, and nothing else does.
pve_host
printf '#!/bin/sh\necho theirs\n' >"$SNIPPETS/theirs"
chmod 0755 "$SNIPPETS/theirs"
vm 119 'hookscript: local:snippets/theirs' 'usb0: host=2-3'
before

install
told pve-hook register --all --chain
[[ -e /etc/pve-hooks/hooks.d/119/theirs ]] || fail "nothing was chained"
[[ -e /var/lib/pve-hooks ]] || fail "no state was made, so this shows nothing"
echo 'timeout = "90s"' >>/etc/pve-hooks/config.toml
mkdir -p /run/pve-hooks/gpu /var/lib/pve-hooks/baseline
touch /run/pve-hooks/gpu/0000:01:00.json /var/lib/pve-hooks/coral-history.jsonl

# A remove keeps what a person has set.
remove
grep -q 90s /etc/pve-hooks/config.toml
[[ -e /var/lib/pve-hooks/coral-history.jsonl ]] || fail "a mere remove took the history"
install
grep -q 90s /etc/pve-hooks/config.toml
linked

# A purge with a person's own hook in hooks.d: it may be the only copy.
purge
[[ -e /etc/pve-hooks/hooks.d/119/theirs ]] || fail "a person's own hook was deleted"
said '/etc/pve-hooks/hooks.d'
[[ ! -e /var/lib/pve-hooks && ! -e /run/pve-hooks && ! -e /etc/pve-hooks/config.toml ]]

# Given back first, nothing is left.
install
told pve-hook unregister --all
purge
machine >/tmp/after
diff /tmp/before /tmp/after || true
