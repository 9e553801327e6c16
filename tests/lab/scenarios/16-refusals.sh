# What is no GPU, not there, or makes no sense: a clear error, the right exit code, nothing changed.
# kernel: 6.1
vm_config 111 "hostpci0: 01:00,pcie=1,pcie=0"
vm_config 112 "hostpci0: mapping=nowhere"
vm_config 113 "hostpci0: 0000:77:00"
snapshot_state
expect_exit 5 gpu-bind detach "$NIC"
expect_text "$NIC|05:00" "network|NIC|class"
expect_exit 5 gpu-bind detach "$PORT"
expect_text "bridge"
expect_exit 5 gpu-bind detach 03:00
for target in garbage 01:00.9 1:2:3:4 zz:00 "" ../../etc; do
    expect_exit 2 gpu-bind detach "$target"
done
expect_exit 2 gpu-bind detach
expect_exit 2 gpu-bind explode 01:00
expect_exit "1|2" gpu-bind detach 77:00
expect_text "77:00"
expect_exit 2 gpu-bind detach vm:999
expect_text "999"
expect_exit 2 gpu-bind detach vm:111
expect_text "hostpci0" "pcie" "111.conf"
expect_exit 2 gpu-bind detach vm:112
expect_text "nowhere"
expect_exit "1|2" gpu-bind detach vm:113
expect_text "77:00"
expect_exit 2 pve-hook 999 pre-start
expect_text "999"
expect_exit 2 pve-hook 111 pre-start
expect_text "hostpci0"
expect_exit 2 pve-hook 112 pre-start
expect_text "nowhere"
expect_exit "1|2" pve-hook 113 pre-start
expect_exit 2 pve-hook abc pre-start
expect_exit 2 pve-hook 111 mid-start
expect_exit 2 pve-hook 111
expect_unchanged

mkdir -p /etc/pve-hooks
printf '[gpu]\nreturn_everything = true\n' >/etc/pve-hooks/config.toml
expect_exit 2 gpu-bind status
expect_text "config.toml" "return_everything|gpu" "[line ]*[12]"
rm -r /etc/pve-hooks
expect_unchanged
