# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_coral_check_global_optspecs
    string join \n json n/dry-run v/verbose q/quiet timeout= lock-timeout= root= config= vm= port= fix skip-checks test auto-reboot debug no-guest resets= nagios metrics= notify guest h/help V/version
end

function __fish_coral_check_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_coral_check_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_coral_check_using_subcommand
    set -l cmd (__fish_coral_check_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c coral-check -n "__fish_coral_check_needs_command" -l timeout -d 'Bound on the whole operation, such as 30s or 2m' -r -f
complete -c coral-check -n "__fish_coral_check_needs_command" -l lock-timeout -d 'How long to wait while somebody else moves the same devices [default: 10s]' -r -f
complete -c coral-check -n "__fish_coral_check_needs_command" -l root -d 'Look at a copied host tree below DIR (DIR/sys, DIR/etc/pve, ...) instead of /' -r -f -a "(__fish_complete_directories)"
complete -c coral-check -n "__fish_coral_check_needs_command" -l config -d 'Configuration file [default: /etc/pve-hooks/config.toml]' -r -F
complete -c coral-check -n "__fish_coral_check_needs_command" -l vm -d 'Only what this VM is given' -r -f
complete -c coral-check -n "__fish_coral_check_needs_command" -l port -d 'Only the Coral at this bus-port, such as 2-3' -r -f
complete -c coral-check -n "__fish_coral_check_needs_command" -l resets -d 'So many resets an hour are called normal' -r -f
complete -c coral-check -n "__fish_coral_check_needs_command" -l metrics -d 'Also write a file for Prometheus (textfile collector of its node exporter)' -r -F
complete -c coral-check -n "__fish_coral_check_needs_command" -l json -d 'Print one JSON document on stdout, and nothing else there'
complete -c coral-check -n "__fish_coral_check_needs_command" -s n -l dry-run -d 'Print every change that would be made, in order, and make none'
complete -c coral-check -n "__fish_coral_check_needs_command" -s v -l verbose -d 'Tell more, such as each write'
complete -c coral-check -n "__fish_coral_check_needs_command" -s q -l quiet -d 'Tell only what is wrong'
complete -c coral-check -n "__fish_coral_check_needs_command" -l fix -d 'Cure what was found with what touches only the Coral: power, re-plug, reset, port'
complete -c coral-check -n "__fish_coral_check_needs_command" -l skip-checks -d 'Fix even where nothing was found (implies --fix)'
complete -c coral-check -n "__fish_coral_check_needs_command" -l test -d 'Print what --fix would do (the same as --fix --dry-run)'
complete -c coral-check -n "__fish_coral_check_needs_command" -l auto-reboot -d 'Reboot the VM where nothing else helped, at most 3 times an hour (implies --fix)'
complete -c coral-check -n "__fish_coral_check_needs_command" -l debug -d 'Tell everything (the same as -vv)'
complete -c coral-check -n "__fish_coral_check_needs_command" -l no-guest -d 'Do not ask the guests'
complete -c coral-check -n "__fish_coral_check_needs_command" -l nagios -d 'One line for Nagios and its kin; exit 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN'
complete -c coral-check -n "__fish_coral_check_needs_command" -l notify -d 'Also mail root when a state changes, and once a day while it is bad'
complete -c coral-check -n "__fish_coral_check_needs_command" -l guest -d 'Run inside the VM: what is visible here, and what to try; changes nothing'
complete -c coral-check -n "__fish_coral_check_needs_command" -s h -l help -d 'Print help'
complete -c coral-check -n "__fish_coral_check_needs_command" -s V -l version -d 'Print version'
complete -c coral-check -n "__fish_coral_check_needs_command" -f -a "history" -d 'What was done for Corals, oldest first'
complete -c coral-check -n "__fish_coral_check_using_subcommand history" -l timeout -d 'Bound on the whole operation, such as 30s or 2m' -r -f
complete -c coral-check -n "__fish_coral_check_using_subcommand history" -l lock-timeout -d 'How long to wait while somebody else moves the same devices [default: 10s]' -r -f
complete -c coral-check -n "__fish_coral_check_using_subcommand history" -l root -d 'Look at a copied host tree below DIR (DIR/sys, DIR/etc/pve, ...) instead of /' -r -f -a "(__fish_complete_directories)"
complete -c coral-check -n "__fish_coral_check_using_subcommand history" -l config -d 'Configuration file [default: /etc/pve-hooks/config.toml]' -r -F
complete -c coral-check -n "__fish_coral_check_using_subcommand history" -l json -d 'Print one JSON document on stdout, and nothing else there'
complete -c coral-check -n "__fish_coral_check_using_subcommand history" -s n -l dry-run -d 'Print every change that would be made, in order, and make none'
complete -c coral-check -n "__fish_coral_check_using_subcommand history" -s v -l verbose -d 'Tell more, such as each write'
complete -c coral-check -n "__fish_coral_check_using_subcommand history" -s q -l quiet -d 'Tell only what is wrong'
complete -c coral-check -n "__fish_coral_check_using_subcommand history" -s h -l help -d 'Print help'
