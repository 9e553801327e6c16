# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_usb_reset_global_optspecs
    string join \n json n/dry-run v/verbose q/quiet timeout= lock-timeout= root= config= rung= controller= h/help V/version
end

function __fish_usb_reset_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_usb_reset_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_usb_reset_using_subcommand
    set -l cmd (__fish_usb_reset_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c usb-reset -n "__fish_usb_reset_needs_command" -l timeout -d 'Bound on the whole operation, such as 30s or 2m' -r -f
complete -c usb-reset -n "__fish_usb_reset_needs_command" -l lock-timeout -d 'How long to wait while somebody else moves the same devices [default: 10s]' -r -f
complete -c usb-reset -n "__fish_usb_reset_needs_command" -l root -d 'Look at a copied host tree below DIR (DIR/sys, DIR/etc/pve, ...) instead of /' -r -f -a "(__fish_complete_directories)"
complete -c usb-reset -n "__fish_usb_reset_needs_command" -l config -d 'Configuration file [default: /etc/pve-hooks/config.toml]' -r -F
complete -c usb-reset -n "__fish_usb_reset_needs_command" -l rung -d 'Which reset, from the least' -r -f -a "auto\t'From the least rung that fits: replug, port for a VM\'s device; ioctl, port for others'
power\t'Keep it awake (power/control = on)'
replug\t'Off the VM and back, by QEMU\'s monitor'
ioctl\t'The kernel\'s reset of the device, by the ioctl `USBDEVFS_RESET`'
port\t'The hub\'s port off and on (kernel 6.0 and newer)'
hub-power\t'The power of the hub\'s port off and on, both halves'
controller\t'The whole controller off its driver and back; needs --controller'"
complete -c usb-reset -n "__fish_usb_reset_needs_command" -l controller -d 'Consent to the reset of this controller with all that hangs on it, such as 0000:03:00.0' -r -f
complete -c usb-reset -n "__fish_usb_reset_needs_command" -l json -d 'Print one JSON document on stdout, and nothing else there'
complete -c usb-reset -n "__fish_usb_reset_needs_command" -s n -l dry-run -d 'Print every change that would be made, in order, and make none'
complete -c usb-reset -n "__fish_usb_reset_needs_command" -s v -l verbose -d 'Tell more, such as each write'
complete -c usb-reset -n "__fish_usb_reset_needs_command" -s q -l quiet -d 'Tell only what is wrong'
complete -c usb-reset -n "__fish_usb_reset_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c usb-reset -n "__fish_usb_reset_needs_command" -s V -l version -d 'Print version'
complete -c usb-reset -n "__fish_usb_reset_needs_command" -a "list" -d 'Every USB device: where, what, who holds it, and which VM is given it'
complete -c usb-reset -n "__fish_usb_reset_needs_command" -a "heal" -d 'Switch on what a reset that was killed left off (every reset does so first)'
complete -c usb-reset -n "__fish_usb_reset_using_subcommand list" -l timeout -d 'Bound on the whole operation, such as 30s or 2m' -r -f
complete -c usb-reset -n "__fish_usb_reset_using_subcommand list" -l lock-timeout -d 'How long to wait while somebody else moves the same devices [default: 10s]' -r -f
complete -c usb-reset -n "__fish_usb_reset_using_subcommand list" -l root -d 'Look at a copied host tree below DIR (DIR/sys, DIR/etc/pve, ...) instead of /' -r -f -a "(__fish_complete_directories)"
complete -c usb-reset -n "__fish_usb_reset_using_subcommand list" -l config -d 'Configuration file [default: /etc/pve-hooks/config.toml]' -r -F
complete -c usb-reset -n "__fish_usb_reset_using_subcommand list" -l json -d 'Print one JSON document on stdout, and nothing else there'
complete -c usb-reset -n "__fish_usb_reset_using_subcommand list" -s n -l dry-run -d 'Print every change that would be made, in order, and make none'
complete -c usb-reset -n "__fish_usb_reset_using_subcommand list" -s v -l verbose -d 'Tell more, such as each write'
complete -c usb-reset -n "__fish_usb_reset_using_subcommand list" -s q -l quiet -d 'Tell only what is wrong'
complete -c usb-reset -n "__fish_usb_reset_using_subcommand list" -s h -l help -d 'Print help'
complete -c usb-reset -n "__fish_usb_reset_using_subcommand heal" -l timeout -d 'Bound on the whole operation, such as 30s or 2m' -r -f
complete -c usb-reset -n "__fish_usb_reset_using_subcommand heal" -l lock-timeout -d 'How long to wait while somebody else moves the same devices [default: 10s]' -r -f
complete -c usb-reset -n "__fish_usb_reset_using_subcommand heal" -l root -d 'Look at a copied host tree below DIR (DIR/sys, DIR/etc/pve, ...) instead of /' -r -f -a "(__fish_complete_directories)"
complete -c usb-reset -n "__fish_usb_reset_using_subcommand heal" -l config -d 'Configuration file [default: /etc/pve-hooks/config.toml]' -r -F
complete -c usb-reset -n "__fish_usb_reset_using_subcommand heal" -l json -d 'Print one JSON document on stdout, and nothing else there'
complete -c usb-reset -n "__fish_usb_reset_using_subcommand heal" -s n -l dry-run -d 'Print every change that would be made, in order, and make none'
complete -c usb-reset -n "__fish_usb_reset_using_subcommand heal" -s v -l verbose -d 'Tell more, such as each write'
complete -c usb-reset -n "__fish_usb_reset_using_subcommand heal" -s q -l quiet -d 'Tell only what is wrong'
complete -c usb-reset -n "__fish_usb_reset_using_subcommand heal" -s h -l help -d 'Print help'
