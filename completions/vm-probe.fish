complete -c vm-probe -f
complete -c vm-probe -n "not __fish_seen_subcommand_from list discover check report serve recover audit history" -l timeout -d 'Bound on the whole operation, such as 30s or 2m' -r -f
complete -c vm-probe -n "not __fish_seen_subcommand_from list discover check report serve recover audit history" -l lock-timeout -d 'How long to wait while somebody else moves the same devices [default: 10s]' -r -f
complete -c vm-probe -n "not __fish_seen_subcommand_from list discover check report serve recover audit history" -l root -d 'Look at a copied host tree below DIR (DIR/sys, DIR/etc/pve, ...) instead of /' -r -f -a "(__fish_complete_directories)"
complete -c vm-probe -n "not __fish_seen_subcommand_from list discover check report serve recover audit history" -l config -d 'Configuration file [default: /etc/pve-hooks/config.toml]' -r -F
complete -c vm-probe -n "not __fish_seen_subcommand_from list discover check report serve recover audit history" -l source -d 'Look only there, instead of at the first of these that there is' -r -f -a "pve\t'This PVE host'
api\t'The API of a PVE cluster'
kubernetes\t'The pods of a Kubernetes cluster'
file\t'A list written down by hand'
container\t'The one QEMU in this container'"
complete -c vm-probe -n "not __fish_seen_subcommand_from list discover check report serve recover audit history" -l api -d 'The API of a PVE cluster (implies --source api)' -r -f
complete -c vm-probe -n "not __fish_seen_subcommand_from list discover check report serve recover audit history" -l api-token-file -d 'File with the token for --api: USER@REALM!ID=UUID' -r -F
complete -c vm-probe -n "not __fish_seen_subcommand_from list discover check report serve recover audit history" -l fingerprint -d 'SHA-256 of the certificate of --api; without it PVE\'s own authority has to have signed it' -r -f
complete -c vm-probe -n "not __fish_seen_subcommand_from list discover check report serve recover audit history" -l instances -d 'A list written down by hand (implies --source file) [default: /etc/pve-hooks/instances.json]' -r -F
complete -c vm-probe -n "not __fish_seen_subcommand_from list discover check report serve recover audit history" -l json -d 'Print one JSON document on stdout, and nothing else there'
complete -c vm-probe -n "not __fish_seen_subcommand_from list discover check report serve recover audit history" -s n -l dry-run -d 'Print every change that would be made, in order, and make none'
complete -c vm-probe -n "not __fish_seen_subcommand_from list discover check report serve recover audit history" -s v -l verbose -d 'Tell more, such as each write'
complete -c vm-probe -n "not __fish_seen_subcommand_from list discover check report serve recover audit history" -s q -l quiet -d 'Tell only what is wrong'
complete -c vm-probe -n "not __fish_seen_subcommand_from list discover check report serve recover audit history" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c vm-probe -n "not __fish_seen_subcommand_from list discover check report serve recover audit history" -s V -l version -d 'Print version'
complete -c vm-probe -n "not __fish_seen_subcommand_from list discover check report serve recover audit history" -f -a "list" -d 'The VMs: source, state, age'
complete -c vm-probe -n "not __fish_seen_subcommand_from list discover check report serve recover audit history" -f -a "discover" -d 'Where VMs are looked for, and why not elsewhere'
complete -c vm-probe -n "not __fish_seen_subcommand_from list discover check report serve recover audit history" -f -a "check" -d 'How VMs are, with the evidence; exit 0 when all are healthy, 1 when not'
complete -c vm-probe -n "not __fish_seen_subcommand_from list discover check report serve recover audit history" -f -a "report" -d 'The health of the one QEMU in this container, as one document'
complete -c vm-probe -n "not __fish_seen_subcommand_from list discover check report serve recover audit history" -f -a "serve" -d 'Watch, and answer by HTTP: page, API, metrics'
complete -c vm-probe -n "not __fish_seen_subcommand_from list discover check report serve recover audit history" -f -a "recover" -d 'What would be done about a VM, and why it may or may not; acts only with --apply'
complete -c vm-probe -n "not __fish_seen_subcommand_from list discover check report serve recover audit history" -f -a "audit" -d 'Past recoveries: when, who asked, what was done, and did it help'
complete -c vm-probe -n "not __fish_seen_subcommand_from list discover check report serve recover audit history" -f -a "history" -d 'The last hours of a VM: readings and events'
complete -c vm-probe -n "__fish_seen_subcommand_from list" -l timeout -d 'Bound on the whole operation, such as 30s or 2m' -r -f
complete -c vm-probe -n "__fish_seen_subcommand_from list" -l lock-timeout -d 'How long to wait while somebody else moves the same devices [default: 10s]' -r -f
complete -c vm-probe -n "__fish_seen_subcommand_from list" -l root -d 'Look at a copied host tree below DIR (DIR/sys, DIR/etc/pve, ...) instead of /' -r -f -a "(__fish_complete_directories)"
complete -c vm-probe -n "__fish_seen_subcommand_from list" -l config -d 'Configuration file [default: /etc/pve-hooks/config.toml]' -r -F
complete -c vm-probe -n "__fish_seen_subcommand_from list" -l source -d 'Look only there, instead of at the first of these that there is' -r -f -a "pve\t'This PVE host'
api\t'The API of a PVE cluster'
kubernetes\t'The pods of a Kubernetes cluster'
file\t'A list written down by hand'
container\t'The one QEMU in this container'"
complete -c vm-probe -n "__fish_seen_subcommand_from list" -l api -d 'The API of a PVE cluster (implies --source api)' -r -f
complete -c vm-probe -n "__fish_seen_subcommand_from list" -l api-token-file -d 'File with the token for --api: USER@REALM!ID=UUID' -r -F
complete -c vm-probe -n "__fish_seen_subcommand_from list" -l fingerprint -d 'SHA-256 of the certificate of --api; without it PVE\'s own authority has to have signed it' -r -f
complete -c vm-probe -n "__fish_seen_subcommand_from list" -l instances -d 'A list written down by hand (implies --source file) [default: /etc/pve-hooks/instances.json]' -r -F
complete -c vm-probe -n "__fish_seen_subcommand_from list" -l json -d 'Print one JSON document on stdout, and nothing else there'
complete -c vm-probe -n "__fish_seen_subcommand_from list" -s n -l dry-run -d 'Print every change that would be made, in order, and make none'
complete -c vm-probe -n "__fish_seen_subcommand_from list" -s v -l verbose -d 'Tell more, such as each write'
complete -c vm-probe -n "__fish_seen_subcommand_from list" -s q -l quiet -d 'Tell only what is wrong'
complete -c vm-probe -n "__fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c vm-probe -n "__fish_seen_subcommand_from discover" -l timeout -d 'Bound on the whole operation, such as 30s or 2m' -r -f
complete -c vm-probe -n "__fish_seen_subcommand_from discover" -l lock-timeout -d 'How long to wait while somebody else moves the same devices [default: 10s]' -r -f
complete -c vm-probe -n "__fish_seen_subcommand_from discover" -l root -d 'Look at a copied host tree below DIR (DIR/sys, DIR/etc/pve, ...) instead of /' -r -f -a "(__fish_complete_directories)"
complete -c vm-probe -n "__fish_seen_subcommand_from discover" -l config -d 'Configuration file [default: /etc/pve-hooks/config.toml]' -r -F
complete -c vm-probe -n "__fish_seen_subcommand_from discover" -l source -d 'Look only there, instead of at the first of these that there is' -r -f -a "pve\t'This PVE host'
api\t'The API of a PVE cluster'
kubernetes\t'The pods of a Kubernetes cluster'
file\t'A list written down by hand'
container\t'The one QEMU in this container'"
complete -c vm-probe -n "__fish_seen_subcommand_from discover" -l api -d 'The API of a PVE cluster (implies --source api)' -r -f
complete -c vm-probe -n "__fish_seen_subcommand_from discover" -l api-token-file -d 'File with the token for --api: USER@REALM!ID=UUID' -r -F
complete -c vm-probe -n "__fish_seen_subcommand_from discover" -l fingerprint -d 'SHA-256 of the certificate of --api; without it PVE\'s own authority has to have signed it' -r -f
complete -c vm-probe -n "__fish_seen_subcommand_from discover" -l instances -d 'A list written down by hand (implies --source file) [default: /etc/pve-hooks/instances.json]' -r -F
complete -c vm-probe -n "__fish_seen_subcommand_from discover" -l json -d 'Print one JSON document on stdout, and nothing else there'
complete -c vm-probe -n "__fish_seen_subcommand_from discover" -s n -l dry-run -d 'Print every change that would be made, in order, and make none'
complete -c vm-probe -n "__fish_seen_subcommand_from discover" -s v -l verbose -d 'Tell more, such as each write'
complete -c vm-probe -n "__fish_seen_subcommand_from discover" -s q -l quiet -d 'Tell only what is wrong'
complete -c vm-probe -n "__fish_seen_subcommand_from discover" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c vm-probe -n "__fish_seen_subcommand_from check" -l timeout -d 'Bound on the whole operation, such as 30s or 2m' -r -f
complete -c vm-probe -n "__fish_seen_subcommand_from check" -l lock-timeout -d 'How long to wait while somebody else moves the same devices [default: 10s]' -r -f
complete -c vm-probe -n "__fish_seen_subcommand_from check" -l root -d 'Look at a copied host tree below DIR (DIR/sys, DIR/etc/pve, ...) instead of /' -r -f -a "(__fish_complete_directories)"
complete -c vm-probe -n "__fish_seen_subcommand_from check" -l config -d 'Configuration file [default: /etc/pve-hooks/config.toml]' -r -F
complete -c vm-probe -n "__fish_seen_subcommand_from check" -l source -d 'Look only there, instead of at the first of these that there is' -r -f -a "pve\t'This PVE host'
api\t'The API of a PVE cluster'
kubernetes\t'The pods of a Kubernetes cluster'
file\t'A list written down by hand'
container\t'The one QEMU in this container'"
complete -c vm-probe -n "__fish_seen_subcommand_from check" -l api -d 'The API of a PVE cluster (implies --source api)' -r -f
complete -c vm-probe -n "__fish_seen_subcommand_from check" -l api-token-file -d 'File with the token for --api: USER@REALM!ID=UUID' -r -F
complete -c vm-probe -n "__fish_seen_subcommand_from check" -l fingerprint -d 'SHA-256 of the certificate of --api; without it PVE\'s own authority has to have signed it' -r -f
complete -c vm-probe -n "__fish_seen_subcommand_from check" -l instances -d 'A list written down by hand (implies --source file) [default: /etc/pve-hooks/instances.json]' -r -F
complete -c vm-probe -n "__fish_seen_subcommand_from check" -l all -d 'All of them (the same as naming none)'
complete -c vm-probe -n "__fish_seen_subcommand_from check" -l slow -d 'Also what is costly: picture, sound, guest agent, memory'
complete -c vm-probe -n "__fish_seen_subcommand_from check" -l json -d 'Print one JSON document on stdout, and nothing else there'
complete -c vm-probe -n "__fish_seen_subcommand_from check" -s n -l dry-run -d 'Print every change that would be made, in order, and make none'
complete -c vm-probe -n "__fish_seen_subcommand_from check" -s v -l verbose -d 'Tell more, such as each write'
complete -c vm-probe -n "__fish_seen_subcommand_from check" -s q -l quiet -d 'Tell only what is wrong'
complete -c vm-probe -n "__fish_seen_subcommand_from check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c vm-probe -n "__fish_seen_subcommand_from report" -l timeout -d 'Bound on the whole operation, such as 30s or 2m' -r -f
complete -c vm-probe -n "__fish_seen_subcommand_from report" -l lock-timeout -d 'How long to wait while somebody else moves the same devices [default: 10s]' -r -f
complete -c vm-probe -n "__fish_seen_subcommand_from report" -l root -d 'Look at a copied host tree below DIR (DIR/sys, DIR/etc/pve, ...) instead of /' -r -f -a "(__fish_complete_directories)"
complete -c vm-probe -n "__fish_seen_subcommand_from report" -l config -d 'Configuration file [default: /etc/pve-hooks/config.toml]' -r -F
complete -c vm-probe -n "__fish_seen_subcommand_from report" -l source -d 'Look only there, instead of at the first of these that there is' -r -f -a "pve\t'This PVE host'
api\t'The API of a PVE cluster'
kubernetes\t'The pods of a Kubernetes cluster'
file\t'A list written down by hand'
container\t'The one QEMU in this container'"
complete -c vm-probe -n "__fish_seen_subcommand_from report" -l api -d 'The API of a PVE cluster (implies --source api)' -r -f
complete -c vm-probe -n "__fish_seen_subcommand_from report" -l api-token-file -d 'File with the token for --api: USER@REALM!ID=UUID' -r -F
complete -c vm-probe -n "__fish_seen_subcommand_from report" -l fingerprint -d 'SHA-256 of the certificate of --api; without it PVE\'s own authority has to have signed it' -r -f
complete -c vm-probe -n "__fish_seen_subcommand_from report" -l instances -d 'A list written down by hand (implies --source file) [default: /etc/pve-hooks/instances.json]' -r -F
complete -c vm-probe -n "__fish_seen_subcommand_from report" -l json -d 'Print one JSON document on stdout, and nothing else there'
complete -c vm-probe -n "__fish_seen_subcommand_from report" -s n -l dry-run -d 'Print every change that would be made, in order, and make none'
complete -c vm-probe -n "__fish_seen_subcommand_from report" -s v -l verbose -d 'Tell more, such as each write'
complete -c vm-probe -n "__fish_seen_subcommand_from report" -s q -l quiet -d 'Tell only what is wrong'
complete -c vm-probe -n "__fish_seen_subcommand_from report" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c vm-probe -n "__fish_seen_subcommand_from serve" -l listen -d 'ADDRESS:PORT or unix:PATH [default: 127.0.0.1:8080]' -r -f
complete -c vm-probe -n "__fish_seen_subcommand_from serve" -l token-file -d 'File with the bearer token that everything needs that changes something' -r -F
complete -c vm-probe -n "__fish_seen_subcommand_from serve" -l timeout -d 'Bound on the whole operation, such as 30s or 2m' -r -f
complete -c vm-probe -n "__fish_seen_subcommand_from serve" -l lock-timeout -d 'How long to wait while somebody else moves the same devices [default: 10s]' -r -f
complete -c vm-probe -n "__fish_seen_subcommand_from serve" -l root -d 'Look at a copied host tree below DIR (DIR/sys, DIR/etc/pve, ...) instead of /' -r -f -a "(__fish_complete_directories)"
complete -c vm-probe -n "__fish_seen_subcommand_from serve" -l config -d 'Configuration file [default: /etc/pve-hooks/config.toml]' -r -F
complete -c vm-probe -n "__fish_seen_subcommand_from serve" -l source -d 'Look only there, instead of at the first of these that there is' -r -f -a "pve\t'This PVE host'
api\t'The API of a PVE cluster'
kubernetes\t'The pods of a Kubernetes cluster'
file\t'A list written down by hand'
container\t'The one QEMU in this container'"
complete -c vm-probe -n "__fish_seen_subcommand_from serve" -l api -d 'The API of a PVE cluster (implies --source api)' -r -f
complete -c vm-probe -n "__fish_seen_subcommand_from serve" -l api-token-file -d 'File with the token for --api: USER@REALM!ID=UUID' -r -F
complete -c vm-probe -n "__fish_seen_subcommand_from serve" -l fingerprint -d 'SHA-256 of the certificate of --api; without it PVE\'s own authority has to have signed it' -r -f
complete -c vm-probe -n "__fish_seen_subcommand_from serve" -l instances -d 'A list written down by hand (implies --source file) [default: /etc/pve-hooks/instances.json]' -r -F
complete -c vm-probe -n "__fish_seen_subcommand_from serve" -l json -d 'Print one JSON document on stdout, and nothing else there'
complete -c vm-probe -n "__fish_seen_subcommand_from serve" -s n -l dry-run -d 'Print every change that would be made, in order, and make none'
complete -c vm-probe -n "__fish_seen_subcommand_from serve" -s v -l verbose -d 'Tell more, such as each write'
complete -c vm-probe -n "__fish_seen_subcommand_from serve" -s q -l quiet -d 'Tell only what is wrong'
complete -c vm-probe -n "__fish_seen_subcommand_from serve" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c vm-probe -n "__fish_seen_subcommand_from recover" -l timeout -d 'Bound on the whole operation, such as 30s or 2m' -r -f
complete -c vm-probe -n "__fish_seen_subcommand_from recover" -l lock-timeout -d 'How long to wait while somebody else moves the same devices [default: 10s]' -r -f
complete -c vm-probe -n "__fish_seen_subcommand_from recover" -l root -d 'Look at a copied host tree below DIR (DIR/sys, DIR/etc/pve, ...) instead of /' -r -f -a "(__fish_complete_directories)"
complete -c vm-probe -n "__fish_seen_subcommand_from recover" -l config -d 'Configuration file [default: /etc/pve-hooks/config.toml]' -r -F
complete -c vm-probe -n "__fish_seen_subcommand_from recover" -l source -d 'Look only there, instead of at the first of these that there is' -r -f -a "pve\t'This PVE host'
api\t'The API of a PVE cluster'
kubernetes\t'The pods of a Kubernetes cluster'
file\t'A list written down by hand'
container\t'The one QEMU in this container'"
complete -c vm-probe -n "__fish_seen_subcommand_from recover" -l api -d 'The API of a PVE cluster (implies --source api)' -r -f
complete -c vm-probe -n "__fish_seen_subcommand_from recover" -l api-token-file -d 'File with the token for --api: USER@REALM!ID=UUID' -r -F
complete -c vm-probe -n "__fish_seen_subcommand_from recover" -l fingerprint -d 'SHA-256 of the certificate of --api; without it PVE\'s own authority has to have signed it' -r -f
complete -c vm-probe -n "__fish_seen_subcommand_from recover" -l instances -d 'A list written down by hand (implies --source file) [default: /etc/pve-hooks/instances.json]' -r -F
complete -c vm-probe -n "__fish_seen_subcommand_from recover" -l apply -d 'Do it'
complete -c vm-probe -n "__fish_seen_subcommand_from recover" -l json -d 'Print one JSON document on stdout, and nothing else there'
complete -c vm-probe -n "__fish_seen_subcommand_from recover" -s n -l dry-run -d 'Print every change that would be made, in order, and make none'
complete -c vm-probe -n "__fish_seen_subcommand_from recover" -s v -l verbose -d 'Tell more, such as each write'
complete -c vm-probe -n "__fish_seen_subcommand_from recover" -s q -l quiet -d 'Tell only what is wrong'
complete -c vm-probe -n "__fish_seen_subcommand_from recover" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c vm-probe -n "__fish_seen_subcommand_from audit" -l timeout -d 'Bound on the whole operation, such as 30s or 2m' -r -f
complete -c vm-probe -n "__fish_seen_subcommand_from audit" -l lock-timeout -d 'How long to wait while somebody else moves the same devices [default: 10s]' -r -f
complete -c vm-probe -n "__fish_seen_subcommand_from audit" -l root -d 'Look at a copied host tree below DIR (DIR/sys, DIR/etc/pve, ...) instead of /' -r -f -a "(__fish_complete_directories)"
complete -c vm-probe -n "__fish_seen_subcommand_from audit" -l config -d 'Configuration file [default: /etc/pve-hooks/config.toml]' -r -F
complete -c vm-probe -n "__fish_seen_subcommand_from audit" -l source -d 'Look only there, instead of at the first of these that there is' -r -f -a "pve\t'This PVE host'
api\t'The API of a PVE cluster'
kubernetes\t'The pods of a Kubernetes cluster'
file\t'A list written down by hand'
container\t'The one QEMU in this container'"
complete -c vm-probe -n "__fish_seen_subcommand_from audit" -l api -d 'The API of a PVE cluster (implies --source api)' -r -f
complete -c vm-probe -n "__fish_seen_subcommand_from audit" -l api-token-file -d 'File with the token for --api: USER@REALM!ID=UUID' -r -F
complete -c vm-probe -n "__fish_seen_subcommand_from audit" -l fingerprint -d 'SHA-256 of the certificate of --api; without it PVE\'s own authority has to have signed it' -r -f
complete -c vm-probe -n "__fish_seen_subcommand_from audit" -l instances -d 'A list written down by hand (implies --source file) [default: /etc/pve-hooks/instances.json]' -r -F
complete -c vm-probe -n "__fish_seen_subcommand_from audit" -l json -d 'Print one JSON document on stdout, and nothing else there'
complete -c vm-probe -n "__fish_seen_subcommand_from audit" -s n -l dry-run -d 'Print every change that would be made, in order, and make none'
complete -c vm-probe -n "__fish_seen_subcommand_from audit" -s v -l verbose -d 'Tell more, such as each write'
complete -c vm-probe -n "__fish_seen_subcommand_from audit" -s q -l quiet -d 'Tell only what is wrong'
complete -c vm-probe -n "__fish_seen_subcommand_from audit" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c vm-probe -n "__fish_seen_subcommand_from history" -l timeout -d 'Bound on the whole operation, such as 30s or 2m' -r -f
complete -c vm-probe -n "__fish_seen_subcommand_from history" -l lock-timeout -d 'How long to wait while somebody else moves the same devices [default: 10s]' -r -f
complete -c vm-probe -n "__fish_seen_subcommand_from history" -l root -d 'Look at a copied host tree below DIR (DIR/sys, DIR/etc/pve, ...) instead of /' -r -f -a "(__fish_complete_directories)"
complete -c vm-probe -n "__fish_seen_subcommand_from history" -l config -d 'Configuration file [default: /etc/pve-hooks/config.toml]' -r -F
complete -c vm-probe -n "__fish_seen_subcommand_from history" -l source -d 'Look only there, instead of at the first of these that there is' -r -f -a "pve\t'This PVE host'
api\t'The API of a PVE cluster'
kubernetes\t'The pods of a Kubernetes cluster'
file\t'A list written down by hand'
container\t'The one QEMU in this container'"
complete -c vm-probe -n "__fish_seen_subcommand_from history" -l api -d 'The API of a PVE cluster (implies --source api)' -r -f
complete -c vm-probe -n "__fish_seen_subcommand_from history" -l api-token-file -d 'File with the token for --api: USER@REALM!ID=UUID' -r -F
complete -c vm-probe -n "__fish_seen_subcommand_from history" -l fingerprint -d 'SHA-256 of the certificate of --api; without it PVE\'s own authority has to have signed it' -r -f
complete -c vm-probe -n "__fish_seen_subcommand_from history" -l instances -d 'A list written down by hand (implies --source file) [default: /etc/pve-hooks/instances.json]' -r -F
complete -c vm-probe -n "__fish_seen_subcommand_from history" -l json -d 'Print one JSON document on stdout, and nothing else there'
complete -c vm-probe -n "__fish_seen_subcommand_from history" -s n -l dry-run -d 'Print every change that would be made, in order, and make none'
complete -c vm-probe -n "__fish_seen_subcommand_from history" -s v -l verbose -d 'Tell more, such as each write'
complete -c vm-probe -n "__fish_seen_subcommand_from history" -s q -l quiet -d 'Tell only what is wrong'
complete -c vm-probe -n "__fish_seen_subcommand_from history" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c vm-probe -n "__fish_seen_subcommand_from check" -a "(__pve_hooks_vms)"
complete -c vm-probe -n "__fish_seen_subcommand_from recover; and __pve_hooks_at 1 --timeout --lock-timeout --root --config --source --api --api-token-file --fingerprint --instances --listen --token-file" -a "(__pve_hooks_vms)"
complete -c vm-probe -n "__fish_seen_subcommand_from audit; and __pve_hooks_at 1 --timeout --lock-timeout --root --config --source --api --api-token-file --fingerprint --instances --listen --token-file" -a "(__pve_hooks_vms)"
complete -c vm-probe -n "__fish_seen_subcommand_from history; and __pve_hooks_at 1 --timeout --lock-timeout --root --config --source --api --api-token-file --fingerprint --instances --listen --token-file" -a "(__pve_hooks_vms)"

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
