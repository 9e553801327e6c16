# The commands of README and of the pages on the Coral and on monitoring, as they stand there, and what they say.
# kernel: 6.12
# timeout: 400
# shellcheck source=tests/docs/lab.sh
. "$LAB/../docs/lab.sh"
play docs/coral-frigate.md lab
# What cron would run, as it would: with its own PATH, and little else. An emulated guest on a busy machine may not answer in time.
by_cron() { env -i HOME=/root LOGNAME=root SHELL=/bin/sh PATH=/usr/bin:/bin /bin/sh -c "$(cut -d' ' -f7- /etc/cron.d/coral-check)"; }
wait_for 40 by_cron || fail "cron would fail"
grep -q '^pve_hooks_coral_severity{port="6-1"} 0' /var/lib/prometheus/node-exporter/coral.prom

# With the same VM.
play docs/monitoring.md lab
play README.md lab
[[ ! -e /run/lab/log/reboots.275 ]] || fail "a VM was rebooted"
