# The host driver refuses the GPU (its probe fails): exit 1 with the kernel's words, healed once it agrees.
gpu_vm 111
expect_exit 0 gpu-bind detach 01:00
memory_window "$PORT" closed
expect_exit 1 gpu-bind attach 01:00
expect_text "$GPU" "bochs" "No such device|ENODEV"
expect_exit 1 gpu-bind status
expect_text "$GPU.*(UNBOUND|MIXED)"
expect_no_text "$GPU.*ATTACHED"
memory_window "$PORT" open
expect_exit 0 gpu-bind reconcile
expect_host

# The driver is not there and cannot be loaded.
expect_exit 0 gpu-bind detach 01:00
raw_detach "$SND2" "$GPU2"
rmmod bochs
printf 'install bochs /bin/false\n' >/etc/modprobe.d/lab-no-bochs.conf
expect_exit 1 gpu-bind attach 01:00
expect_text "$GPU" "bochs"
expect_exit "0|1" gpu-bind status 01:00
expect_no_text "$GPU.*ATTACHED"
rm /etc/modprobe.d/lab-no-bochs.conf
# The driver is loaded on demand.
expect_exit 0 gpu-bind attach 01:00
expect_host
expect_locks_free
