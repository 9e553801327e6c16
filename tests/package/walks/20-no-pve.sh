# shellcheck shell=bash
# No PVE, no /var/lib/vz: a workstation on which somebody tries it.
[[ ! -e /var/lib/vz && ! -e /etc/pve ]] || fail "this machine is not bare"
before

apt_install
for program in "${PROGRAMS[@]}"; do "$program" --version; done
told gpu-bind --root /t/tree status
apt_remove
not_said 'hookscript'
apt_purge
as_before
