# shellcheck shell=bash
# On and off, again and again.
pve_host
before
install
remove
install
linked
remove
told apt-get remove -y pve-hooks
purge
as_before
told dpkg --purge pve-hooks
install
linked
install
linked
purge
as_before
