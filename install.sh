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
# LINK=dynamic makes one file with five names, as the Debian package has it: a third in size, and twice as long to start.
# CARGO_TARGET_DIR is obeyed.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
prefix=${PREFIX:-/usr}
dest=${DESTDIR:-}
link=${LINK:-static}
target=${CARGO_TARGET_DIR:-$here/target}
# Where the programs are when they are built.
case $link in
    dynamic) built=$target/one-file ;;
    *) built=$target/release ;;
esac
programs='pve-hook gpu-bind usb-reset coral-check vm-probe'
snippets=/var/lib/vz/snippets
config=/etc/pve-hooks/config.toml
manifest=$prefix/share/pve-hooks/installed
installed=$dest$manifest
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
        # For debian/rules: what is built, where a package has it, without links and records.
        --package) mode=package ;;
        -n | --dry-run) dry=yes ;;
        -h | --help) sed -n '2,/^set /s/^# \{0,1\}//p' "$0" | sed '$d' && exit 0 ;;
        *) die "unknown option $word (see --help)" ;;
    esac
done

done_or_dry() {
    if [ "$dry" ]; then say "dry run: nothing was changed"; else say "$*"; fi
}

for path in "$dest" "$prefix"; do
    case $path in
        '' | /*) ;;
        *) die "DESTDIR and PREFIX must be absolute paths, not $path" ;;
    esac
done
case $link in
    static | dynamic) ;;
    *) die "LINK is static or dynamic, not $link" ;;
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
    said=$(DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "$@" 2>&1) || {
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

# Options that make a file smaller, as far as the linker of this compiler knows them: relocations in a few bytes each, equal
# functions once.
smaller() {
    [ -z "$dry" ] || return 0
    scratch=$(mktemp -d)
    for option in -z,pack-relative-relocs --icf=all; do
        if printf 'fn main() {}' | rustc -o "$scratch/a" -C "link-arg=-Wl,$option" - 2>/dev/null; then
            printf ' -C link-arg=-Wl,%s' "$option"
        fi
    done
    rm -r "$scratch"
}

# How a program is built, for this machine and for the package alike.
build() {
    compiler
    # No path of this machine: the same source gives the same bytes anywhere. Separated by what no path has in it.
    CARGO_ENCODED_RUSTFLAGS=$(printf -- '--remap-path-prefix=%s\037--remap-path-prefix=%s\037--remap-path-prefix=%s' \
        "$target=/target" "${CARGO_HOME:-${HOME:-/root}/.cargo}=/cargo" "$here=/pve-hooks")
    export CARGO_ENCODED_RUSTFLAGS
    if [ "$link" = dynamic ]; then
        # shellcheck disable=SC2046 # words
        compile pve-hooks -C link-arg=-Wl,-T,no-unwind.ld -C link-arg=-Wl,--no-eh-frame-hdr $(smaller)
        # One file with five names, which is half of what five files come to.
        act mkdir -p "$built"
        for program in $programs; do act ln -f "$target/release/pve-hooks" "$built/$program"; done
        return
    fi
    # Static and at a fixed address: a start without dynamic linking and relocations is shorter. Not so the one that resolves
    # names, which needs the C library of the machine that it runs on.
    compile vm-probe
    for program in pve-hook gpu-bind usb-reset coral-check; do
        compile "$program" -C target-feature=+crt-static -C relocation-model=static
    done
}
compile() {
    program=$1
    shift
    (act cd "$here" && act cargo rustc --release --locked --quiet --target-dir "$target" --bin "$program" -p "$program" -- "$@")
}

# What goes where: mode, source, destination. Files that are not there are no part of it.
files() {
    if [ "$mode" = package ]; then
        units=/lib/systemd/system rules=/usr/lib/udev/rules.d tmpfiles=/usr/lib/tmpfiles.d
    else
        units=/etc/systemd/system rules=/etc/udev/rules.d tmpfiles=/etc/tmpfiles.d
    fi
    for program in $programs; do file 0755 "$built/$program" "$prefix/sbin/$program"; done
    for path in systemd/*.service systemd/*.socket systemd/*.timer; do file 0644 "$path" "$units/${path##*/}"; done
    for path in udev/*.rules; do file 0644 "$path" "$rules/${path##*/}"; done
    for path in tmpfiles/*.conf; do file 0644 "$path" "$tmpfiles/${path##*/}"; done
    for path in man/*.[1-8]; do file 0644 "$path" "$prefix/share/man/man${path##*.}/${path##*/}"; done
    for program in $programs; do
        for path in completions/"$program.bash" completions/*/"$program.bash"; do
            file 0644 "$path" "$prefix/share/bash-completion/completions/$program"
        done
        for path in completions/"_$program" completions/*/"_$program"; do
            file 0644 "$path" "$prefix/share/zsh/vendor-completions/_$program"
        done
        for path in completions/"$program.fish" completions/*/"$program.fish"; do
            file 0644 "$path" "$prefix/share/fish/vendor_completions.d/$program.fish"
        done
    done
    for path in README.md CHANGELOG.md docs/*.md docs/*.json; do
        file 0644 "$path" "$prefix/share/doc/pve-hooks/${path#docs/}"
    done
    # A package says it in debian/copyright.
    [ "$mode" = package ] || file 0644 LICENSE "$prefix/share/doc/pve-hooks/LICENSE"
    find snippets -type f | LC_ALL=C sort | while read -r path; do
        if [ -x "$path" ]; then bits=0755; else bits=0644; fi
        file "$bits" "$path" "$prefix/share/doc/pve-hooks/examples/${path#snippets/}"
    done
    file 0644 config/config.toml "$config"
}
file() {
    case $2 in
        "$target"/*) printf '%s\t%s\t%s\n' "$@" ;;
        *) [ ! -f "$2" ] || printf '%s\t%s\t%s\n' "$@" ;;
    esac
}

# Makes a directory; each one that was not there is written down, to be taken away again.
directory() {
    [ ! -d "$dest$1" ] || return 0
    directory "${1%/*}"
    act mkdir "$dest$1"
    record d "$1"
}
record() { [ "$dry" ] || [ "$mode" = package ] || printf '%s\t%s\n' "$1" "$2" >>"$list"; }
sum() { sha256sum <"$1" | cut -d ' ' -f 1; }

# Only a link of ours is touched; a person's own file stays.
link_snippet() {
    path=$snippets/$1
    if [ -e "$dest$path" ] || [ -h "$dest$path" ]; then
        if [ "$(readlink "$dest$path")" = "$prefix/sbin/$1" ]; then
            record l "$path"
        else
            say "$dest$path is not ours and stays; the program is $prefix/sbin/$1"
        fi
        return 0
    fi
    act ln -s "$prefix/sbin/$1" "$dest$path"
    record l "$path"
}

# A program that runs cannot be overwritten, so all of them go there by rename.
put() {
    directory "${3%/*}"
    case $3 in
        */systemd/system/*)
            if [ "$dry" ]; then
                say "would install $dest$3"
                return 0
            fi
            sed "s,/usr/sbin/,$prefix/sbin/,g" "$2" >"$dest$3.new"
            chmod "$1" "$dest$3.new"
            ;;
        */sbin/*) put_program "$1" "$2" "$dest$3" ;;
        */doc/pve-hooks/*.md | */examples/kubernetes/Containerfile)
            if [ "$dry" ]; then
                say "would install $dest$3"
                return 0
            fi
            page "$2" >"$dest$3.new"
            chmod "$1" "$dest$3.new"
            ;;
        *) act install -m "$1" "$2" "$dest$3.new" ;;
    esac
    act mv -f "$dest$3.new" "$dest$3"
}

