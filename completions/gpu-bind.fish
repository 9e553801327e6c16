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
