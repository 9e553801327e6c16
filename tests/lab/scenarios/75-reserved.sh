# A GPU that modprobe.d reserves for vfio-pci at boot stays there after a stop; no record is needed for it.
# kernel: 6.1
raw_detach
for a in "$GPU" "$SND" "$GPU2" "$SND2"; do put '' "$DEV/$a/driver_override"; done
printf 'options vfio-pci ids=1234:1111,8086:2668\n' >/etc/modprobe.d/lab-vfio.conf
gpu_vm 111
expect_exit 0 pve-hook 111 pre-start
expect_exit 0 pve-hook 111 post-stop
expect_vfio
expect_exit 0 gpu-bind reconcile
expect_vfio
rm /etc/modprobe.d/lab-vfio.conf
# Without the reservation and without a record, modalias names the driver.
rm -rf /run/pve-hooks /var/lib/pve-hooks
expect_exit 0 gpu-bind reconcile
expect_host