# A page, where the pages lie side by side and the snippets in examples/. What is not installed is named without a link.
page() {
    sed -E -e 's,\]\((docs/|\.\./(README\.md)),](\2,g' -e 's,\]\((\.\./)?snippets/,](examples/,g' \
        -e 's,\[([^]]*)\]\((\.\./)?(tests/[^)]*|install\.sh)\),\1,g' \
        -e "s,(^|[ \`])snippets/,\\1$prefix/share/doc/pve-hooks/examples/,g" \
        -e "/podman build/s,target/release,$prefix/sbin," "$1"
}

# Names of one file stay names of one file.
put_program() {
    for program in $programs; do
        [ "$program" != "${3##*/}" ] || break
        if cmp -s "$2" "${3%/*}/$program"; then
            act ln -f "${3%/*}/$program" "$3.new"
            return
        fi
    done
    act install -m "$1" "$2" "$3.new"
}

# The configuration is a person's as soon as it was changed.
put_config() {
    if [ -e "$dest$3" ] && [ "$mode" != package ]; then
        if cmp -s "$2" "$dest$3"; then
            record "c $(sum "$2")" "$3"
            return 0
        fi
        if ! was_ours "$3"; then
            say "$dest$3 was changed and stays; what is new in it: diff $dest$3 $here/$2"
            return 0
        fi
    fi
    put "$1" "$2" "$3"
    record "c $(sum "$2")" "$3"
}
# Whether a configuration is as it was installed.
was_ours() {
    [ -f "$installed" ] && grep -qxF "c $(sum "$dest$1")	$1" "$installed"
}

put_all() {
    files | while IFS='	' read -r bits source path; do
        if [ "$path" = "$config" ]; then
            put_config "$bits" "$source" "$path"
        else
            put "$bits" "$source" "$path"
            record f "$path"
        fi
    done
    directory /etc/pve-hooks/hooks.d
}

