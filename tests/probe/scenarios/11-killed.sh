# timeout: 240
# QEMU is killed: its pid file stays, and says that it ought to run. One that was stopped in order is off, and well.
up 101 102 103
kill -KILL "$(vm_pid 101)"
wait_for 20 dead "$(vm_pid 101)"
look 1 101 unhealthy qemu
errors_like "QEMU|process|ended|gone"
expect_exit 0 qm stop 102
look 0 102 stopped none
fine 103
# The number of a dead QEMU may be another program's by now.
sleep 1000 &
echo $! >/run/qemu-server/101.pid
look 1 101 unhealthy qemu
kill $!
