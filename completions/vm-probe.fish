# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_vm_probe_global_optspecs
    string join \n json n/dry-run v/verbose q/quiet timeout= lock-timeout= root= config= source= api= api-token-file= fingerprint= instances= h/help V/version
end

function __fish_vm_probe_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_vm_probe_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_vm_probe_using_subcommand
    set -l cmd (__fish_vm_probe_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c vm-probe -n "__fish_vm_probe_needs_command" -l timeout -d 'Bound on the whole operation, such as 30s or 2m' -r -f
complete -c vm-probe -n "__fish_vm_probe_needs_command" -l lock-timeout -d 'How long to wait while somebody else moves the same devices [default: 10s]' -r -f
complete -c vm-probe -n "__fish_vm_probe_needs_command" -l root -d 'Look at a copied host tree below DIR (DIR/sys, DIR/etc/pve, ...) instead of /' -r -f -a "(__fish_complete_directories)"
complete -c vm-probe -n "__fish_vm_probe_needs_command" -l config -d 'Configuration file [default: /etc/pve-hooks/config.toml]' -r -F
complete -c vm-probe -n "__fish_vm_probe_needs_command" -l source -d 'Look only there, instead of at the first of these that there is' -r -f -a "pve\t'This PVE host'
api\t'The API of a PVE cluster'
kubernetes\t'The pods of a Kubernetes cluster'
file\t'A list written down by hand'
container\t'The one QEMU in this container'"
complete -c vm-probe -n "__fish_vm_probe_needs_command" -l api -d 'The API of a PVE cluster (implies --source api)' -r -f
complete -c vm-probe -n "__fish_vm_probe_needs_command" -l api-token-file -d 'File with the token for --api: USER@REALM!ID=UUID' -r -F
complete -c vm-probe -n "__fish_vm_probe_needs_command" -l fingerprint -d 'SHA-256 of the certificate of --api; without it PVE\'s own authority has to have signed it' -r -f
complete -c vm-probe -n "__fish_vm_probe_needs_command" -l instances -d 'A list written down by hand (implies --source file) [default: /etc/pve-hooks/instances.json]' -r -F
complete -c vm-probe -n "__fish_vm_probe_needs_command" -l json -d 'Print one JSON document on stdout, and nothing else there'
complete -c vm-probe -n "__fish_vm_probe_needs_command" -s n -l dry-run -d 'Print every change that would be made, in order, and make none'
complete -c vm-probe -n "__fish_vm_probe_needs_command" -s v -l verbose -d 'Tell more, such as each write'
complete -c vm-probe -n "__fish_vm_probe_needs_command" -s q -l quiet -d 'Tell only what is wrong'
complete -c vm-probe -n "__fish_vm_probe_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c vm-probe -n "__fish_vm_probe_needs_command" -s V -l version -d 'Print version'
complete -c vm-probe -n "__fish_vm_probe_needs_command" -f -a "list" -d 'The VMs: source, state, age'
complete -c vm-probe -n "__fish_vm_probe_needs_command" -f -a "discover" -d 'Where VMs are looked for, and why not elsewhere'
complete -c vm-probe -n "__fish_vm_probe_needs_command" -f -a "check" -d 'How VMs are, with the evidence; exit 0 when all are healthy, 1 when not'
complete -c vm-probe -n "__fish_vm_probe_needs_command" -f -a "report" -d 'The health of the one QEMU in this container, as one document'
complete -c vm-probe -n "__fish_vm_probe_needs_command" -f -a "serve" -d 'Watch, and answer by HTTP: page, API, metrics'
complete -c vm-probe -n "__fish_vm_probe_needs_command" -f -a "recover" -d 'What would be done about a VM, and why it may or may not; acts only with --apply'
complete -c vm-probe -n "__fish_vm_probe_needs_command" -f -a "audit" -d 'Past recoveries: when, who asked, what was done, and did it help'
complete -c vm-probe -n "__fish_vm_probe_needs_command" -f -a "history" -d 'The last hours of a VM: readings and events'
complete -c vm-probe -n "__fish_vm_probe_using_subcommand list" -l timeout -d 'Bound on the whole operation, such as 30s or 2m' -r -f
complete -c vm-probe -n "__fish_vm_probe_using_subcommand list" -l lock-timeout -d 'How long to wait while somebody else moves the same devices [default: 10s]' -r -f
complete -c vm-probe -n "__fish_vm_probe_using_subcommand list" -l root -d 'Look at a copied host tree below DIR (DIR/sys, DIR/etc/pve, ...) instead of /' -r -f -a "(__fish_complete_directories)"
complete -c vm-probe -n "__fish_vm_probe_using_subcommand list" -l config -d 'Configuration file [default: /etc/pve-hooks/config.toml]' -r -F
complete -c vm-probe -n "__fish_vm_probe_using_subcommand list" -l source -d 'Look only there, instead of at the first of these that there is' -r -f -a "pve\t'This PVE host'
api\t'The API of a PVE cluster'
kubernetes\t'The pods of a Kubernetes cluster'
file\t'A list written down by hand'
container\t'The one QEMU in this container'"
complete -c vm-probe -n "__fish_vm_probe_using_subcommand list" -l api -d 'The API of a PVE cluster (implies --source api)' -r -f
complete -c vm-probe -n "__fish_vm_probe_using_subcommand list" -l api-token-file -d 'File with the token for --api: USER@REALM!ID=UUID' -r -F
complete -c vm-probe -n "__fish_vm_probe_using_subcommand list" -l fingerprint -d 'SHA-256 of the certificate of --api; without it PVE\'s own authority has to have signed it' -r -f
complete -c vm-probe -n "__fish_vm_probe_using_subcommand list" -l instances -d 'A list written down by hand (implies --source file) [default: /etc/pve-hooks/instances.json]' -r -F
complete -c vm-probe -n "__fish_vm_probe_using_subcommand list" -l json -d 'Print one JSON document on stdout, and nothing else there'
complete -c vm-probe -n "__fish_vm_probe_using_subcommand list" -s n -l dry-run -d 'Print every change that would be made, in order, and make none'
complete -c vm-probe -n "__fish_vm_probe_using_subcommand list" -s v -l verbose -d 'Tell more, such as each write'
complete -c vm-probe -n "__fish_vm_probe_using_subcommand list" -s q -l quiet -d 'Tell only what is wrong'
complete -c vm-probe -n "__fish_vm_probe_using_subcommand list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c vm-probe -n "__fish_vm_probe_using_subcommand discover" -l timeout -d 'Bound on the whole operation, such as 30s or 2m' -r -f
complete -c vm-probe -n "__fish_vm_probe_using_subcommand discover" -l lock-timeout -d 'How long to wait while somebody else moves the same devices [default: 10s]' -r -f
complete -c vm-probe -n "__fish_vm_probe_using_subcommand discover" -l root -d 'Look at a copied host tree below DIR (DIR/sys, DIR/etc/pve, ...) instead of /' -r -f -a "(__fish_complete_directories)"
complete -c vm-probe -n "__fish_vm_probe_using_subcommand discover" -l config -d 'Configuration file [default: /etc/pve-hooks/config.toml]' -r -F
complete -c vm-probe -n "__fish_vm_probe_using_subcommand discover" -l source -d 'Look only there, instead of at the first of these that there is' -r -f -a "pve\t'This PVE host'
api\t'The API of a PVE cluster'
kubernetes\t'The pods of a Kubernetes cluster'
file\t'A list written down by hand'
container\t'The one QEMU in this container'"
complete -c vm-probe -n "__fish_vm_probe_using_subcommand discover" -l api -d 'The API of a PVE cluster (implies --source api)' -r -f
complete -c vm-probe -n "__fish_vm_probe_using_subcommand discover" -l api-token-file -d 'File with the token for --api: USER@REALM!ID=UUID' -r -F
complete -c vm-probe -n "__fish_vm_probe_using_subcommand discover" -l fingerprint -d 'SHA-256 of the certificate of --api; without it PVE\'s own authority has to have signed it' -r -f
complete -c vm-probe -n "__fish_vm_probe_using_subcommand discover" -l instances -d 'A list written down by hand (implies --source file) [default: /etc/pve-hooks/instances.json]' -r -F
complete -c vm-probe -n "__fish_vm_probe_using_subcommand discover" -l json -d 'Print one JSON document on stdout, and nothing else there'
complete -c vm-probe -n "__fish_vm_probe_using_subcommand discover" -s n -l dry-run -d 'Print every change that would be made, in order, and make none'
complete -c vm-probe -n "__fish_vm_probe_using_subcommand discover" -s v -l verbose -d 'Tell more, such as each write'
complete -c vm-probe -n "__fish_vm_probe_using_subcommand discover" -s q -l quiet -d 'Tell only what is wrong'
complete -c vm-probe -n "__fish_vm_probe_using_subcommand discover" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c vm-probe -n "__fish_vm_probe_using_subcommand check" -l timeout -d 'Bound on the whole operation, such as 30s or 2m' -r -f
complete -c vm-probe -n "__fish_vm_probe_using_subcommand check" -l lock-timeout -d 'How long to wait while somebody else moves the same devices [default: 10s]' -r -f
complete -c vm-probe -n "__fish_vm_probe_using_subcommand check" -l root -d 'Look at a copied host tree below DIR (DIR/sys, DIR/etc/pve, ...) instead of /' -r -f -a "(__fish_complete_directories)"
complete -c vm-probe -n "__fish_vm_probe_using_subcommand check" -l config -d 'Configuration file [default: /etc/pve-hooks/config.toml]' -r -F
complete -c vm-probe -n "__fish_vm_probe_using_subcommand check" -l source -d 'Look only there, instead of at the first of these that there is' -r -f -a "pve\t'This PVE host'
api\t'The API of a PVE cluster'
kubernetes\t'The pods of a Kubernetes cluster'
file\t'A list written down by hand'
container\t'The one QEMU in this container'"
complete -c vm-probe -n "__fish_vm_probe_using_subcommand check" -l api -d 'The API of a PVE cluster (implies --source api)' -r -f
complete -c vm-probe -n "__fish_vm_probe_using_subcommand check" -l api-token-file -d 'File with the token for --api: USER@REALM!ID=UUID' -r -F
complete -c vm-probe -n "__fish_vm_probe_using_subcommand check" -l fingerprint -d 'SHA-256 of the certificate of --api; without it PVE\'s own authority has to have signed it' -r -f
complete -c vm-probe -n "__fish_vm_probe_using_subcommand check" -l instances -d 'A list written down by hand (implies --source file) [default: /etc/pve-hooks/instances.json]' -r -F
complete -c vm-probe -n "__fish_vm_probe_using_subcommand check" -l all -d 'All of them (the same as naming none)'
complete -c vm-probe -n "__fish_vm_probe_using_subcommand check" -l slow -d 'Also what is costly: picture, sound, guest agent, memory'
complete -c vm-probe -n "__fish_vm_probe_using_subcommand check" -l json -d 'Print one JSON document on stdout, and nothing else there'
complete -c vm-probe -n "__fish_vm_probe_using_subcommand check" -s n -l dry-run -d 'Print every change that would be made, in order, and make none'
complete -c vm-probe -n "__fish_vm_probe_using_subcommand check" -s v -l verbose -d 'Tell more, such as each write'
complete -c vm-probe -n "__fish_vm_probe_using_subcommand check" -s q -l quiet -d 'Tell only what is wrong'
complete -c vm-probe -n "__fish_vm_probe_using_subcommand check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c vm-probe -n "__fish_vm_probe_using_subcommand report" -l timeout -d 'Bound on the whole operation, such as 30s or 2m' -r -f
complete -c vm-probe -n "__fish_vm_probe_using_subcommand report" -l lock-timeout -d 'How long to wait while somebody else moves the same devices [default: 10s]' -r -f
complete -c vm-probe -n "__fish_vm_probe_using_subcommand report" -l root -d 'Look at a copied host tree below DIR (DIR/sys, DIR/etc/pve, ...) instead of /' -r -f -a "(__fish_complete_directories)"
complete -c vm-probe -n "__fish_vm_probe_using_subcommand report" -l config -d 'Configuration file [default: /etc/pve-hooks/config.toml]' -r -F
complete -c vm-probe -n "__fish_vm_probe_using_subcommand report" -l source -d 'Look only there, instead of at the first of these that there is' -r -f -a "pve\t'This PVE host'
api\t'The API of a PVE cluster'
kubernetes\t'The pods of a Kubernetes cluster'
file\t'A list written down by hand'
container\t'The one QEMU in this container'"
complete -c vm-probe -n "__fish_vm_probe_using_subcommand report" -l api -d 'The API of a PVE cluster (implies --source api)' -r -f
complete -c vm-probe -n "__fish_vm_probe_using_subcommand report" -l api-token-file -d 'File with the token for --api: USER@REALM!ID=UUID' -r -F
complete -c vm-probe -n "__fish_vm_probe_using_subcommand report" -l fingerprint -d 'SHA-256 of the certificate of --api; without it PVE\'s own authority has to have signed it' -r -f
complete -c vm-probe -n "__fish_vm_probe_using_subcommand report" -l instances -d 'A list written down by hand (implies --source file) [default: /etc/pve-hooks/instances.json]' -r -F
complete -c vm-probe -n "__fish_vm_probe_using_subcommand report" -l json -d 'Print one JSON document on stdout, and nothing else there'
complete -c vm-probe -n "__fish_vm_probe_using_subcommand report" -s n -l dry-run -d 'Print every change that would be made, in order, and make none'
complete -c vm-probe -n "__fish_vm_probe_using_subcommand report" -s v -l verbose -d 'Tell more, such as each write'
complete -c vm-probe -n "__fish_vm_probe_using_subcommand report" -s q -l quiet -d 'Tell only what is wrong'
complete -c vm-probe -n "__fish_vm_probe_using_subcommand report" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c vm-probe -n "__fish_vm_probe_using_subcommand serve" -l listen -d 'ADDRESS:PORT or unix:PATH [default: 127.0.0.1:8080]' -r -f
complete -c vm-probe -n "__fish_vm_probe_using_subcommand serve" -l token-file -d 'File with the bearer token that everything needs that changes something' -r -F
complete -c vm-probe -n "__fish_vm_probe_using_subcommand serve" -l timeout -d 'Bound on the whole operation, such as 30s or 2m' -r -f
complete -c vm-probe -n "__fish_vm_probe_using_subcommand serve" -l lock-timeout -d 'How long to wait while somebody else moves the same devices [default: 10s]' -r -f
complete -c vm-probe -n "__fish_vm_probe_using_subcommand serve" -l root -d 'Look at a copied host tree below DIR (DIR/sys, DIR/etc/pve, ...) instead of /' -r -f -a "(__fish_complete_directories)"
complete -c vm-probe -n "__fish_vm_probe_using_subcommand serve" -l config -d 'Configuration file [default: /etc/pve-hooks/config.toml]' -r -F
complete -c vm-probe -n "__fish_vm_probe_using_subcommand serve" -l source -d 'Look only there, instead of at the first of these that there is' -r -f -a "pve\t'This PVE host'
api\t'The API of a PVE cluster'
kubernetes\t'The pods of a Kubernetes cluster'
file\t'A list written down by hand'
container\t'The one QEMU in this container'"
complete -c vm-probe -n "__fish_vm_probe_using_subcommand serve" -l api -d 'The API of a PVE cluster (implies --source api)' -r -f
complete -c vm-probe -n "__fish_vm_probe_using_subcommand serve" -l api-token-file -d 'File with the token for --api: USER@REALM!ID=UUID' -r -F
complete -c vm-probe -n "__fish_vm_probe_using_subcommand serve" -l fingerprint -d 'SHA-256 of the certificate of --api; without it PVE\'s own authority has to have signed it' -r -f
complete -c vm-probe -n "__fish_vm_probe_using_subcommand serve" -l instances -d 'A list written down by hand (implies --source file) [default: /etc/pve-hooks/instances.json]' -r -F
complete -c vm-probe -n "__fish_vm_probe_using_subcommand serve" -l json -d 'Print one JSON document on stdout, and nothing else there'
complete -c vm-probe -n "__fish_vm_probe_using_subcommand serve" -s n -l dry-run -d 'Print every change that would be made, in order, and make none'
complete -c vm-probe -n "__fish_vm_probe_using_subcommand serve" -s v -l verbose -d 'Tell more, such as each write'
complete -c vm-probe -n "__fish_vm_probe_using_subcommand serve" -s q -l quiet -d 'Tell only what is wrong'
complete -c vm-probe -n "__fish_vm_probe_using_subcommand serve" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c vm-probe -n "__fish_vm_probe_using_subcommand recover" -l timeout -d 'Bound on the whole operation, such as 30s or 2m' -r -f
complete -c vm-probe -n "__fish_vm_probe_using_subcommand recover" -l lock-timeout -d 'How long to wait while somebody else moves the same devices [default: 10s]' -r -f
complete -c vm-probe -n "__fish_vm_probe_using_subcommand recover" -l root -d 'Look at a copied host tree below DIR (DIR/sys, DIR/etc/pve, ...) instead of /' -r -f -a "(__fish_complete_directories)"
complete -c vm-probe -n "__fish_vm_probe_using_subcommand recover" -l config -d 'Configuration file [default: /etc/pve-hooks/config.toml]' -r -F
complete -c vm-probe -n "__fish_vm_probe_using_subcommand recover" -l source -d 'Look only there, instead of at the first of these that there is' -r -f -a "pve\t'This PVE host'
api\t'The API of a PVE cluster'
kubernetes\t'The pods of a Kubernetes cluster'
file\t'A list written down by hand'
container\t'The one QEMU in this container'"
complete -c vm-probe -n "__fish_vm_probe_using_subcommand recover" -l api -d 'The API of a PVE cluster (implies --source api)' -r -f
complete -c vm-probe -n "__fish_vm_probe_using_subcommand recover" -l api-token-file -d 'File with the token for --api: USER@REALM!ID=UUID' -r -F
complete -c vm-probe -n "__fish_vm_probe_using_subcommand recover" -l fingerprint -d 'SHA-256 of the certificate of --api; without it PVE\'s own authority has to have signed it' -r -f
complete -c vm-probe -n "__fish_vm_probe_using_subcommand recover" -l instances -d 'A list written down by hand (implies --source file) [default: /etc/pve-hooks/instances.json]' -r -F
complete -c vm-probe -n "__fish_vm_probe_using_subcommand recover" -l apply -d 'Do it'
complete -c vm-probe -n "__fish_vm_probe_using_subcommand recover" -l json -d 'Print one JSON document on stdout, and nothing else there'
complete -c vm-probe -n "__fish_vm_probe_using_subcommand recover" -s n -l dry-run -d 'Print every change that would be made, in order, and make none'
complete -c vm-probe -n "__fish_vm_probe_using_subcommand recover" -s v -l verbose -d 'Tell more, such as each write'
complete -c vm-probe -n "__fish_vm_probe_using_subcommand recover" -s q -l quiet -d 'Tell only what is wrong'
complete -c vm-probe -n "__fish_vm_probe_using_subcommand recover" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c vm-probe -n "__fish_vm_probe_using_subcommand audit" -l timeout -d 'Bound on the whole operation, such as 30s or 2m' -r -f
complete -c vm-probe -n "__fish_vm_probe_using_subcommand audit" -l lock-timeout -d 'How long to wait while somebody else moves the same devices [default: 10s]' -r -f
complete -c vm-probe -n "__fish_vm_probe_using_subcommand audit" -l root -d 'Look at a copied host tree below DIR (DIR/sys, DIR/etc/pve, ...) instead of /' -r -f -a "(__fish_complete_directories)"
complete -c vm-probe -n "__fish_vm_probe_using_subcommand audit" -l config -d 'Configuration file [default: /etc/pve-hooks/config.toml]' -r -F
complete -c vm-probe -n "__fish_vm_probe_using_subcommand audit" -l source -d 'Look only there, instead of at the first of these that there is' -r -f -a "pve\t'This PVE host'
api\t'The API of a PVE cluster'
kubernetes\t'The pods of a Kubernetes cluster'
file\t'A list written down by hand'
container\t'The one QEMU in this container'"
complete -c vm-probe -n "__fish_vm_probe_using_subcommand audit" -l api -d 'The API of a PVE cluster (implies --source api)' -r -f
complete -c vm-probe -n "__fish_vm_probe_using_subcommand audit" -l api-token-file -d 'File with the token for --api: USER@REALM!ID=UUID' -r -F
complete -c vm-probe -n "__fish_vm_probe_using_subcommand audit" -l fingerprint -d 'SHA-256 of the certificate of --api; without it PVE\'s own authority has to have signed it' -r -f
complete -c vm-probe -n "__fish_vm_probe_using_subcommand audit" -l instances -d 'A list written down by hand (implies --source file) [default: /etc/pve-hooks/instances.json]' -r -F
complete -c vm-probe -n "__fish_vm_probe_using_subcommand audit" -l json -d 'Print one JSON document on stdout, and nothing else there'
complete -c vm-probe -n "__fish_vm_probe_using_subcommand audit" -s n -l dry-run -d 'Print every change that would be made, in order, and make none'
complete -c vm-probe -n "__fish_vm_probe_using_subcommand audit" -s v -l verbose -d 'Tell more, such as each write'
complete -c vm-probe -n "__fish_vm_probe_using_subcommand audit" -s q -l quiet -d 'Tell only what is wrong'
complete -c vm-probe -n "__fish_vm_probe_using_subcommand audit" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c vm-probe -n "__fish_vm_probe_using_subcommand history" -l timeout -d 'Bound on the whole operation, such as 30s or 2m' -r -f
complete -c vm-probe -n "__fish_vm_probe_using_subcommand history" -l lock-timeout -d 'How long to wait while somebody else moves the same devices [default: 10s]' -r -f
complete -c vm-probe -n "__fish_vm_probe_using_subcommand history" -l root -d 'Look at a copied host tree below DIR (DIR/sys, DIR/etc/pve, ...) instead of /' -r -f -a "(__fish_complete_directories)"
complete -c vm-probe -n "__fish_vm_probe_using_subcommand history" -l config -d 'Configuration file [default: /etc/pve-hooks/config.toml]' -r -F
complete -c vm-probe -n "__fish_vm_probe_using_subcommand history" -l source -d 'Look only there, instead of at the first of these that there is' -r -f -a "pve\t'This PVE host'
api\t'The API of a PVE cluster'
kubernetes\t'The pods of a Kubernetes cluster'
file\t'A list written down by hand'
container\t'The one QEMU in this container'"
complete -c vm-probe -n "__fish_vm_probe_using_subcommand history" -l api -d 'The API of a PVE cluster (implies --source api)' -r -f
complete -c vm-probe -n "__fish_vm_probe_using_subcommand history" -l api-token-file -d 'File with the token for --api: USER@REALM!ID=UUID' -r -F
complete -c vm-probe -n "__fish_vm_probe_using_subcommand history" -l fingerprint -d 'SHA-256 of the certificate of --api; without it PVE\'s own authority has to have signed it' -r -f
complete -c vm-probe -n "__fish_vm_probe_using_subcommand history" -l instances -d 'A list written down by hand (implies --source file) [default: /etc/pve-hooks/instances.json]' -r -F
complete -c vm-probe -n "__fish_vm_probe_using_subcommand history" -l json -d 'Print one JSON document on stdout, and nothing else there'
complete -c vm-probe -n "__fish_vm_probe_using_subcommand history" -s n -l dry-run -d 'Print every change that would be made, in order, and make none'
complete -c vm-probe -n "__fish_vm_probe_using_subcommand history" -s v -l verbose -d 'Tell more, such as each write'
complete -c vm-probe -n "__fish_vm_probe_using_subcommand history" -s q -l quiet -d 'Tell only what is wrong'
complete -c vm-probe -n "__fish_vm_probe_using_subcommand history" -s h -l help -d 'Print help (see more with \'--help\')'
