#!/bin/sh
# install.sh: from source to a working hook.
#
#   ./install.sh              build and install on this PVE host (or into DESTDIR)
#   ./install.sh --demo       no PVE needed: build, boot the lab and show the story on a real kernel
#   ./install.sh --build      build only
#   ./install.sh --compiler   only see to it that there is a compiler
#   ./install.sh --uninstall  take off what was installed; refused while VMs name the hook
#   -n, --dry-run             print what would be done
#
# PREFIX (default /usr) and DESTDIR as usual. What is missing is installed by apt.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
prefix=${PREFIX:-/usr}
dest=${DESTDIR:-}
programs='pve-hook gpu-bind usb-reset coral-check vm-probe'
units='pve-hooks-reconcile.service pve-hooks-reconcile.timer vm-probe.service'
snippets=/var/lib/vz/snippets
rule=/etc/udev/rules.d/60-pve-hooks-coral.rules
mode=install
dry=

say() { printf 'install.sh: %s\n' "$*"; }
die() {
    printf 'install.sh: %s\n' "$*" >&2
    exit 1
}
act() {
    if [ "$dry" ]; then say "would run: $*"; else "$@"; fi
}

for word; do
    case $word in
        --demo) mode=demo ;;
        --build) mode=build ;;
        --compiler) mode=compiler ;;
        --uninstall) mode=uninstall ;;
        -n | --dry-run) dry=yes ;;
        -h | --help) sed -n '2,/^set /s/^# \{0,1\}//p' "$0" | sed '$d' && exit 0 ;;
        *) die "unknown option $word (see --help)" ;;
    esac
done

done_or_dry() {
    if [ "$dry" ]; then say "dry run: nothing was changed"; else say "$*"; fi
}

case $dest in
    '' | /*) ;;
    *) die "DESTDIR must be an absolute path, not $dest" ;;
esac

# 1.88 is the oldest compiler that builds it.
new_enough() {
    command -v cargo >/dev/null && command -v rustc >/dev/null || return 1
    minor=$(rustc --version | sed -n 's/^rustc 1\.\([0-9]*\).*/\1/p')
    [ "${minor:-0}" -ge 88 ]
}

# What apt says is only of interest when it fails.
get() {
    if [ "$dry" ]; then
        say "would run: apt-get install $*"
        return 0
    fi
    said=$(DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "$@" 2>&1) || {
        printf '%s\n' "$said" >&2
        return 1
    }
}

compiler() {
    PATH=$PATH:${HOME:-/root}/.cargo/bin:/usr/lib/rust-web/bin
    export PATH
    if new_enough && command -v cc >/dev/null; then return; fi
    [ "$(id -u)" = 0 ] || die "a Rust compiler (1.88 or newer) and a C compiler are needed; run as root to install them"
    act apt-get -qq update
    get ca-certificates gcc libc6-dev || die "apt could not install a C compiler"
    if ! new_enough; then
        get rustc-web cargo-web ||
            die "no Rust compiler of 1.88 or newer in apt; install one (https://rustup.rs) and try again"
    fi
    [ "$dry" ] || new_enough || die "the Rust compiler is older than 1.88: $(rustc --version)"
}

build() {
    compiler
    for program in $programs; do
        # Static and at a fixed address: a start without dynamic linking and relocations costs a fifth. Not so the one that
        # resolves names, which needs the C library of the machine that it runs on.
        case $program in
            vm-probe) set -- ;;
            *) set -- -C target-feature=+crt-static -C relocation-model=static ;;
        esac
        (act cd "$here" && act cargo rustc --release --locked --quiet --target-dir "$here/target" --bin "$program" -p "$program" -- "$@")
    done
}

# Only a link of ours is touched; a person's own file stays.
link_snippet() {
    link=$dest$snippets/$1
    target=$prefix/sbin/$1
    if [ -e "$link" ] || [ -h "$link" ]; then
        [ "$(readlink "$link")" = "$target" ] || say "$link is not ours and stays; the program is $target"
        return 0
    fi
    act ln -s "$target" "$link"
}

