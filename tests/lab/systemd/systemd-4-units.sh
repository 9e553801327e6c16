# The units: systemd finds nothing to complain of, and what they start works as they start it.
# timeout: 240
. "$LAB/guest/systemd/lib.sh"
units=()
for f in "$LAB"/../../systemd/*; do units+=("/usr/lib/systemd/system/${f##*/}"); done
expect_exit 0 systemd-analyze verify --man=no "${units[@]}"
[[ ! ${ALL//[[:space:]]/} ]] || fail "systemd complains"

# lives: it answers, asked without a program.
lives() {
    local fd line=''
    { exec {fd}<>/dev/tcp/127.0.0.1/8080; } 2>/dev/null || return 1
    printf 'GET /livez HTTP/1.0\r\nHost: 127.0.0.1:8080\r\n\r\n' >&"$fd"
    read -rt 10 -u "$fd" line
    exec {fd}>&-
    [[ $line == HTTP/1.?\ 200* ]]
}
started=vm-probe.service
[[ ! -e /usr/lib/systemd/system/vm-probe.socket ]] || started=vm-probe.socket
expect_exit 0 systemctl start $started
wait_for 30 lives || fail "vm-probe does not answer after 'systemctl start $started'"
expect_exit 0 systemctl is-active vm-probe.service
# A reload leaves it as it is, and fails where the configuration is no good.
pid=$(property MainPID vm-probe.service)
mkdir -p /etc/pve-hooks
printf '[probe]\nfast = "1s"\n' >/etc/pve-hooks/config.toml
expect_exit 0 systemctl reload vm-probe.service
reread() { [[ $(journal vm-probe.service) == *'read anew'* ]]; }
wait_for 10 reread || fail "vm-probe has not read its configuration anew"
printf '[probe]\nfast = "0s"\n' >/etc/pve-hooks/config.toml
expect_exit 1 systemctl reload vm-probe.service
rm /etc/pve-hooks/config.toml
[[ $(property MainPID vm-probe.service) == "$pid" ]] || fail "a reload ended vm-probe"
lives || fail "vm-probe does not answer after a reload"
expect_exit 0 systemctl stop $started vm-probe.service
expect_exit 0 systemctl show -p Result -p ExecMainStatus vm-probe.service
expect_text Result=success
! lives || fail "vm-probe answers although it was stopped"

# As the pages say it.
# shellcheck source=tests/docs/blocks.sh
. "$LAB/../docs/blocks.sh"
play docs/vm-probe.md package
wait_for 30 lives || fail "vm-probe does not answer after what docs/vm-probe.md says"
play docs/monitoring.md package
play docs/coral-frigate.md package
for unit in vm-probe.service coral-check.timer; do
    expect_exit 0 systemctl is-enabled $unit
    expect_exit 0 systemctl is-active $unit
done
expect_exit 0 systemctl disable --now vm-probe.service coral-check.timer

# What it cures by a write to sysfs: power saving that put a Coral to sleep.
[[ -e /usr/lib/systemd/system/coral-check.service ]] || exit 0
coral_wrong_speed
coral_vm 275
coral_suspend
coral_suspended || fail "the lab's Coral does not sleep"
run systemctl start coral-check.service
run journal coral-check.service
expect_no_text "cannot be read" "not permitted" "denied"
[[ $(coral_attr power/control) == on ]] || fail "power/control is $(coral_attr power/control)"
expect_exit 0 systemctl start coral-check.timer
expect_exit 0 systemctl stop coral-check.timer
