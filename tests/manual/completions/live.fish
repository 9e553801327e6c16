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

function __pve_hooks_gpus
    __pve_hooks_pci 0x03
    __pve_hooks_vms hostpci
    __pve_hooks_say all 'every GPU'
end

function __pve_hooks_controllers
    __pve_hooks_pci 0x0c03
end

function __pve_hooks_usb
    __pve_hooks_devices
    __pve_hooks_vms usb
end

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
