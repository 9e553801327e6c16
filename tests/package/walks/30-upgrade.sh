# shellcheck shell=bash
# From an older version, while VMs name the hook.
pve_host
before
install /t/older.deb
told pve-hook register --all
hooked 111
hooked 112
touch /var/lib/vz/snippets/theirs
as_it_was() { stat -c '%n %i %Z' "$SNIPPETS"/*; }
was=$(as_it_was)

apt_install
[[ $(dpkg-query -W -f '${Version}' pve-hooks) != 0.0.9 ]]
hooked 111
hooked 112
linked
# Not even for a moment were they gone: a VM may start at any time.
[[ $(as_it_was) == "$was" ]] || fail "the links were touched"
not_said 'WARNING|still named|unregister|--delete'
! grep 'defaults of 0.0.9' /etc/pve-hooks/config.toml || fail "a configuration that nobody changed was not brought up to date"

# And back, and up again with a configuration that somebody has changed.
install /t/older.deb
[[ $(as_it_was) == "$was" ]] || fail "the links were touched"
sed -i '1i lock_timeout = "11s" # mine' /etc/pve-hooks/config.toml
install
grep mine /etc/pve-hooks/config.toml || fail "a configuration that somebody changed was replaced"
[[ $(as_it_was) == "$was" ]] || fail "the links were touched"
gpu-bind --root /t/tree --config /etc/pve-hooks/config.toml status

# A link that somebody took away is made again: without it, VMs that name it do not start.
rm "$SNIPPETS/pve-hook"
install
linked

told pve-hook unregister --all
rm /var/lib/vz/snippets/theirs
purge
not_said 'WARNING|still named|--delete'
as_before
