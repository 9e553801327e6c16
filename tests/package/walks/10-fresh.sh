# shellcheck shell=bash
# A person's own pve-hook is in the way.
pve_host
printf '#!/bin/sh\necho mine\n' >"$SNIPPETS/pve-hook"
ln -s /root/gpu-bind "$SNIPPETS/gpu-bind"
before

apt_install
said "$SNIPPETS/pve-hook .*(stays|kept)"
said "$SNIPPETS/gpu-bind .*(stays|kept)"
grep -q 'echo mine' "$SNIPPETS/pve-hook"
[[ $(readlink "$SNIPPETS/gpu-bind") == /root/gpu-bind ]]
linked usb-reset coral-check vm-probe

# They run on this system, and see what stands in a tree.
version=$(dpkg-query -W -f '${Version}' pve-hooks)
for program in "${PROGRAMS[@]}"; do
    told env -i "/usr/sbin/$program" --version
    said "^$program ${version%%[-+~]*}$"
done
told gpu-bind --root /t/tree status
said '0000:01:00.0 +ATTACHED +nvidia,snd_hda_intel'
told pve-hook --root /t/tree check 111
said 'VM 111: registered'
# Not this machine's: a foreign hook is no hook of ours.
if told pve-hook check 111; then fail "a VM that is not registered passes"; fi
said 'not registered'

apt_remove
grep -q 'echo mine' "$SNIPPETS/pve-hook"
unlinked
apt_purge
as_before
