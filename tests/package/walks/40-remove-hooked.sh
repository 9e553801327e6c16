# shellcheck shell=bash
# Removed while VMs name the hook: PVE will not start them any more. Each is told beforehand, with what frees it.
pve_host
# Not concerned: named in a snapshot or in the description only, another's hook, another node's VM, no configuration at all.
vm 114 'name: before' '[old]' 'hookscript: local:snippets/pve-hook'
vm 115 '#hookscript: local:snippets/pve-hook' 'name: remark'
vm 116 'hookscript: local:snippets/pve-hook-of-mine'
printf 'hookscript: local:snippets/pve-hook\n' >/etc/pve/nodes/two/qemu-server/201.conf
printf 'hookscript: local:snippets/pve-hook\n' >/etc/pve/qemu-server/118.conf.orig
printf 'hookscript: local:snippets/pve-hook\n' >'/etc/pve/qemu-server/1 2.conf'
# Concerned: with a snapshot below.
vm 117 'hookscript: local:snippets/pve-hook' 'name: seven' '[old]' 'name: seven'
before
install
not_said 'VM 111'
told pve-hook register --all
printf '#!/bin/sh\n' >"$SNIPPETS/theirs"

apt_remove
for vmid in 111 112 117; do said "(^|[^0-9])$vmid([^0-9]|$)"; done
not_said '(^|[^0-9])(113|114|115|116|118|201)([^0-9]|$)'
# That is no name of a VM's.
not_said 'qm set [12] '
# What was told is what frees them, also now that the programs are gone.
mapfile -t commands < <(grep -oE 'qm set [0-9]+ --delete hookscript' "$SAID" | sort -u)
((${#commands[@]} == 3)) || fail "not one command for each of the three VMs: ${commands[*]}"
for command in "${commands[@]}"; do
    read -ra words <<<"$command"
    told "${words[@]}"
done
for vmid in 111 112 117; do ! hooked "$vmid" || fail "VM $vmid still names the hook"; done
[[ -f $SNIPPETS/theirs ]] || fail "a person's own snippet is gone"
unlinked

rm "$SNIPPETS/theirs"
vm 117 'hookscript: local:snippets/pve-hook' 'name: seven' '[old]' 'name: seven'
purge
said 'VM 117 .*: qm set 117 --delete hookscript$'
not_said 'VM 11[1-68]'
as_before
