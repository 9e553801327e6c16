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
