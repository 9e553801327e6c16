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
kill -KILL "$(vm_pid 101)"
rm /run/qemu-server/101.*
expect_exit "0|1" vm-probe check 101 --json
refused 101 "HA"
fine 103
