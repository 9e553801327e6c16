# shellcheck shell=bash
# From source: on and off, and never together with the package.
pve_host
before
# A cargo that compiles nothing: the package's programs are what it makes, by whatever name it is asked for.
mkdir -p /tmp/bin /tmp/target/release
cat >/tmp/bin/cargo <<'END'
#!/bin/sh
while [ $# -gt 0 ]; do
    [ "$1" != --bin ] || program=$2
    shift
done
made=/t/target/release/$program
[ -e "$made" ] || made=/t/target/release/pve-hook
cp "$made" "/tmp/target/release/$program"
END
printf '#!/bin/sh\n' >/tmp/bin/cc
printf '#!/bin/sh\necho rustc 1.88.0\n' >/tmp/bin/rustc
chmod +x /tmp/bin/*
from_source() { told env PATH="/tmp/bin:$PATH" CARGO_TARGET_DIR=/tmp/target /t/source/install.sh "$@"; }

from_source
linked
told pve-hook register 111
if from_source --uninstall; then fail "taken off under a VM that names the hook"; fi
said 'pve-hook unregister 111'
linked

if told apt-get install -y /t/pve-hooks.deb; then fail "the package was installed over it"; fi
said 'install.sh --uninstall'
settled
[[ $(status) != *' installed' ]] || fail "its status is '$(status)'"
linked
told pve-hook unregister --all
from_source --uninstall
told dpkg -P pve-hooks
as_before

install
for what in '' --uninstall; do
    if from_source $what; then fail "install.sh $what went over the package"; fi
    said 'apt remove pve-hooks'
    whole
    linked
done
purge
as_before
