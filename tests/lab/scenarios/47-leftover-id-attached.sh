# A leftover id of a GPU that is on the host: after attach, whoever probes it again gets the host driver.
# kernel: 6.12
vfio_pci_first
leave_new_id "$GPU" "$SND"
snapshot_neighbour
expect_exit 0 gpu-bind status
expect_exit 0 gpu-bind attach 01:00
expect_text "1234:1111|1234 1111"
expect_host
for a in "$GPU" "$SND"; do
    unbind "$a"
    put "$a" "$SYS/drivers_probe"
done
wait_for 10 has_sound "$SND" || true
expect_host
expect_neighbour_untouched
# Once it is gone there is nothing to tell.
expect_exit 0 gpu-bind attach 01:00
expect_no_text "1234:1111|1234 1111"
expect_text "nothing changed"
expect_locks_free

# Not while a VM uses an identical GPU: PVE may be about to bind by that id.
leave_new_id "$GPU"
raw_detach "$GPU2"
expect_exit 0 gpu-bind attach 01:00
expect_text "nothing changed"
raw_attach "$GPU2"
expect_exit 0 gpu-bind attach 01:00
expect_text "1234:1111|1234 1111"
