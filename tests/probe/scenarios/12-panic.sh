# timeout: 240
# The guest panicked, and said so to its machine.
up 101 102
pid=$(vm_pid 101)
press 101 p
becomes 101 guest-panicked
look 1 101 unhealthy qemu ok guest-panicked
errors_like panic
fine 102
expect_exit 0 vm-probe recover 101
expect_text reset
heals 101
[[ $(vm_pid 101) == "$pid" ]] || fail "it was started anew"
