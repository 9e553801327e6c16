complete -c usb-reset -f
complete -c usb-reset -n "not __fish_seen_subcommand_from list heal" -l timeout -d 'Bound on the whole operation, such as 30s or 2m' -r -f
complete -c usb-reset -n "not __fish_seen_subcommand_from list heal" -l lock-timeout -d 'How long to wait while somebody else moves the same devices [default: 10s]' -r -f
complete -c usb-reset -n "not __fish_seen_subcommand_from list heal" -l root -d 'Look at a copied host tree below DIR (DIR/sys, DIR/etc/pve, ...) instead of /' -r -f -a "(__fish_complete_directories)"
complete -c usb-reset -n "not __fish_seen_subcommand_from list heal" -l config -d 'Configuration file [default: /etc/pve-hooks/config.toml]' -r -F
complete -c usb-reset -n "not __fish_seen_subcommand_from list heal" -l rung -d 'This reset and no other; auto tries them from the least' -r -f -a "auto\t'From the least rung that fits: replug, port for a VM\'s device; ioctl, port for others'
power\t'Keep it awake (power/control = on)'
replug\t'Off the VM and back, by QEMU\'s monitor'
ioctl\t'The kernel\'s reset of the device, by the ioctl `USBDEVFS_RESET`'
port\t'The hub\'s port off and on (kernel 6.0 and newer)'
hub-power\t'The power of the hub\'s port off and on, both halves'
controller\t'The whole controller off its driver and back; needs --controller'"
complete -c usb-reset -n "not __fish_seen_subcommand_from list heal" -l controller -d 'Consent to the reset of this controller with all that hangs on it, such as 0000:03:00.0' -r -f
complete -c usb-reset -n "not __fish_seen_subcommand_from list heal" -l json -d 'Print one JSON document on stdout, and nothing else there'
complete -c usb-reset -n "not __fish_seen_subcommand_from list heal" -s n -l dry-run -d 'Print every change that would be made, in order, and make none'
complete -c usb-reset -n "not __fish_seen_subcommand_from list heal" -s v -l verbose -d 'Tell more, such as each write'
complete -c usb-reset -n "not __fish_seen_subcommand_from list heal" -s q -l quiet -d 'Tell only what is wrong'
complete -c usb-reset -n "not __fish_seen_subcommand_from list heal" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c usb-reset -n "not __fish_seen_subcommand_from list heal" -s V -l version -d 'Print version'
complete -c usb-reset -n "not __fish_seen_subcommand_from list heal" -a "list" -d 'Every USB device: where, what, who holds it, and which VM is given it'
complete -c usb-reset -n "not __fish_seen_subcommand_from list heal" -a "heal" -d 'Switch on what a reset that was killed left off (every reset does so first)'
complete -c usb-reset -n "__fish_seen_subcommand_from list" -l timeout -d 'Bound on the whole operation, such as 30s or 2m' -r -f
complete -c usb-reset -n "__fish_seen_subcommand_from list" -l lock-timeout -d 'How long to wait while somebody else moves the same devices [default: 10s]' -r -f
complete -c usb-reset -n "__fish_seen_subcommand_from list" -l root -d 'Look at a copied host tree below DIR (DIR/sys, DIR/etc/pve, ...) instead of /' -r -f -a "(__fish_complete_directories)"
complete -c usb-reset -n "__fish_seen_subcommand_from list" -l config -d 'Configuration file [default: /etc/pve-hooks/config.toml]' -r -F
complete -c usb-reset -n "__fish_seen_subcommand_from list" -l json -d 'Print one JSON document on stdout, and nothing else there'
complete -c usb-reset -n "__fish_seen_subcommand_from list" -s n -l dry-run -d 'Print every change that would be made, in order, and make none'
complete -c usb-reset -n "__fish_seen_subcommand_from list" -s v -l verbose -d 'Tell more, such as each write'
complete -c usb-reset -n "__fish_seen_subcommand_from list" -s q -l quiet -d 'Tell only what is wrong'
complete -c usb-reset -n "__fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c usb-reset -n "__fish_seen_subcommand_from heal" -l timeout -d 'Bound on the whole operation, such as 30s or 2m' -r -f
complete -c usb-reset -n "__fish_seen_subcommand_from heal" -l lock-timeout -d 'How long to wait while somebody else moves the same devices [default: 10s]' -r -f
complete -c usb-reset -n "__fish_seen_subcommand_from heal" -l root -d 'Look at a copied host tree below DIR (DIR/sys, DIR/etc/pve, ...) instead of /' -r -f -a "(__fish_complete_directories)"
complete -c usb-reset -n "__fish_seen_subcommand_from heal" -l config -d 'Configuration file [default: /etc/pve-hooks/config.toml]' -r -F
complete -c usb-reset -n "__fish_seen_subcommand_from heal" -l json -d 'Print one JSON document on stdout, and nothing else there'
complete -c usb-reset -n "__fish_seen_subcommand_from heal" -s n -l dry-run -d 'Print every change that would be made, in order, and make none'
complete -c usb-reset -n "__fish_seen_subcommand_from heal" -s v -l verbose -d 'Tell more, such as each write'
complete -c usb-reset -n "__fish_seen_subcommand_from heal" -s q -l quiet -d 'Tell only what is wrong'
complete -c usb-reset -n "__fish_seen_subcommand_from heal" -s h -l help -d 'Print help'
