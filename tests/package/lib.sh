# shellcheck shell=bash
# lib.sh: what the walks are written with. Runs inside of a machine; /t holds what they need and is no part of it.
set -euo pipefail

PROGRAMS=(pve-hook gpu-bind usb-reset coral-check vm-probe)
SNIPPETS=/var/lib/vz/snippets
SAID=/tmp/said

fail() {
    echo "FAILED: $*"
    exit 1
}
trap 'echo "FAILED: ${BASH_SOURCE[0]##*/} line $LINENO: $BASH_COMMAND"' ERR

# --- a PVE host

# pve_host: node "one" of a cluster, with VMs, storage "local" and a qm that changes configurations and notes what it was told.
pve_host() {
    mkdir -p /etc/pve/nodes/{one,two}/{qemu-server,lxc} "$SNIPPETS" /var/lib/vz/images
    ln -s nodes/one /etc/pve/local
    ln -s nodes/one/qemu-server /etc/pve/qemu-server
    ln -s nodes/one/lxc /etc/pve/lxc
    echo one >/etc/hostname
    hostname one
    vm 111 'name: win' 'hostpci0: 0000:01:00,pcie=1'
    vm 112 'name: frigate' 'usb0: host=2-3'
    vm 113 'name: web'
    cat >/usr/sbin/qm <<'END'
#!/bin/sh
# qm set VMID --hookscript VOLUME | --delete hookscript, in the main section as PVE does.
echo "$*" >>/tmp/qm.calls
conf=/etc/pve/qemu-server/$2.conf
[ "$1" = set ] && [ -f "$conf" ] || exit 2
sed -i '1,/^\[/{/^hookscript:/d}' "$conf"
case $3 in
    --hookscript) sed -i "1i hookscript: $4" "$conf" ;;
    --delete) ;;
    *) exit 2 ;;
esac
END
    chmod 0755 /usr/sbin/qm
}

# vm VMID LINE...: a VM of this node.
vm() {
    local vmid=$1
    shift
    printf '%s\n' "$@" >"/etc/pve/qemu-server/$vmid.conf"
}

hooked() { sed '/^\[/,$d' "/etc/pve/qemu-server/$1.conf" | grep -q '^hookscript: local:snippets/pve-hook$'; }

# --- the package

# told COMMAND...: runs it; what it says, both streams, is for said and not_said, and for the reader of the log.
told() {
    local result=0
    echo "+ $*"
    "$@" &>"$SAID" || result=$?
    cat "$SAID"
    return "$result"
}
said() { grep -qE -e "$1" "$SAID" || fail "it never said $1"; }
not_said() { ! grep -E -e "$1" "$SAID" || fail "it said $1"; }

# What the README tells to type, with the package as it is.
apt_install() { told apt-get install -y /t/pve-hooks.deb && whole; }
apt_remove() { told apt-get remove -y pve-hooks && settled; }
apt_purge() { told apt-get purge -y pve-hooks && settled && [[ -z $(status) ]]; }
# The same by dpkg alone, which is quicker. As where nobody sits at a terminal, a changed configuration file is kept.
install() { told dpkg --force-confdef --force-confold -i "${1:-/t/plain.deb}" && whole; }
remove() { told dpkg -r pve-hooks && settled; }
purge() { told dpkg -P pve-hooks && settled && [[ -z $(status) ]]; }

status() { dpkg-query -W -f '${Status}' pve-hooks 2>/dev/null || true; }
# Nothing is left half done.
settled() {
    local audit
    audit=$(dpkg --audit 2>&1)
    [[ -z $audit ]] || fail "$audit"
}
# Installed, and every file is what the package has.
whole() {
    settled
    [[ $(status) == 'install ok installed' ]] || fail "its status is '$(status)'"
    local changed
    changed=$(dpkg --verify pve-hooks | grep -v ' c /etc/' || true)
    [[ -z $changed ]] || fail "these files are not as the package has them: $changed"
}

linked() {
    local program
    for program in "${@:-"${PROGRAMS[@]}"}"; do
        [[ $(readlink "$SNIPPETS/$program") == "/usr/sbin/$program" ]] ||
            fail "$SNIPPETS/$program is no link to the program: $(ls -l "$SNIPPETS/$program" 2>&1)"
        "$SNIPPETS/$program" --version >/dev/null || fail "$SNIPPETS/$program does not run"
    done
}
unlinked() {
    local program
    for program in "${@:-"${PROGRAMS[@]}"}"; do
        [[ ! -h $SNIPPETS/$program || $(readlink "$SNIPPETS/$program") != /usr/sbin/* ]] || fail "$SNIPPETS/$program is still there"
    done
}

# --- the machine before and after

# machine: every path with type, mode, owner and target, and what stands in files that people write. Left out is what dpkg and
# apt note about any package, and what this walk writes itself.
machine() {
    local out=(/proc /sys /dev /t /tmp /var/log /var/cache /var/lib/apt)
    local names='/var/lib/dpkg/(lock.*|status.*|diversions.*|statoverride.*|triggers/.*|available.*)'
    local prune=() path
    for path in "${out[@]}"; do prune+=(-path "$path" -prune -o); done
    find / -regextype posix-extended "${prune[@]}" -regex "$names" -prune -o -printf '%p %y %m %U:%G %l\n' | sort
    for path in /etc /var/lib/vz /root; do
        [[ ! -d $path ]] || find "$path" -type f -exec sha256sum {} + | sort -k 2
    done
}
before() {
    # mount makes it where it is not.
    mkdir -p /run/mount
    machine >/tmp/before
}
as_before() {
    machine >/tmp/after
    diff /tmp/before /tmp/after || fail "the machine is not as before (< before, > now)"
}

# --- now

# Nobody looks at it while it works.
echo 'Dpkg::Use-Pty "0";' >/etc/apt/apt.conf.d/90walk

# shellcheck disable=SC1090
. "/t/walks/$1"
