complete -c coral-check -f
complete -c coral-check -n "not __fish_seen_subcommand_from history" -l timeout -d 'Bound on the whole operation, such as 30s or 2m' -r -f
complete -c coral-check -n "not __fish_seen_subcommand_from history" -l lock-timeout -d 'How long to wait while somebody else moves the same devices [default: 10s]' -r -f
complete -c coral-check -n "not __fish_seen_subcommand_from history" -l root -d 'Look at a copied host tree below DIR (DIR/sys, DIR/etc/pve, ...) instead of /' -r -f -a "(__fish_complete_directories)"
complete -c coral-check -n "not __fish_seen_subcommand_from history" -l config -d 'Configuration file [default: /etc/pve-hooks/config.toml]' -r -F
complete -c coral-check -n "not __fish_seen_subcommand_from history" -l vm -d 'Only what this VM is given' -r -f -a "(__pve_hooks_vms)"
complete -c coral-check -n "not __fish_seen_subcommand_from history" -l port -d 'Only the Coral at this bus-port, such as 2-3' -r -f -a "(__pve_hooks_corals)"
complete -c coral-check -n "not __fish_seen_subcommand_from history" -l resets -d 'So many resets an hour are called normal' -r -f
complete -c coral-check -n "not __fish_seen_subcommand_from history" -l metrics -d 'Also write a file for Prometheus (textfile collector of its node exporter)' -r -F
complete -c coral-check -n "not __fish_seen_subcommand_from history" -l json -d 'Print one JSON document on stdout, and nothing else there'
complete -c coral-check -n "not __fish_seen_subcommand_from history" -s n -l dry-run -d 'Print every change that would be made, in order, and make none'
complete -c coral-check -n "not __fish_seen_subcommand_from history" -s v -l verbose -d 'Tell more, such as each write'
complete -c coral-check -n "not __fish_seen_subcommand_from history" -s q -l quiet -d 'Tell only what is wrong'
complete -c coral-check -n "not __fish_seen_subcommand_from history" -l fix -d 'Cure what was found with what touches only the Coral: power, re-plug, reset, port'
complete -c coral-check -n "not __fish_seen_subcommand_from history" -l skip-checks -d 'Fix even where nothing was found (implies --fix)'
complete -c coral-check -n "not __fish_seen_subcommand_from history" -l test -d 'Print what --fix would do (the same as --fix --dry-run)'
complete -c coral-check -n "not __fish_seen_subcommand_from history" -l auto-reboot -d 'Reboot the VM where nothing else helped, at most 3 times an hour (implies --fix)'
complete -c coral-check -n "not __fish_seen_subcommand_from history" -l debug -d 'Tell everything (the same as -vv)'
complete -c coral-check -n "not __fish_seen_subcommand_from history" -l no-guest -d 'Do not ask the guests'
complete -c coral-check -n "not __fish_seen_subcommand_from history" -l nagios -d 'One line for Nagios and its kin; exit 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN'
complete -c coral-check -n "not __fish_seen_subcommand_from history" -l notify -d 'Also mail root when a state changes, and once a day while it is bad'
complete -c coral-check -n "not __fish_seen_subcommand_from history" -l guest -d 'Run inside the VM: what is visible here, and what to try; changes nothing'
complete -c coral-check -n "not __fish_seen_subcommand_from history" -s h -l help -d 'Print help'
complete -c coral-check -n "not __fish_seen_subcommand_from history" -s V -l version -d 'Print version'
complete -c coral-check -n "not __fish_seen_subcommand_from history" -f -a "history" -d 'What was done for Corals, oldest first'
complete -c coral-check -n "__fish_seen_subcommand_from history" -l timeout -d 'Bound on the whole operation, such as 30s or 2m' -r -f
complete -c coral-check -n "__fish_seen_subcommand_from history" -l lock-timeout -d 'How long to wait while somebody else moves the same devices [default: 10s]' -r -f
complete -c coral-check -n "__fish_seen_subcommand_from history" -l root -d 'Look at a copied host tree below DIR (DIR/sys, DIR/etc/pve, ...) instead of /' -r -f -a "(__fish_complete_directories)"
complete -c coral-check -n "__fish_seen_subcommand_from history" -l config -d 'Configuration file [default: /etc/pve-hooks/config.toml]' -r -F
complete -c coral-check -n "__fish_seen_subcommand_from history" -l json -d 'Print one JSON document on stdout, and nothing else there'
complete -c coral-check -n "__fish_seen_subcommand_from history" -s n -l dry-run -d 'Print every change that would be made, in order, and make none'
complete -c coral-check -n "__fish_seen_subcommand_from history" -s v -l verbose -d 'Tell more, such as each write'
complete -c coral-check -n "__fish_seen_subcommand_from history" -s q -l quiet -d 'Tell only what is wrong'
complete -c coral-check -n "__fish_seen_subcommand_from history" -s h -l help -d 'Print help'

# What is on this machine right now. No program is started for it, and nothing that a file says is expanded or run.

function __pve_hooks_corals
    __pve_hooks_devices 1a6e:089a 18d1:9302
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
