# shellcheck shell=bash
# A storage for snippets that is not as expected: said, and never a half-configured package.
pve_host
before
there() {
    whole
    gpu-bind --version
}

for options in ro nr_inodes=1; do
    mount -t tmpfs -o "$options" tmpfs "$SNIPPETS"
    install
    there
    said "$SNIPPETS"
    said 'Read-only file system|No space left on device'
    # What is not linked cannot be registered.
    not_said 'register --all'
    remove
    purge
    umount "$SNIPPETS"
    as_before
done

# Links run where files do not.
mount -t tmpfs -o noexec tmpfs "$SNIPPETS"
install
there
linked
# It became read-only (an error of the disk): the links stay, and that is said.
mount -o remount,ro "$SNIPPETS"
remove
said "$SNIPPETS"
mount -o remount,rw "$SNIPPETS"
install
linked
purge
unlinked
umount "$SNIPPETS"
as_before

# On a disk that is not mounted at the moment.
rmdir "$SNIPPETS"
ln -s /mnt/disk/snippets "$SNIPPETS"
before
install
there
said "$SNIPPETS"
mkdir -p /mnt/disk/snippets
install
linked
purge
unlinked
rm -r /mnt/disk
as_before

# No directory at all.
rm "$SNIPPETS"
touch "$SNIPPETS"
before
install
there
said "$SNIPPETS"
purge
as_before

# Nothing of it there: what the package made goes with it, also after a kill right after the making, and after somebody took it
# away and the package made it again.
rm -r /var/lib/vz
before
mkdir /tmp/kill
cat >/tmp/kill/mkdir <<'END'
#!/bin/sh
/bin/mkdir "$@" || exit
case $* in */snippets) kill -KILL $PPID ;; esac
END
chmod +x /tmp/kill/mkdir
if told env PATH="/tmp/kill:$PATH" dpkg -i /t/plain.deb; then fail "nothing was killed"; fi
[[ -d $SNIPPETS && ! -h $SNIPPETS/pve-hook ]] || fail "killed too early or too late"
install
linked
rm -r "$SNIPPETS"
install
linked
purge
as_before

# Where it cannot be written down, nothing is made, and that is what is said. The disk stays mounted, the package goes.
mkdir /var/lib/pve-hooks
before
mount -t tmpfs -o nr_inodes=1 tmpfs /var/lib/pve-hooks
install
there
said 'cannot write /var/lib/pve-hooks/made'
not_said 'cannot make'
[[ ! -e /var/lib/vz ]] || fail "/var/lib/vz was made"
mount -o remount,nr_inodes=9 /var/lib/pve-hooks
touch /var/lib/pve-hooks/coral-history.jsonl
purge
said '/var/lib/pve-hooks cannot be removed'
[[ -z $(ls -A /var/lib/pve-hooks) ]] || fail "the history stays"
umount /var/lib/pve-hooks
as_before
rmdir /var/lib/pve-hooks

# A person's file.
echo mine >/var/lib/pve-hooks
before
install
there
said '/var/lib/pve-hooks is no directory'
not_said 'cannot make'
purge
said '/var/lib/pve-hooks is no directory'
grep -q mine /var/lib/pve-hooks
as_before
