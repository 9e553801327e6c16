complete -c gpu-bind -f
complete -c gpu-bind -n "not __fish_seen_subcommand_from status list detach attach cycle reconcile doctor" -l timeout -d 'Bound on the whole operation, such as 30s or 2m' -r -f
complete -c gpu-bind -n "not __fish_seen_subcommand_from status list detach attach cycle reconcile doctor" -l lock-timeout -d 'How long to wait while somebody else moves the same devices [default: 10s]' -r -f
complete -c gpu-bind -n "not __fish_seen_subcommand_from status list detach attach cycle reconcile doctor" -l root -d 'Look at a copied host tree below DIR (DIR/sys, DIR/etc/pve, ...) instead of /' -r -f -a "(__fish_complete_directories)"
complete -c gpu-bind -n "not __fish_seen_subcommand_from status list detach attach cycle reconcile doctor" -l config -d 'Configuration file [default: /etc/pve-hooks/config.toml]' -r -F
complete -c gpu-bind -n "not __fish_seen_subcommand_from status list detach attach cycle reconcile doctor" -l json -d 'Print one JSON document on stdout, and nothing else there'
complete -c gpu-bind -n "not __fish_seen_subcommand_from status list detach attach cycle reconcile doctor" -s n -l dry-run -d 'Print every change that would be made, in order, and make none'
complete -c gpu-bind -n "not __fish_seen_subcommand_from status list detach attach cycle reconcile doctor" -s v -l verbose -d 'Tell more, such as each write'
complete -c gpu-bind -n "not __fish_seen_subcommand_from status list detach attach cycle reconcile doctor" -s q -l quiet -d 'Tell only what is wrong'
complete -c gpu-bind -n "not __fish_seen_subcommand_from status list detach attach cycle reconcile doctor" -s h -l help -d 'Print help'
complete -c gpu-bind -n "not __fish_seen_subcommand_from status list detach attach cycle reconcile doctor" -s V -l version -d 'Print version'
complete -c gpu-bind -n "not __fish_seen_subcommand_from status list detach attach cycle reconcile doctor" -f -a "status" -d 'Where each GPU is, who holds it, and what is wrong (exit 1 if anything is)'
complete -c gpu-bind -n "not __fish_seen_subcommand_from status list detach attach cycle reconcile doctor" -f -a "list" -d 'The GPUs of this host with all their functions'
complete -c gpu-bind -n "not __fish_seen_subcommand_from status list detach attach cycle reconcile doctor" -f -a "detach" -d 'Take GPUs from the host and give them to vfio-pci, for a VM'
complete -c gpu-bind -n "not __fish_seen_subcommand_from status list detach attach cycle reconcile doctor" -f -a "attach" -d 'Bring GPUs back to their host drivers, whatever state they are in'
complete -c gpu-bind -n "not __fish_seen_subcommand_from status list detach attach cycle reconcile doctor" -f -a "cycle" -d 'Detach, then attach: for a screen that stays black'
complete -c gpu-bind -n "not __fish_seen_subcommand_from status list detach attach cycle reconcile doctor" -f -a "reconcile" -d 'Bring every passed-through GPU to where it belongs: running VM -> vfio-pci, otherwise -> host'
complete -c gpu-bind -n "not __fish_seen_subcommand_from status list detach attach cycle reconcile doctor" -f -a "doctor" -d 'One report to paste into a bug report (exit 1 if anything is wrong)'
complete -c gpu-bind -n "__fish_seen_subcommand_from status" -l timeout -d 'Bound on the whole operation, such as 30s or 2m' -r -f
complete -c gpu-bind -n "__fish_seen_subcommand_from status" -l lock-timeout -d 'How long to wait while somebody else moves the same devices [default: 10s]' -r -f
complete -c gpu-bind -n "__fish_seen_subcommand_from status" -l root -d 'Look at a copied host tree below DIR (DIR/sys, DIR/etc/pve, ...) instead of /' -r -f -a "(__fish_complete_directories)"
complete -c gpu-bind -n "__fish_seen_subcommand_from status" -l config -d 'Configuration file [default: /etc/pve-hooks/config.toml]' -r -F
complete -c gpu-bind -n "__fish_seen_subcommand_from status" -l json -d 'Print one JSON document on stdout, and nothing else there'
complete -c gpu-bind -n "__fish_seen_subcommand_from status" -s n -l dry-run -d 'Print every change that would be made, in order, and make none'
complete -c gpu-bind -n "__fish_seen_subcommand_from status" -s v -l verbose -d 'Tell more, such as each write'
complete -c gpu-bind -n "__fish_seen_subcommand_from status" -s q -l quiet -d 'Tell only what is wrong'
complete -c gpu-bind -n "__fish_seen_subcommand_from status" -s h -l help -d 'Print help'
complete -c gpu-bind -n "__fish_seen_subcommand_from list" -l timeout -d 'Bound on the whole operation, such as 30s or 2m' -r -f
complete -c gpu-bind -n "__fish_seen_subcommand_from list" -l lock-timeout -d 'How long to wait while somebody else moves the same devices [default: 10s]' -r -f
complete -c gpu-bind -n "__fish_seen_subcommand_from list" -l root -d 'Look at a copied host tree below DIR (DIR/sys, DIR/etc/pve, ...) instead of /' -r -f -a "(__fish_complete_directories)"
complete -c gpu-bind -n "__fish_seen_subcommand_from list" -l config -d 'Configuration file [default: /etc/pve-hooks/config.toml]' -r -F
complete -c gpu-bind -n "__fish_seen_subcommand_from list" -l json -d 'Print one JSON document on stdout, and nothing else there'
complete -c gpu-bind -n "__fish_seen_subcommand_from list" -s n -l dry-run -d 'Print every change that would be made, in order, and make none'
complete -c gpu-bind -n "__fish_seen_subcommand_from list" -s v -l verbose -d 'Tell more, such as each write'
complete -c gpu-bind -n "__fish_seen_subcommand_from list" -s q -l quiet -d 'Tell only what is wrong'
complete -c gpu-bind -n "__fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c gpu-bind -n "__fish_seen_subcommand_from detach" -l timeout -d 'Bound on the whole operation, such as 30s or 2m' -r -f
complete -c gpu-bind -n "__fish_seen_subcommand_from detach" -l lock-timeout -d 'How long to wait while somebody else moves the same devices [default: 10s]' -r -f
complete -c gpu-bind -n "__fish_seen_subcommand_from detach" -l root -d 'Look at a copied host tree below DIR (DIR/sys, DIR/etc/pve, ...) instead of /' -r -f -a "(__fish_complete_directories)"
complete -c gpu-bind -n "__fish_seen_subcommand_from detach" -l config -d 'Configuration file [default: /etc/pve-hooks/config.toml]' -r -F
complete -c gpu-bind -n "__fish_seen_subcommand_from detach" -l force -d 'Proceed although processes of the host have it open (nothing overrides a VM that holds it)'
complete -c gpu-bind -n "__fish_seen_subcommand_from detach" -l allow-console -d 'Proceed although no other GPU stays on a host driver: the screen of the host goes dark'
complete -c gpu-bind -n "__fish_seen_subcommand_from detach" -l json -d 'Print one JSON document on stdout, and nothing else there'
complete -c gpu-bind -n "__fish_seen_subcommand_from detach" -s n -l dry-run -d 'Print every change that would be made, in order, and make none'
complete -c gpu-bind -n "__fish_seen_subcommand_from detach" -s v -l verbose -d 'Tell more, such as each write'
complete -c gpu-bind -n "__fish_seen_subcommand_from detach" -s q -l quiet -d 'Tell only what is wrong'
complete -c gpu-bind -n "__fish_seen_subcommand_from detach" -s h -l help -d 'Print help'
complete -c gpu-bind -n "__fish_seen_subcommand_from attach" -l timeout -d 'Bound on the whole operation, such as 30s or 2m' -r -f
complete -c gpu-bind -n "__fish_seen_subcommand_from attach" -l lock-timeout -d 'How long to wait while somebody else moves the same devices [default: 10s]' -r -f
complete -c gpu-bind -n "__fish_seen_subcommand_from attach" -l root -d 'Look at a copied host tree below DIR (DIR/sys, DIR/etc/pve, ...) instead of /' -r -f -a "(__fish_complete_directories)"
complete -c gpu-bind -n "__fish_seen_subcommand_from attach" -l config -d 'Configuration file [default: /etc/pve-hooks/config.toml]' -r -F
complete -c gpu-bind -n "__fish_seen_subcommand_from attach" -l force -d 'Proceed although processes of the host have it open (nothing overrides a VM that holds it)'
complete -c gpu-bind -n "__fish_seen_subcommand_from attach" -l allow-console -d 'Proceed although no other GPU stays on a host driver: the screen of the host goes dark'
complete -c gpu-bind -n "__fish_seen_subcommand_from attach" -l json -d 'Print one JSON document on stdout, and nothing else there'
complete -c gpu-bind -n "__fish_seen_subcommand_from attach" -s n -l dry-run -d 'Print every change that would be made, in order, and make none'
complete -c gpu-bind -n "__fish_seen_subcommand_from attach" -s v -l verbose -d 'Tell more, such as each write'
complete -c gpu-bind -n "__fish_seen_subcommand_from attach" -s q -l quiet -d 'Tell only what is wrong'
complete -c gpu-bind -n "__fish_seen_subcommand_from attach" -s h -l help -d 'Print help'
complete -c gpu-bind -n "__fish_seen_subcommand_from cycle" -l timeout -d 'Bound on the whole operation, such as 30s or 2m' -r -f
complete -c gpu-bind -n "__fish_seen_subcommand_from cycle" -l lock-timeout -d 'How long to wait while somebody else moves the same devices [default: 10s]' -r -f
complete -c gpu-bind -n "__fish_seen_subcommand_from cycle" -l root -d 'Look at a copied host tree below DIR (DIR/sys, DIR/etc/pve, ...) instead of /' -r -f -a "(__fish_complete_directories)"
complete -c gpu-bind -n "__fish_seen_subcommand_from cycle" -l config -d 'Configuration file [default: /etc/pve-hooks/config.toml]' -r -F
complete -c gpu-bind -n "__fish_seen_subcommand_from cycle" -l force -d 'Proceed although processes of the host have it open (nothing overrides a VM that holds it)'
complete -c gpu-bind -n "__fish_seen_subcommand_from cycle" -l allow-console -d 'Proceed although no other GPU stays on a host driver: the screen of the host goes dark'
complete -c gpu-bind -n "__fish_seen_subcommand_from cycle" -l json -d 'Print one JSON document on stdout, and nothing else there'
complete -c gpu-bind -n "__fish_seen_subcommand_from cycle" -s n -l dry-run -d 'Print every change that would be made, in order, and make none'
complete -c gpu-bind -n "__fish_seen_subcommand_from cycle" -s v -l verbose -d 'Tell more, such as each write'
complete -c gpu-bind -n "__fish_seen_subcommand_from cycle" -s q -l quiet -d 'Tell only what is wrong'
complete -c gpu-bind -n "__fish_seen_subcommand_from cycle" -s h -l help -d 'Print help'
complete -c gpu-bind -n "__fish_seen_subcommand_from reconcile" -l timeout -d 'Bound on the whole operation, such as 30s or 2m' -r -f
complete -c gpu-bind -n "__fish_seen_subcommand_from reconcile" -l lock-timeout -d 'How long to wait while somebody else moves the same devices [default: 10s]' -r -f
complete -c gpu-bind -n "__fish_seen_subcommand_from reconcile" -l root -d 'Look at a copied host tree below DIR (DIR/sys, DIR/etc/pve, ...) instead of /' -r -f -a "(__fish_complete_directories)"
complete -c gpu-bind -n "__fish_seen_subcommand_from reconcile" -l config -d 'Configuration file [default: /etc/pve-hooks/config.toml]' -r -F
complete -c gpu-bind -n "__fish_seen_subcommand_from reconcile" -l json -d 'Print one JSON document on stdout, and nothing else there'
complete -c gpu-bind -n "__fish_seen_subcommand_from reconcile" -s n -l dry-run -d 'Print every change that would be made, in order, and make none'
complete -c gpu-bind -n "__fish_seen_subcommand_from reconcile" -s v -l verbose -d 'Tell more, such as each write'
complete -c gpu-bind -n "__fish_seen_subcommand_from reconcile" -s q -l quiet -d 'Tell only what is wrong'
complete -c gpu-bind -n "__fish_seen_subcommand_from reconcile" -s h -l help -d 'Print help'
complete -c gpu-bind -n "__fish_seen_subcommand_from doctor" -l timeout -d 'Bound on the whole operation, such as 30s or 2m' -r -f
complete -c gpu-bind -n "__fish_seen_subcommand_from doctor" -l lock-timeout -d 'How long to wait while somebody else moves the same devices [default: 10s]' -r -f
complete -c gpu-bind -n "__fish_seen_subcommand_from doctor" -l root -d 'Look at a copied host tree below DIR (DIR/sys, DIR/etc/pve, ...) instead of /' -r -f -a "(__fish_complete_directories)"
complete -c gpu-bind -n "__fish_seen_subcommand_from doctor" -l config -d 'Configuration file [default: /etc/pve-hooks/config.toml]' -r -F
complete -c gpu-bind -n "__fish_seen_subcommand_from doctor" -l json -d 'Print one JSON document on stdout, and nothing else there'
complete -c gpu-bind -n "__fish_seen_subcommand_from doctor" -s n -l dry-run -d 'Print every change that would be made, in order, and make none'
complete -c gpu-bind -n "__fish_seen_subcommand_from doctor" -s v -l verbose -d 'Tell more, such as each write'
complete -c gpu-bind -n "__fish_seen_subcommand_from doctor" -s q -l quiet -d 'Tell only what is wrong'
complete -c gpu-bind -n "__fish_seen_subcommand_from doctor" -s h -l help -d 'Print help'
complete -c gpu-bind -n "__fish_seen_subcommand_from status" -a "(__pve_hooks_gpus)"
complete -c gpu-bind -n "__fish_seen_subcommand_from detach" -a "(__pve_hooks_gpus)"
complete -c gpu-bind -n "__fish_seen_subcommand_from attach" -a "(__pve_hooks_gpus)"
complete -c gpu-bind -n "__fish_seen_subcommand_from cycle" -a "(__pve_hooks_gpus)"
complete -c gpu-bind -n "__fish_seen_subcommand_from doctor" -a "(__pve_hooks_gpus)"

# What is on this machine right now. No program is started for it, and nothing that a file says is expanded or run.

function __pve_hooks_gpus
    __pve_hooks_pci 0x03
    __pve_hooks_vms hostpci
    __pve_hooks_say all 'every GPU'
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
