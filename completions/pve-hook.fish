# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_pve_hook_global_optspecs
    string join \n json n/dry-run v/verbose q/quiet timeout= lock-timeout= root= config= h/help V/version
end

function __fish_pve_hook_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_pve_hook_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_pve_hook_using_subcommand
    set -l cmd (__fish_pve_hook_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c pve-hook -n "__fish_pve_hook_needs_command" -l timeout -d 'Bound on the whole operation, such as 30s or 2m' -r -f
complete -c pve-hook -n "__fish_pve_hook_needs_command" -l lock-timeout -d 'How long to wait while somebody else moves the same devices [default: 10s]' -r -f
complete -c pve-hook -n "__fish_pve_hook_needs_command" -l root -d 'Look at a copied host tree below DIR (DIR/sys, DIR/etc/pve, ...) instead of /' -r -f -a "(__fish_complete_directories)"
complete -c pve-hook -n "__fish_pve_hook_needs_command" -l config -d 'Configuration file [default: /etc/pve-hooks/config.toml]' -r -F
complete -c pve-hook -n "__fish_pve_hook_needs_command" -l json -d 'Print one JSON document on stdout, and nothing else there'
complete -c pve-hook -n "__fish_pve_hook_needs_command" -s n -l dry-run -d 'Print every change that would be made, in order, and make none'
complete -c pve-hook -n "__fish_pve_hook_needs_command" -s v -l verbose -d 'Tell more, such as each write'
complete -c pve-hook -n "__fish_pve_hook_needs_command" -s q -l quiet -d 'Tell only what is wrong'
complete -c pve-hook -n "__fish_pve_hook_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pve-hook -n "__fish_pve_hook_needs_command" -s V -l version -d 'Print version'
complete -c pve-hook -n "__fish_pve_hook_needs_command" -a "register" -d 'Make this the hookscript of VMs'
complete -c pve-hook -n "__fish_pve_hook_needs_command" -a "unregister" -d 'Take it off again'
complete -c pve-hook -n "__fish_pve_hook_needs_command" -a "check" -d 'Say for each VM whether the hook is in place and its devices can be bound (exit 1 if not)'
complete -c pve-hook -n "__fish_pve_hook_using_subcommand register" -l timeout -d 'Bound on the whole operation, such as 30s or 2m' -r -f
complete -c pve-hook -n "__fish_pve_hook_using_subcommand register" -l lock-timeout -d 'How long to wait while somebody else moves the same devices [default: 10s]' -r -f
complete -c pve-hook -n "__fish_pve_hook_using_subcommand register" -l root -d 'Look at a copied host tree below DIR (DIR/sys, DIR/etc/pve, ...) instead of /' -r -f -a "(__fish_complete_directories)"
complete -c pve-hook -n "__fish_pve_hook_using_subcommand register" -l config -d 'Configuration file [default: /etc/pve-hooks/config.toml]' -r -F
complete -c pve-hook -n "__fish_pve_hook_using_subcommand register" -l all -d 'Every VM that passes PCI or USB devices through'
complete -c pve-hook -n "__fish_pve_hook_using_subcommand register" -l chain -d 'Move an existing hookscript into hooks.d/VMID, where it runs after this one'
complete -c pve-hook -n "__fish_pve_hook_using_subcommand register" -l replace -d 'Replace an existing hookscript'
complete -c pve-hook -n "__fish_pve_hook_using_subcommand register" -l json -d 'Print one JSON document on stdout, and nothing else there'
complete -c pve-hook -n "__fish_pve_hook_using_subcommand register" -s n -l dry-run -d 'Print every change that would be made, in order, and make none'
complete -c pve-hook -n "__fish_pve_hook_using_subcommand register" -s v -l verbose -d 'Tell more, such as each write'
complete -c pve-hook -n "__fish_pve_hook_using_subcommand register" -s q -l quiet -d 'Tell only what is wrong'
complete -c pve-hook -n "__fish_pve_hook_using_subcommand register" -s h -l help -d 'Print help'
complete -c pve-hook -n "__fish_pve_hook_using_subcommand unregister" -l timeout -d 'Bound on the whole operation, such as 30s or 2m' -r -f
complete -c pve-hook -n "__fish_pve_hook_using_subcommand unregister" -l lock-timeout -d 'How long to wait while somebody else moves the same devices [default: 10s]' -r -f
complete -c pve-hook -n "__fish_pve_hook_using_subcommand unregister" -l root -d 'Look at a copied host tree below DIR (DIR/sys, DIR/etc/pve, ...) instead of /' -r -f -a "(__fish_complete_directories)"
complete -c pve-hook -n "__fish_pve_hook_using_subcommand unregister" -l config -d 'Configuration file [default: /etc/pve-hooks/config.toml]' -r -F
complete -c pve-hook -n "__fish_pve_hook_using_subcommand unregister" -l all -d 'Every VM that passes PCI or USB devices through'
complete -c pve-hook -n "__fish_pve_hook_using_subcommand unregister" -l json -d 'Print one JSON document on stdout, and nothing else there'
complete -c pve-hook -n "__fish_pve_hook_using_subcommand unregister" -s n -l dry-run -d 'Print every change that would be made, in order, and make none'
complete -c pve-hook -n "__fish_pve_hook_using_subcommand unregister" -s v -l verbose -d 'Tell more, such as each write'
complete -c pve-hook -n "__fish_pve_hook_using_subcommand unregister" -s q -l quiet -d 'Tell only what is wrong'
complete -c pve-hook -n "__fish_pve_hook_using_subcommand unregister" -s h -l help -d 'Print help'
complete -c pve-hook -n "__fish_pve_hook_using_subcommand check" -l timeout -d 'Bound on the whole operation, such as 30s or 2m' -r -f
complete -c pve-hook -n "__fish_pve_hook_using_subcommand check" -l lock-timeout -d 'How long to wait while somebody else moves the same devices [default: 10s]' -r -f
complete -c pve-hook -n "__fish_pve_hook_using_subcommand check" -l root -d 'Look at a copied host tree below DIR (DIR/sys, DIR/etc/pve, ...) instead of /' -r -f -a "(__fish_complete_directories)"
complete -c pve-hook -n "__fish_pve_hook_using_subcommand check" -l config -d 'Configuration file [default: /etc/pve-hooks/config.toml]' -r -F
complete -c pve-hook -n "__fish_pve_hook_using_subcommand check" -l json -d 'Print one JSON document on stdout, and nothing else there'
complete -c pve-hook -n "__fish_pve_hook_using_subcommand check" -s n -l dry-run -d 'Print every change that would be made, in order, and make none'
complete -c pve-hook -n "__fish_pve_hook_using_subcommand check" -s v -l verbose -d 'Tell more, such as each write'
complete -c pve-hook -n "__fish_pve_hook_using_subcommand check" -s q -l quiet -d 'Tell only what is wrong'
complete -c pve-hook -n "__fish_pve_hook_using_subcommand check" -s h -l help -d 'Print help'
