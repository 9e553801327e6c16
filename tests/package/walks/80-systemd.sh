# shellcheck shell=bash
# What systemd is asked to do, by a systemctl that notes it: it is no PID 1 here. What is enabled is read by the real one.
pve_host
mkdir -p /run/systemd/system
mv /usr/bin/systemctl /usr/bin/systemctl.real
cat >/usr/bin/systemctl <<'END'
#!/bin/sh
echo "$*" >>/tmp/systemctl.calls
case " $* " in
    *" --root=/ "*) exec systemctl.real "$@" ;;
    *" is-enabled "*) exec systemctl.real --root=/ "$@" ;;
    *" is-active "*) exit 3 ;;
esac
END
chmod 0755 /usr/bin/systemctl
asked() { grep -qE -- "$1" /tmp/systemctl.calls || fail "systemd was not asked: $1"; }
not_asked() { ! grep -E -- "$1" /tmp/systemctl.calls || fail "systemd was asked: $1"; }
is() {
    local now
    now=$(systemctl.real --root=/ is-enabled "$2" || true)
    [[ $now == "$1" ]] || fail "$2 is $now, not $1"
}
before

install
cat /tmp/systemctl.calls
asked 'daemon-reload'
asked ' start .*pve-hooks-reconcile\.timer'
# That would move devices now, at a time that nobody chose; the others are for who wants them.
not_asked ' start .*(pve-hooks-reconcile\.service|coral-check|vm-probe)'
is enabled pve-hooks-reconcile.timer
is enabled pve-hooks-reconcile.service
for unit in coral-check.timer vm-probe.service vm-probe.socket; do is disabled "$unit"; done
[[ $(stat -c %F:%U:%a /run/pve-hooks) == directory:root:7* ]] || fail "/run/pve-hooks was not made"

# This systemd and this udev understand them.
mapfile -t units < <(dpkg -L pve-hooks | grep -E '/systemd/system/.*\.(service|timer|socket)$')
((${#units[@]} >= 5)) || fail "units are missing: ${units[*]}"
told systemd-analyze verify --man=no "${units[@]}"
not_said 'pve-hooks|coral-check|vm-probe'
if [[ $SUITE != bookworm ]]; then told udevadm verify "$(dpkg -L pve-hooks | grep '\.rules$')"; fi

# As confined as the pages say, by their own figures.
mapfile -t figures < <(zcat -f /usr/share/doc/pve-hooks/inside.md* | sed -n "s/^| .\(.*\.service\). | \([0-9.]*\) .*/\1 \2/p")
((${#figures[@]} == 3)) || fail "the figures of three services are not there: ${figures[*]}"
for figure in "${figures[@]}"; do
    read -r unit exposure <<<"$figure"
    zcat -f /usr/share/doc/pve-hooks/README.md* | grep -qF "$exposure" || fail "the README does not say $exposure of $unit"
    told systemd-analyze security --no-pager --offline=true --threshold="${exposure/./}" \
        "$(dpkg -L pve-hooks | grep "/system/$unit\$")"
done
rm -f /run/systemd/systemd-units-load

# Whatever ended the page, it is back: a SIGHUP is no failure to systemd.
grep -qx Restart=always "$(dpkg -L pve-hooks | grep '/vm-probe\.service$')"

# An upgrade stops no reconcile half-way, and what a person switched off or on is left so.
systemctl.real --root=/ disable pve-hooks-reconcile.timer
systemctl.real --root=/ enable vm-probe.service
: >/tmp/systemctl.calls
install
cat /tmp/systemctl.calls
not_asked '(stop|restart|start).* pve-hooks-reconcile\.service'
asked ' restart .*vm-probe\.service'
not_asked '(start|restart) .*(coral-check|vm-probe\.socket)'
is disabled pve-hooks-reconcile.timer
is enabled vm-probe.service

: >/tmp/systemctl.calls
remove
cat /tmp/systemctl.calls
asked 'stop.* pve-hooks-reconcile\.timer'
asked 'stop.* vm-probe\.service'
install
is disabled pve-hooks-reconcile.timer
is enabled vm-probe.service
purge
as_before
