# timeout: 240
# PVE's HA manager looks after this VM: it recovers it, we do not.
settings '[probe.recovery]' 'network = true' 'qemu = true' 'mixed = true' 'restart = true'
printf 'vm: 101\n\tgroup all\n\tstate started\n\nvm: 103\n\tstate ignored\n' >/etc/pve/ha/resources.cfg
up 101 102 103
press 101 p
becomes 101 guest-panicked
look 1 101 unhealthy qemu ok guest-panicked
refused 101 "HA"
becomes 101 guest-panicked
halt 102
expect_exit 0 vm-probe recover 102
go_on 102

# HA wants it started, and it is off.
pid=$(vm_pid 101)
kill -KILL "$pid"
wait_for 20 dead "$pid"
rm /run/qemu-server/101.*
look 1 101 unhealthy qemu
errors_like HA
expect_exit "0|1|5" vm-probe recover 101 --apply
[[ ! -s /run/lab/log/qm ]] || fail "qm was called: $(</run/lab/log/qm)"
fine 103
