# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_gpu_bind_global_optspecs
    string join \n json n/dry-run v/verbose q/quiet timeout= lock-timeout= root= config= h/help V/version
end

function __fish_gpu_bind_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_gpu_bind_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_gpu_bind_using_subcommand
    set -l cmd (__fish_gpu_bind_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c gpu-bind -n "__fish_gpu_bind_needs_command" -l timeout -d 'Bound on the whole operation, such as 30s or 2m' -r -f
complete -c gpu-bind -n "__fish_gpu_bind_needs_command" -l lock-timeout -d 'How long to wait while somebody else moves the same devices [default: 10s]' -r -f
complete -c gpu-bind -n "__fish_gpu_bind_needs_command" -l root -d 'Look at a copied host tree below DIR (DIR/sys, DIR/etc/pve, ...) instead of /' -r -f -a "(__fish_complete_directories)"
complete -c gpu-bind -n "__fish_gpu_bind_needs_command" -l config -d 'Configuration file [default: /etc/pve-hooks/config.toml]' -r -F
complete -c gpu-bind -n "__fish_gpu_bind_needs_command" -l json -d 'Print one JSON document on stdout, and nothing else there'
complete -c gpu-bind -n "__fish_gpu_bind_needs_command" -s n -l dry-run -d 'Print every change that would be made, in order, and make none'
complete -c gpu-bind -n "__fish_gpu_bind_needs_command" -s v -l verbose -d 'Tell more, such as each write'
complete -c gpu-bind -n "__fish_gpu_bind_needs_command" -s q -l quiet -d 'Tell only what is wrong'
complete -c gpu-bind -n "__fish_gpu_bind_needs_command" -s h -l help -d 'Print help'
complete -c gpu-bind -n "__fish_gpu_bind_needs_command" -s V -l version -d 'Print version'
complete -c gpu-bind -n "__fish_gpu_bind_needs_command" -f -a "status" -d 'Where each GPU is, who holds it, and what is wrong (exit 1 if anything is)'
complete -c gpu-bind -n "__fish_gpu_bind_needs_command" -f -a "list" -d 'The GPUs of this host with all their functions'
complete -c gpu-bind -n "__fish_gpu_bind_needs_command" -f -a "detach" -d 'Take GPUs from the host and give them to vfio-pci, for a VM'
complete -c gpu-bind -n "__fish_gpu_bind_needs_command" -f -a "attach" -d 'Bring GPUs back to their host drivers, whatever state they are in'
complete -c gpu-bind -n "__fish_gpu_bind_needs_command" -f -a "cycle" -d 'Detach, then attach: for a screen that stays black'
complete -c gpu-bind -n "__fish_gpu_bind_needs_command" -f -a "reconcile" -d 'Bring every passed-through GPU to where it belongs: running VM -> vfio-pci, otherwise -> host'
complete -c gpu-bind -n "__fish_gpu_bind_needs_command" -f -a "doctor" -d 'One report to paste into a bug report (exit 1 if anything is wrong)'
complete -c gpu-bind -n "__fish_gpu_bind_using_subcommand status" -l timeout -d 'Bound on the whole operation, such as 30s or 2m' -r -f
complete -c gpu-bind -n "__fish_gpu_bind_using_subcommand status" -l lock-timeout -d 'How long to wait while somebody else moves the same devices [default: 10s]' -r -f
complete -c gpu-bind -n "__fish_gpu_bind_using_subcommand status" -l root -d 'Look at a copied host tree below DIR (DIR/sys, DIR/etc/pve, ...) instead of /' -r -f -a "(__fish_complete_directories)"
complete -c gpu-bind -n "__fish_gpu_bind_using_subcommand status" -l config -d 'Configuration file [default: /etc/pve-hooks/config.toml]' -r -F
complete -c gpu-bind -n "__fish_gpu_bind_using_subcommand status" -l json -d 'Print one JSON document on stdout, and nothing else there'
complete -c gpu-bind -n "__fish_gpu_bind_using_subcommand status" -s n -l dry-run -d 'Print every change that would be made, in order, and make none'
complete -c gpu-bind -n "__fish_gpu_bind_using_subcommand status" -s v -l verbose -d 'Tell more, such as each write'
complete -c gpu-bind -n "__fish_gpu_bind_using_subcommand status" -s q -l quiet -d 'Tell only what is wrong'
complete -c gpu-bind -n "__fish_gpu_bind_using_subcommand status" -s h -l help -d 'Print help'
complete -c gpu-bind -n "__fish_gpu_bind_using_subcommand list" -l timeout -d 'Bound on the whole operation, such as 30s or 2m' -r -f
complete -c gpu-bind -n "__fish_gpu_bind_using_subcommand list" -l lock-timeout -d 'How long to wait while somebody else moves the same devices [default: 10s]' -r -f
complete -c gpu-bind -n "__fish_gpu_bind_using_subcommand list" -l root -d 'Look at a copied host tree below DIR (DIR/sys, DIR/etc/pve, ...) instead of /' -r -f -a "(__fish_complete_directories)"
complete -c gpu-bind -n "__fish_gpu_bind_using_subcommand list" -l config -d 'Configuration file [default: /etc/pve-hooks/config.toml]' -r -F
complete -c gpu-bind -n "__fish_gpu_bind_using_subcommand list" -l json -d 'Print one JSON document on stdout, and nothing else there'
complete -c gpu-bind -n "__fish_gpu_bind_using_subcommand list" -s n -l dry-run -d 'Print every change that would be made, in order, and make none'
complete -c gpu-bind -n "__fish_gpu_bind_using_subcommand list" -s v -l verbose -d 'Tell more, such as each write'
complete -c gpu-bind -n "__fish_gpu_bind_using_subcommand list" -s q -l quiet -d 'Tell only what is wrong'
complete -c gpu-bind -n "__fish_gpu_bind_using_subcommand list" -s h -l help -d 'Print help'
complete -c gpu-bind -n "__fish_gpu_bind_using_subcommand detach" -l timeout -d 'Bound on the whole operation, such as 30s or 2m' -r -f
complete -c gpu-bind -n "__fish_gpu_bind_using_subcommand detach" -l lock-timeout -d 'How long to wait while somebody else moves the same devices [default: 10s]' -r -f
complete -c gpu-bind -n "__fish_gpu_bind_using_subcommand detach" -l root -d 'Look at a copied host tree below DIR (DIR/sys, DIR/etc/pve, ...) instead of /' -r -f -a "(__fish_complete_directories)"
complete -c gpu-bind -n "__fish_gpu_bind_using_subcommand detach" -l config -d 'Configuration file [default: /etc/pve-hooks/config.toml]' -r -F
complete -c gpu-bind -n "__fish_gpu_bind_using_subcommand detach" -l force -d 'Proceed although processes of the host have it open (nothing overrides a VM that holds it)'
complete -c gpu-bind -n "__fish_gpu_bind_using_subcommand detach" -l allow-console -d 'Proceed although no other GPU stays on a host driver: the screen of the host goes dark'
complete -c gpu-bind -n "__fish_gpu_bind_using_subcommand detach" -l json -d 'Print one JSON document on stdout, and nothing else there'
complete -c gpu-bind -n "__fish_gpu_bind_using_subcommand detach" -s n -l dry-run -d 'Print every change that would be made, in order, and make none'
complete -c gpu-bind -n "__fish_gpu_bind_using_subcommand detach" -s v -l verbose -d 'Tell more, such as each write'
complete -c gpu-bind -n "__fish_gpu_bind_using_subcommand detach" -s q -l quiet -d 'Tell only what is wrong'
complete -c gpu-bind -n "__fish_gpu_bind_using_subcommand detach" -s h -l help -d 'Print help'
complete -c gpu-bind -n "__fish_gpu_bind_using_subcommand attach" -l timeout -d 'Bound on the whole operation, such as 30s or 2m' -r -f
complete -c gpu-bind -n "__fish_gpu_bind_using_subcommand attach" -l lock-timeout -d 'How long to wait while somebody else moves the same devices [default: 10s]' -r -f
complete -c gpu-bind -n "__fish_gpu_bind_using_subcommand attach" -l root -d 'Look at a copied host tree below DIR (DIR/sys, DIR/etc/pve, ...) instead of /' -r -f -a "(__fish_complete_directories)"
complete -c gpu-bind -n "__fish_gpu_bind_using_subcommand attach" -l config -d 'Configuration file [default: /etc/pve-hooks/config.toml]' -r -F
complete -c gpu-bind -n "__fish_gpu_bind_using_subcommand attach" -l force -d 'Proceed although processes of the host have it open (nothing overrides a VM that holds it)'
complete -c gpu-bind -n "__fish_gpu_bind_using_subcommand attach" -l allow-console -d 'Proceed although no other GPU stays on a host driver: the screen of the host goes dark'
complete -c gpu-bind -n "__fish_gpu_bind_using_subcommand attach" -l json -d 'Print one JSON document on stdout, and nothing else there'
complete -c gpu-bind -n "__fish_gpu_bind_using_subcommand attach" -s n -l dry-run -d 'Print every change that would be made, in order, and make none'
complete -c gpu-bind -n "__fish_gpu_bind_using_subcommand attach" -s v -l verbose -d 'Tell more, such as each write'
complete -c gpu-bind -n "__fish_gpu_bind_using_subcommand attach" -s q -l quiet -d 'Tell only what is wrong'
complete -c gpu-bind -n "__fish_gpu_bind_using_subcommand attach" -s h -l help -d 'Print help'
complete -c gpu-bind -n "__fish_gpu_bind_using_subcommand cycle" -l timeout -d 'Bound on the whole operation, such as 30s or 2m' -r -f
complete -c gpu-bind -n "__fish_gpu_bind_using_subcommand cycle" -l lock-timeout -d 'How long to wait while somebody else moves the same devices [default: 10s]' -r -f
complete -c gpu-bind -n "__fish_gpu_bind_using_subcommand cycle" -l root -d 'Look at a copied host tree below DIR (DIR/sys, DIR/etc/pve, ...) instead of /' -r -f -a "(__fish_complete_directories)"
complete -c gpu-bind -n "__fish_gpu_bind_using_subcommand cycle" -l config -d 'Configuration file [default: /etc/pve-hooks/config.toml]' -r -F
complete -c gpu-bind -n "__fish_gpu_bind_using_subcommand cycle" -l force -d 'Proceed although processes of the host have it open (nothing overrides a VM that holds it)'
complete -c gpu-bind -n "__fish_gpu_bind_using_subcommand cycle" -l allow-console -d 'Proceed although no other GPU stays on a host driver: the screen of the host goes dark'
complete -c gpu-bind -n "__fish_gpu_bind_using_subcommand cycle" -l json -d 'Print one JSON document on stdout, and nothing else there'
complete -c gpu-bind -n "__fish_gpu_bind_using_subcommand cycle" -s n -l dry-run -d 'Print every change that would be made, in order, and make none'
complete -c gpu-bind -n "__fish_gpu_bind_using_subcommand cycle" -s v -l verbose -d 'Tell more, such as each write'
complete -c gpu-bind -n "__fish_gpu_bind_using_subcommand cycle" -s q -l quiet -d 'Tell only what is wrong'
complete -c gpu-bind -n "__fish_gpu_bind_using_subcommand cycle" -s h -l help -d 'Print help'
complete -c gpu-bind -n "__fish_gpu_bind_using_subcommand reconcile" -l timeout -d 'Bound on the whole operation, such as 30s or 2m' -r -f
complete -c gpu-bind -n "__fish_gpu_bind_using_subcommand reconcile" -l lock-timeout -d 'How long to wait while somebody else moves the same devices [default: 10s]' -r -f
complete -c gpu-bind -n "__fish_gpu_bind_using_subcommand reconcile" -l root -d 'Look at a copied host tree below DIR (DIR/sys, DIR/etc/pve, ...) instead of /' -r -f -a "(__fish_complete_directories)"
complete -c gpu-bind -n "__fish_gpu_bind_using_subcommand reconcile" -l config -d 'Configuration file [default: /etc/pve-hooks/config.toml]' -r -F
complete -c gpu-bind -n "__fish_gpu_bind_using_subcommand reconcile" -l json -d 'Print one JSON document on stdout, and nothing else there'
complete -c gpu-bind -n "__fish_gpu_bind_using_subcommand reconcile" -s n -l dry-run -d 'Print every change that would be made, in order, and make none'
complete -c gpu-bind -n "__fish_gpu_bind_using_subcommand reconcile" -s v -l verbose -d 'Tell more, such as each write'
complete -c gpu-bind -n "__fish_gpu_bind_using_subcommand reconcile" -s q -l quiet -d 'Tell only what is wrong'
complete -c gpu-bind -n "__fish_gpu_bind_using_subcommand reconcile" -s h -l help -d 'Print help'
complete -c gpu-bind -n "__fish_gpu_bind_using_subcommand doctor" -l timeout -d 'Bound on the whole operation, such as 30s or 2m' -r -f
complete -c gpu-bind -n "__fish_gpu_bind_using_subcommand doctor" -l lock-timeout -d 'How long to wait while somebody else moves the same devices [default: 10s]' -r -f
complete -c gpu-bind -n "__fish_gpu_bind_using_subcommand doctor" -l root -d 'Look at a copied host tree below DIR (DIR/sys, DIR/etc/pve, ...) instead of /' -r -f -a "(__fish_complete_directories)"
complete -c gpu-bind -n "__fish_gpu_bind_using_subcommand doctor" -l config -d 'Configuration file [default: /etc/pve-hooks/config.toml]' -r -F
complete -c gpu-bind -n "__fish_gpu_bind_using_subcommand doctor" -l json -d 'Print one JSON document on stdout, and nothing else there'
complete -c gpu-bind -n "__fish_gpu_bind_using_subcommand doctor" -s n -l dry-run -d 'Print every change that would be made, in order, and make none'
complete -c gpu-bind -n "__fish_gpu_bind_using_subcommand doctor" -s v -l verbose -d 'Tell more, such as each write'
complete -c gpu-bind -n "__fish_gpu_bind_using_subcommand doctor" -s q -l quiet -d 'Tell only what is wrong'
complete -c gpu-bind -n "__fish_gpu_bind_using_subcommand doctor" -s h -l help -d 'Print help'
