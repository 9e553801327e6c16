# register and unregister through qm; somebody else's hookscript is kept unless --chain or --replace says otherwise.
# kernel: 6.1
config() { printf '/etc/pve/qemu-server/%s.conf' "$1"; }
has_hook() { grep -qx "hookscript: local:snippets/$2" "$(config "$1")"; }
vm_config 111 "hostpci0: 01:00"
vm_config 112 "usb0: host=046d:c52b"
vm_config 113 "net0: virtio"
printf '#!/bin/sh\necho "theirs $*" >>/run/lab/theirs\n' >/var/lib/vz/snippets/theirs
chmod +x /var/lib/vz/snippets/theirs
vm_config 114 "hostpci0: 02:00" "hookscript: local:snippets/theirs" "" "[snap1]" "hostpci0: 01:00"

expect_exit 0 pve-hook register 111
has_hook 111 pve-hook || fail "111 is not registered"
expect_exit 0 pve-hook register 111
expect_exit 0 pve-hook unregister 111
! grep -q hookscript "$(config 111)" || fail "111 is still registered"
expect_exit "1|2|5" pve-hook register 999
expect_text 999

snapshot_state
expect_exit 5 pve-hook register 114
expect_text "theirs" "--chain" "--replace"
expect_unchanged
expect_exit "1|5" pve-hook register --all
has_hook 111 pve-hook || fail "111 was left out"
has_hook 112 pve-hook || fail "112 was left out"
has_hook 114 theirs || fail "114 lost its hookscript"
! grep -q hookscript "$(config 113)" || fail "113 passes nothing through"

expect_exit 0 pve-hook register --chain 114
has_hook 114 pve-hook || fail "114 is not registered"
[[ $(grep -c hookscript "$(config 114)") = 1 ]] || fail "not once in 114"
rm -f /run/lab/theirs
expect_exit 0 pve-hook 114 pre-start
expect_exit 0 pve-hook 114 post-stop
grep -qx "theirs 114 pre-start" /run/lab/theirs || fail "the chained hook was not called"
expect_host "$GPU2" "$SND2"

vm_config 115 "hostpci0: 01:00" "hookscript: local:snippets/theirs"
expect_exit 0 pve-hook register --replace 115
has_hook 115 pve-hook || fail "115 is not registered"
expect_exit 0 pve-hook unregister --all
! grep -q "hookscript: local:snippets/pve-hook" /etc/pve/qemu-server/*.conf || fail "something is still registered"
rm -f /run/lab/theirs
