# shellcheck shell=bash
# What the programs keep goes with a purge, and nothing else does.
pve_host
printf '#!/bin/sh\necho theirs\n' >"$SNIPPETS/theirs"
chmod 0755 "$SNIPPETS/theirs"
vm 119 'hookscript: local:snippets/theirs' 'usb0: host=2-3'
vm 118 'hookscript: local:snippets/pve-hook'
vm 120 'hookscript: local:snippets/pve-hook'
before

install
told pve-hook register --all --chain
hooked 119
[[ -h /etc/pve-hooks/hooks.d/119/theirs && -e /var/lib/pve-hooks/chained/119 ]] || fail "nothing was chained, so this shows nothing"
sed -i '1i timeout = "90s"' /etc/pve-hooks/config.toml
mkdir -p /run/pve-hooks/gpu
touch /run/pve-hooks/gpu/0000:01:00.json /var/lib/pve-hooks/coral-history.jsonl

# A remove keeps what was set and recorded.
told pve-hook unregister 111 112
# What was kept of these is nothing to paste, and nothing to wait for.
printf 'local:snippets/a;reboot\n' >/var/lib/pve-hooks/chained/118
mkfifo /var/lib/pve-hooks/chained/120
remove
not_said '(111|112)'
# Whoever had another hookscript before gets it back.
said 'qm set 119 --hookscript local:snippets/theirs$'
for vmid in 118 120; do said "qm set $vmid --delete hookscript$"; done
not_said reboot
grep -q 90s /etc/pve-hooks/config.toml
[[ -e /var/lib/pve-hooks/coral-history.jsonl ]] || fail "a mere remove took the history"
install
grep -q 90s /etc/pve-hooks/config.toml
linked

# A person's own script in hooks.d may be the only copy.
printf '#!/bin/sh\n' >/etc/pve-hooks/hooks.d/mine
purge
said '/etc/pve-hooks .*stays'
said 'VM 119 .*: qm set 119 --hookscript local:snippets/theirs$'
not_said 'VM 11[12]'
[[ -e /etc/pve-hooks/hooks.d/mine ]] || fail "a person's own hook was deleted"
rm -r /etc/pve-hooks/hooks.d/mine
rmdir /etc/pve-hooks/hooks.d /etc/pve-hooks
told qm set 119 --hookscript local:snippets/theirs
sort -o /etc/pve/qemu-server/119.conf /etc/pve/qemu-server/119.conf
as_before

# The configuration lies elsewhere.
mkdir /srv/pve-hooks
before
ln -s /srv/pve-hooks /etc/pve-hooks
install
[[ -f /srv/pve-hooks/config.toml ]] || fail "nothing lies there, so this shows nothing"
purge
not_said 'rmdir|/etc/pve-hooks'
# dpkg takes away a link that stands for a directory of the package.
rm -f /etc/pve-hooks
as_before