install_all() {
    if [ -z "$dest" ]; then
        [ "$(id -u)" = 0 ] || [ "$dry" ] || die "must run as root"
        if dpkg-query -W -f '${Status}' pve-hooks 2>/dev/null | grep -q 'ok installed'; then
            die "the package pve-hooks is installed; remove it first: apt remove pve-hooks"
        fi
        [ -d /etc/pve ] || say "no /etc/pve here: this is no Proxmox VE host (./install.sh --demo needs none)"
    fi
    build
    act mkdir -p "$dest$prefix/sbin" "$dest$snippets" "$dest/etc/pve-hooks/hooks.d" "$dest/etc/systemd/system" \
        "$dest${rule%/*}"
    for program in $programs; do
        act install -m 0755 "$here/target/release/$program" "$dest$prefix/sbin/.$program.new"
        # By rename, because a program that runs cannot be overwritten.
        act mv -f "$dest$prefix/sbin/.$program.new" "$dest$prefix/sbin/$program"
        link_snippet "$program"
    done
    for unit in $units; do
        if [ "$dry" ]; then
            say "would install $dest/etc/systemd/system/$unit"
        else
            sed "s,/usr/sbin/,$prefix/sbin/," "$here/systemd/$unit" >"$dest/etc/systemd/system/$unit"
        fi
    done
    act install -m 0644 "$here/udev/${rule##*/}" "$dest$rule"
    [ "$dest" ] || ! command -v udevadm >/dev/null || act udevadm control --reload || true
    if [ -z "$dest" ] && [ -d /run/systemd/system ]; then
        act systemctl daemon-reload
        act systemctl enable --quiet --now pve-hooks-reconcile.timer
        act systemctl enable --quiet pve-hooks-reconcile.service
    fi
    done_or_dry "installed; next: pve-hook register --all, then pve-hook check; what the timer would do now: gpu-bind -n reconcile"
}

uninstall_all() {
    [ -e "$dest$prefix/sbin/pve-hook" ] || die "nothing is installed below $dest$prefix (was it another PREFIX?)"
    # Only the main section counts: snapshots, further down, may name it for ever.
    hooked=
    for conf in "$dest"/etc/pve/qemu-server/*.conf; do
        [ -f "$conf" ] || continue
        sed '/^\[/,$d' "$conf" | grep -q '^hookscript: *[^:]*:snippets/pve-hook *$' && hooked="$hooked $conf"
    done
    if [ "$hooked" ]; then
        for conf in $hooked; do
            printf 'install.sh: still named by %s: pve-hook unregister %s\n' "$conf" "$(basename "$conf" .conf)" >&2
        done
        die "these VMs could not be started any more; nothing was removed"
    fi
    if [ -z "$dest" ] && [ -d /run/systemd/system ]; then
        act systemctl disable --quiet --now pve-hooks-reconcile.timer pve-hooks-reconcile.service || true
    fi
    for program in $programs; do
        link=$dest$snippets/$program
        [ "$(readlink "$link" 2>/dev/null)" != "$prefix/sbin/$program" ] || act rm -f "$link"
        act rm -f "$dest$prefix/sbin/$program"
    done
    for unit in $units; do act rm -f "$dest/etc/systemd/system/$unit"; done
    act rm -f "$dest$rule"
    [ "$dest" ] || [ ! -d /run/systemd/system ] || act systemctl daemon-reload
    done_or_dry "removed; /etc/pve-hooks and /var/lib/pve-hooks stay (rm -r them if you want)"
}

case $mode in
    build) build ;;
    compiler) compiler ;;
    demo)
        say "building, and fetching a kernel the first time; the story follows"
        build
        [ "$dry" ] || exec "$here/tests/lab/run" --demo
        say "would run: tests/lab/run --demo"
        ;;
    install) install_all ;;
    uninstall) uninstall_all ;;
esac
