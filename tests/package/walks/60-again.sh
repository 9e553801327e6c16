# shellcheck shell=bash
# On and off, again and again.
pve_host
before
install
remove
install
linked
remove
remove
purge
as_before
purge
install
linked
install
linked
purge
as_before
