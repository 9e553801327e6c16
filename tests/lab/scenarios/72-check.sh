# pve-hook check: registered or not, script in place, what would be bound.
# kernel: 6.12
vm_config 111 "hostpci0: 01:00,pcie=1" "hookscript: local:snippets/pve-hook"
vm_config 112 "hostpci0: 0000:02:00.0,driver=keep"
vm_config 113 "hostpci0: 77:00"
expect_exit 0 pve-hook check --json 111
expect_json '.vms[0] | [.vmid, .registered, (.problems | length)] | @csv' '111,true,0'
expect_json '.vms[0].devices[0] | [.key, .driver, .mapping, (.functions | join(" "))] | @csv' \
    "\"hostpci0\",\"vfio\",,\"$GPU $SND\""
expect_exit 0 pve-hook check 111
expect_text 111 "$GPU" "$SND"
run pve-hook check --json
expect_json '.vms | map(.vmid) | @csv' '111,112,113'
expect_json '.vms[1].devices[0].driver' keep
expect_json '.vms[1].registered' false
run pve-hook check 113
((STATUS == 1)) || fail "a missing device is a problem"
expect_text "77:00"

rm /var/lib/vz/snippets/pve-hook
expect_exit 1 pve-hook check 111
expect_text "/var/lib/vz/snippets/pve-hook"
link_snippets
