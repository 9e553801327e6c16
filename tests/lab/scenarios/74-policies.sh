# Where to after the stop: return = never and host; units that are stopped before and started after.
# kernel: 6.1
mkdir -p /etc/pve-hooks /run/systemd/system /run/lab/units
config() { printf '%s\n' "$@" >/etc/pve-hooks/config.toml; }
gpu_vm 111
config '[defaults]' 'return = "never"'
expect_exit 0 pve-hook 111 pre-start
expect_exit 0 pve-hook 111 post-stop
expect_vfio
expect_exit 0 gpu-bind reconcile
expect_vfio
expect_exit 0 gpu-bind status --json
expect_json '.gpus[0].belongs' vfio
# A person's word counts more.
expect_exit 0 gpu-bind attach 01:00
expect_host

config '[gpu."01:00"]' 'return = "host"' 'units = ["display-manager.service"]'
: >/run/lab/units/display-manager
expect_exit 0 pve-hook 111 pre-start
[[ ! -e /run/lab/units/display-manager ]] || fail "the unit was not stopped"
expect_exit 0 pve-hook 111 post-stop
[[ -e /run/lab/units/display-manager ]] || fail "the unit was not started again"
expect_host
# One that did not run before is not started after.
rm /run/lab/units/display-manager
expect_exit 0 gpu-bind cycle 01:00
[[ ! -e /run/lab/units/display-manager ]] || fail "a unit was started that did not run"
expect_host
rm -r /run/lab/units
