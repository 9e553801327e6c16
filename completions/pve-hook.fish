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
complete -c pve-hook -n "not __fish_seen_subcommand_from register unregister check" -a pre-start -d 'Before QEMU; the only phase whose failure aborts the start'
complete -c pve-hook -n "not __fish_seen_subcommand_from register unregister check" -a post-start -d 'QEMU runs'
complete -c pve-hook -n "not __fish_seen_subcommand_from register unregister check" -a pre-stop -d 'Before QEMU is stopped'
complete -c pve-hook -n "not __fish_seen_subcommand_from register unregister check" -a post-stop -d 'QEMU has ended'
