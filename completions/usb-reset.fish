complete -c usb-reset -f
complete -c usb-reset -n "not __fish_seen_subcommand_from list heal" -l timeout -d 'Bound on the whole operation, such as 30s or 2m' -r -f
complete -c usb-reset -n "not __fish_seen_subcommand_from list heal" -l lock-timeout -d 'How long to wait while somebody else moves the same devices [default: 10s]' -r -f
complete -c usb-reset -n "not __fish_seen_subcommand_from list heal" -l root -d 'Look at a copied host tree below DIR (DIR/sys, DIR/etc/pve, ...) instead of /' -r -f -a "(__fish_complete_directories)"
complete -c usb-reset -n "not __fish_seen_subcommand_from list heal" -l config -d 'Configuration file [default: /etc/pve-hooks/config.toml]' -r -F
complete -c usb-reset -n "not __fish_seen_subcommand_from list heal" -l rung -d 'This reset and no other; auto tries them from the least' -r -f -a "auto\t'From the least rung that fits: replug, port for what a running VM has; ioctl, port for others'
power\t'Keep it awake (power/control = on)'
replug\t'Off the VM and back, by QEMU\'s monitor'
ioctl\t'The kernel\'s reset of the device, by the ioctl `USBDEVFS_RESET`'
port\t'The hub\'s port off and on (kernel 6.0 and newer)'
hub-power\t'The power of the hub\'s port off and on, both halves'
controller\t'The whole controller off its driver and back; needs --controller'"
complete -c usb-reset -n "not __fish_seen_subcommand_from list heal" -l controller -d 'Consent to the reset of this controller with all that hangs on it, such as 0000:03:00.0 or 03:00.0' -r -f -a "(__pve_hooks_controllers)"
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
complete -c usb-reset -n "not __fish_seen_subcommand_from list heal; and __pve_hooks_at 0 --timeout --lock-timeout --root --config --rung --controller" -a "(__pve_hooks_usb)"

# What is on this machine right now. No program is started for it, and nothing that a file says is expanded or run.

# Whether so many words stand before the one at the cursor, options and their values not counted.
function __pve_hooks_at -a wanted
    set -l seen
    set -l skip program
    for word in (commandline -opc)
        if set -q skip[1]
            set -e skip[1]
        else if contains -- $word $argv[2..-1]
            set skip value
        else if not string match -q -- '-*' $word
            set -a seen $word
        end
    end
    test (count $seen) -eq $wanted
end

function __pve_hooks_controllers
    __pve_hooks_pci 0x0c03
end

function __pve_hooks_usb
    __pve_hooks_devices
    __pve_hooks_vms usb
end

# Virtual machines of this node: 111; with the name of a key, those that have it: vm:111.
function __pve_hooks_vms -a key
    for file in /etc/pve/qemu-server/*.conf
        set -l vm (string match -r '[0-9]+(?=\.conf$)' -- $file)
        test -n "$vm" -a -r $file; or continue
        set -l name ''
        set -l has ''
        while read -l line
            switch $line
                # Snapshots follow.
                case '[*'
                    break
                case 'name:*'
                    set name (string replace name: '' -- $line)
                case "$key*:*"
                    test -n "$key"; and set has vm:
            end
        end <$file
        if test -z "$key" -o -n "$has"
            __pve_hooks_say $has$vm $name
        end
    end
end

# PCI devices of a class, but for SR-IOV's virtual functions, which PVE moves itself.
function __pve_hooks_pci -a wanted
    for dir in /sys/bus/pci/devices/*
        set -l address (string match -r '[0-9a-f:.]+$' -- $dir)
        test -r $dir/class -a ! -e $dir/physfn; or continue
        read -l class <$dir/class
        string match -q -- $wanted'*' $class; or continue
        set -l driver 'no driver'
        test -e $dir/driver; and set driver (string replace -r '.*/' '' -- (builtin realpath $dir/driver))
        __pve_hooks_say $address "$driver "(__pve_hooks_name +pci:$address)
    end
end

# USB devices by port and by id; with ids, the ports of these. Root hubs have another form of name, interfaces have a colon.
function __pve_hooks_devices
    set -l seen
    for dir in /sys/bus/usb/devices/*-*
        set -l port (string match -r '[0-9]+-[0-9.]+$' -- $dir)
        test -n "$port" -a -r $dir/idVendor -a -r $dir/idProduct -a -r $dir/busnum -a -r $dir/devnum; or continue
        read -l vendor <$dir/idVendor
        read -l product <$dir/idProduct
        read -l bus <$dir/busnum
        read -l number <$dir/devnum
        set -l id $vendor:$product
        string match -rq '^[0-9a-f]{4}:[0-9a-f]{4} [0-9]+ [0-9]+$' -- "$id $bus $number"; or continue
        not set -q argv[1]; or contains -- $id $argv; or continue
        set -l name (__pve_hooks_name c189:(math "($bus - 1) * 128 + $number - 1"))
        __pve_hooks_say $port "$id $name"
        set -q argv[1]; and continue
        if string match -q -- '/*' (commandline -ct)
            __pve_hooks_say (printf /dev/bus/usb/%03d/%03d $bus $number) "$id $name"
        end
        contains -- $id $seen; and continue
        set -a seen $id
        __pve_hooks_say $id "$port $name"
    end
end

# What udev calls a device. The attribute "product" is not read: it waits while a reset holds the device.
function __pve_hooks_name -a device
    set -l vendor
    set -l model
    set -l data /run/udev/data/$device
    test -r $data; or set data /dev/null
    while read -l line
        set -l value (string replace -r '^[^=]*=' '' -- $line)
        switch $line
            case 'E:ID_VENDOR_FROM_DATABASE=*'
                set -p vendor $value
            case 'E:ID_MODEL_FROM_DATABASE=*'
                set -p model $value
            case 'E:ID_VENDOR=*'
                set -a vendor (string replace -a _ ' ' -- $value)
            case 'E:ID_MODEL=*'
                set -a model (string replace -a _ ' ' -- $value)
        end
    end <$data
    string trim -- "$vendor[1] $model[1]"
end

# A word and what is known about it, which comes from files that anybody may have written.
function __pve_hooks_say -a word about
    printf '%s\t%s\n' $word (string trim -- (string replace -ra '[[:cntrl:]]' ' ' -- $about))
end