refuse_over_package() {
    if [ -z "$dest" ] && dpkg-query -W -f '${Status}' pve-hooks 2>/dev/null | grep -q 'ok installed'; then
        die "the package pve-hooks is installed; remove it first: apt remove pve-hooks"
    fi
}

# Systemd and udev, where they run.
tell_init() {
    [ -z "$dest" ] || return 0
    ! command -v udevadm >/dev/null || act udevadm control --reload || true
    [ ! -d /run/systemd/system ] || act systemctl daemon-reload
}

install_all() {
    if [ -z "$dest" ]; then
        [ "$(id -u)" = 0 ] || [ "$dry" ] || die "must run as root"
        [ -d /etc/pve ] || say "no /etc/pve here: this is no Proxmox VE host (./install.sh --demo needs none)"
    fi
    refuse_over_package
    build
    cd "$here"
    [ -d "$dest/" ] || act mkdir -p "$dest"
    # What an earlier run made stays on the record, in its order.
    list=
    if [ -z "$dry" ]; then
        list=$(mktemp)
        trap 'rm -f "$list"' EXIT
        if [ -f "$installed" ]; then grep '^d	' "$installed" >"$list" || true; fi
    fi
    put_all
    directory "$snippets"
    for program in $programs; do link_snippet "$program"; done
    directory "${manifest%/*}"
    if [ -z "$dry" ]; then
        # What an earlier version had and this one has not.
        take_off "$(leftover)"
        install -m 0644 "$list" "$installed"
    fi
    tell_init
    if [ -z "$dest" ] && [ -d /run/systemd/system ]; then
        act systemctl enable --quiet --now pve-hooks-reconcile.timer
        act systemctl enable --quiet pve-hooks-reconcile.service
    fi
    done_or_dry "installed; next: pve-hook register --all, then pve-hook check; what the timer would do now: gpu-bind -n reconcile"
}

leftover() {
    [ ! -f "$installed" ] || grep '^[fl]	' "$installed" | grep -vxFf "$list" || true
}

# Takes off what the lines name, last first, so that directories are empty when their turn comes.
take_off() {
    printf '%s\n' "$1" | sed '1!G;h;$!d' | while IFS='	' read -r kind path; do
        case $kind in
            f) act rm -f "$dest$path" ;;
            l) [ "$(readlink "$dest$path" 2>/dev/null)" != "$prefix/sbin/${path##*/}" ] || act rm -f "$dest$path" ;;
            c*)
                if [ ! -e "$dest$path" ]; then
                    :
                elif was_ours "$path"; then
                    act rm -f "$dest$path"
                else
                    say "$dest$path was changed and stays"
                fi
                ;;
            d) [ "$dry" ] || rmdir --ignore-fail-on-non-empty "$dest$path" 2>/dev/null || true ;;
        esac
    done
}

uninstall_all() {
    refuse_over_package
    [ -e "$dest$prefix/sbin/pve-hook" ] || die "nothing is installed below $dest$prefix (was it another PREFIX?)"
    # Only the main section counts: snapshots, further down, may name it for ever.
    hooked=
    for conf in "$dest"/etc/pve/qemu-server/*.conf; do
        [ -f "$conf" ] || continue
        if sed '/^\[/,$d' "$conf" | grep -q '^hookscript: *[^:]*:snippets/pve-hook *$'; then
            printf 'install.sh: still named by %s: pve-hook unregister %s\n' "$conf" "$(basename "$conf" .conf)" >&2
            hooked=yes
        fi
    done
    [ -z "$hooked" ] || die "these VMs could not be started any more; nothing was removed"
    cd "$here"
    if [ -f "$installed" ]; then
        lines=$(cat "$installed")
    else
        # Installed by a version that kept no record.
        lines=$(files | while IFS='	' read -r _ _ path; do printf 'f\t%s\n' "$path"; done | grep -vF "	$config"
            for program in $programs; do printf 'l\t%s\n' "$snippets/$program"; done)
    fi
    if [ -z "$dest" ] && [ -d /run/systemd/system ]; then
        units=$(printf '%s\n' "$lines" | sed -n 's,^f.*/systemd/system/,,p')
        # shellcheck disable=SC2086 # one word each
        act systemctl disable --quiet --now $units || true
    fi
    # The record lies in one of the directories.
    if [ -z "$dry" ] && [ -f "$installed" ]; then
        installed=$(mktemp)
        trap 'rm -f "$installed"' EXIT
        mv "$dest$manifest" "$installed"
    fi
    take_off "$lines"
    tell_init
    done_or_dry "removed; what you wrote in /etc/pve-hooks and what was recorded in /var/lib/pve-hooks stays (rm -r them if you want)"
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
    package)
        [ "$dest" ] || die "--package needs a DESTDIR"
        mkdir -p "$dest"
        cd "$here"
        put_all
        ;;
    install) install_all ;;
    uninstall) uninstall_all ;;
esac
