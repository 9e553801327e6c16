complete -c pve-hook -f
complete -c pve-hook -n "not __fish_seen_subcommand_from register unregister check" -l timeout -d 'Bound on the whole operation, such as 30s or 2m' -r -f
complete -c pve-hook -n "not __fish_seen_subcommand_from register unregister check" -l lock-timeout -d 'How long to wait while somebody else moves the same devices [default: 10s]' -r -f
complete -c pve-hook -n "not __fish_seen_subcommand_from register unregister check" -l root -d 'Look at a copied host tree below DIR (DIR/sys, DIR/etc/pve, ...) instead of /' -r -f -a "(__fish_complete_directories)"
complete -c pve-hook -n "not __fish_seen_subcommand_from register unregister check" -l config -d 'Configuration file [default: /etc/pve-hooks/config.toml]' -r -F
complete -c pve-hook -n "not __fish_seen_subcommand_from register unregister check" -l json -d 'Print one JSON document on stdout, and nothing else there'
complete -c pve-hook -n "not __fish_seen_subcommand_from register unregister check" -s n -l dry-run -d 'Print every change that would be made, in order, and make none'
complete -c pve-hook -n "not __fish_seen_subcommand_from register unregister check" -s v -l verbose -d 'Tell more, such as each write'
complete -c pve-hook -n "not __fish_seen_subcommand_from register unregister check" -s q -l quiet -d 'Tell only what is wrong'
complete -c pve-hook -n "not __fish_seen_subcommand_from register unregister check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pve-hook -n "not __fish_seen_subcommand_from register unregister check" -s V -l version -d 'Print version'
complete -c pve-hook -n "not __fish_seen_subcommand_from register unregister check" -a "register" -d 'Make pve-hook the hookscript of VMs'
complete -c pve-hook -n "not __fish_seen_subcommand_from register unregister check" -a "unregister" -d 'Take it off again'
complete -c pve-hook -n "not __fish_seen_subcommand_from register unregister check" -a "check" -d 'Say for each VM whether the hook is in place and its devices can be bound (exit 1 if not)'
complete -c pve-hook -n "__fish_seen_subcommand_from register" -l timeout -d 'Bound on the whole operation, such as 30s or 2m' -r -f
complete -c pve-hook -n "__fish_seen_subcommand_from register" -l lock-timeout -d 'How long to wait while somebody else moves the same devices [default: 10s]' -r -f
complete -c pve-hook -n "__fish_seen_subcommand_from register" -l root -d 'Look at a copied host tree below DIR (DIR/sys, DIR/etc/pve, ...) instead of /' -r -f -a "(__fish_complete_directories)"
complete -c pve-hook -n "__fish_seen_subcommand_from register" -l config -d 'Configuration file [default: /etc/pve-hooks/config.toml]' -r -F
complete -c pve-hook -n "__fish_seen_subcommand_from register" -l all -d 'Every VM that passes PCI or USB devices through'
complete -c pve-hook -n "__fish_seen_subcommand_from register" -l chain -d 'Move an existing hookscript into hooks.d/VMID, where it runs after this one'
complete -c pve-hook -n "__fish_seen_subcommand_from register" -l replace -d 'Replace an existing hookscript'
complete -c pve-hook -n "__fish_seen_subcommand_from register" -l json -d 'Print one JSON document on stdout, and nothing else there'
complete -c pve-hook -n "__fish_seen_subcommand_from register" -s n -l dry-run -d 'Print every change that would be made, in order, and make none'
complete -c pve-hook -n "__fish_seen_subcommand_from register" -s v -l verbose -d 'Tell more, such as each write'
complete -c pve-hook -n "__fish_seen_subcommand_from register" -s q -l quiet -d 'Tell only what is wrong'
complete -c pve-hook -n "__fish_seen_subcommand_from register" -s h -l help -d 'Print help'
complete -c pve-hook -n "__fish_seen_subcommand_from unregister" -l timeout -d 'Bound on the whole operation, such as 30s or 2m' -r -f
complete -c pve-hook -n "__fish_seen_subcommand_from unregister" -l lock-timeout -d 'How long to wait while somebody else moves the same devices [default: 10s]' -r -f
complete -c pve-hook -n "__fish_seen_subcommand_from unregister" -l root -d 'Look at a copied host tree below DIR (DIR/sys, DIR/etc/pve, ...) instead of /' -r -f -a "(__fish_complete_directories)"
complete -c pve-hook -n "__fish_seen_subcommand_from unregister" -l config -d 'Configuration file [default: /etc/pve-hooks/config.toml]' -r -F
complete -c pve-hook -n "__fish_seen_subcommand_from unregister" -l all -d 'Every VM that names this hook'
complete -c pve-hook -n "__fish_seen_subcommand_from unregister" -l json -d 'Print one JSON document on stdout, and nothing else there'
complete -c pve-hook -n "__fish_seen_subcommand_from unregister" -s n -l dry-run -d 'Print every change that would be made, in order, and make none'
complete -c pve-hook -n "__fish_seen_subcommand_from unregister" -s v -l verbose -d 'Tell more, such as each write'
complete -c pve-hook -n "__fish_seen_subcommand_from unregister" -s q -l quiet -d 'Tell only what is wrong'
complete -c pve-hook -n "__fish_seen_subcommand_from unregister" -s h -l help -d 'Print help'
complete -c pve-hook -n "__fish_seen_subcommand_from check" -l timeout -d 'Bound on the whole operation, such as 30s or 2m' -r -f
complete -c pve-hook -n "__fish_seen_subcommand_from check" -l lock-timeout -d 'How long to wait while somebody else moves the same devices [default: 10s]' -r -f
complete -c pve-hook -n "__fish_seen_subcommand_from check" -l root -d 'Look at a copied host tree below DIR (DIR/sys, DIR/etc/pve, ...) instead of /' -r -f -a "(__fish_complete_directories)"
complete -c pve-hook -n "__fish_seen_subcommand_from check" -l config -d 'Configuration file [default: /etc/pve-hooks/config.toml]' -r -F
complete -c pve-hook -n "__fish_seen_subcommand_from check" -l json -d 'Print one JSON document on stdout, and nothing else there'
complete -c pve-hook -n "__fish_seen_subcommand_from check" -s n -l dry-run -d 'Print every change that would be made, in order, and make none'
complete -c pve-hook -n "__fish_seen_subcommand_from check" -s v -l verbose -d 'Tell more, such as each write'
complete -c pve-hook -n "__fish_seen_subcommand_from check" -s q -l quiet -d 'Tell only what is wrong'
complete -c pve-hook -n "__fish_seen_subcommand_from check" -s h -l help -d 'Print help'
complete -c pve-hook -n "not __fish_seen_subcommand_from register unregister check; and __pve_hooks_at 0 --timeout --lock-timeout --root --config" -a "(__pve_hooks_vms)"
complete -c pve-hook -n "not __fish_seen_subcommand_from register unregister check; and __pve_hooks_at 1 --timeout --lock-timeout --root --config" -a pre-start -d 'Before QEMU; the only phase whose failure aborts the start'
complete -c pve-hook -n "not __fish_seen_subcommand_from register unregister check; and __pve_hooks_at 1 --timeout --lock-timeout --root --config" -a post-start -d 'QEMU runs'
complete -c pve-hook -n "not __fish_seen_subcommand_from register unregister check; and __pve_hooks_at 1 --timeout --lock-timeout --root --config" -a pre-stop -d 'Before QEMU is stopped'
complete -c pve-hook -n "not __fish_seen_subcommand_from register unregister check; and __pve_hooks_at 1 --timeout --lock-timeout --root --config" -a post-stop -d 'QEMU has ended'
complete -c pve-hook -n "__fish_seen_subcommand_from register" -a "(__pve_hooks_vms)"
complete -c pve-hook -n "__fish_seen_subcommand_from unregister" -a "(__pve_hooks_vms)"
complete -c pve-hook -n "__fish_seen_subcommand_from check" -a "(__pve_hooks_vms)"

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

# A word and what is known about it, which comes from files that anybody may have written.
function __pve_hooks_say -a word about
    printf '%s\t%s\n' $word (string trim -- (string replace -ra '[[:cntrl:]]' ' ' -- $about))
end
