# timeout: 240
# The storage is full: QEMU stops the machine. Going on helps only once there is room again; then it is all that is needed.
for vmid in 101 102; do
    vm $vmid
    mkdir -p "/run/lab/tmp"
    mv "/var/lib/vz/images/$vmid/vm-$vmid-disk-0.raw" /run/lab/tmp/
    mount -t tmpfs -o size=6M full "/var/lib/vz/images/$vmid"
    cp --sparse=always "/run/lab/tmp/vm-$vmid-disk-0.raw" "/var/lib/vz/images/$vmid/"
    dd if=/dev/zero of="/var/lib/vz/images/$vmid/other" bs=1M count=4 status=none
done
up 101 102
for vmid in 101 102; do
    fine $vmid
    pid=$(vm_pid $vmid)
    press $vmid w
    becomes $vmid io-error
    look 1 $vmid unhealthy qemu ok io-error
    errors_like "space|full|nospace"
    expect_json '.vms[0].recovery.needed' true
    refused $vmid "full|space|room|left"
    becomes $vmid io-error
    rm "/var/lib/vz/images/$vmid/other"
    expect_exit 0 vm-probe recover $vmid
    expect_text cont
    becomes $vmid io-error
    heals $vmid
    expect_text "cont|no_space|io_error"
    becomes $vmid running
    [[ $(vm_pid $vmid) == "$pid" ]] || fail "it was started anew"
done
