complete -c coral-check -f
complete -c coral-check -n "not __fish_seen_subcommand_from history" -l timeout -d 'Bound on the whole operation, such as 30s or 2m' -r -f
complete -c coral-check -n "not __fish_seen_subcommand_from history" -l lock-timeout -d 'How long to wait while somebody else moves the same devices [default: 10s]' -r -f
complete -c coral-check -n "not __fish_seen_subcommand_from history" -l root -d 'Look at a copied host tree below DIR (DIR/sys, DIR/etc/pve, ...) instead of /' -r -f -a "(__fish_complete_directories)"
complete -c coral-check -n "not __fish_seen_subcommand_from history" -l config -d 'Configuration file [default: /etc/pve-hooks/config.toml]' -r -F
complete -c coral-check -n "not __fish_seen_subcommand_from history" -l vm -d 'Only what this VM is given' -r -f
complete -c coral-check -n "not __fish_seen_subcommand_from history" -l port -d 'Only the Coral at this bus-port, such as 2-3' -r -f
complete -c coral-check -n "not __fish_seen_subcommand_from history" -l resets -d 'So many resets an hour are called normal' -r -f
complete -c coral-check -n "not __fish_seen_subcommand_from history" -l metrics -d 'Also write a file for Prometheus (textfile collector of its node exporter)' -r -F
complete -c coral-check -n "not __fish_seen_subcommand_from history" -l json -d 'Print one JSON document on stdout, and nothing else there'
complete -c coral-check -n "not __fish_seen_subcommand_from history" -s n -l dry-run -d 'Print every change that would be made, in order, and make none'
complete -c coral-check -n "not __fish_seen_subcommand_from history" -s v -l verbose -d 'Tell more, such as each write'
complete -c coral-check -n "not __fish_seen_subcommand_from history" -s q -l quiet -d 'Tell only what is wrong'
complete -c coral-check -n "not __fish_seen_subcommand_from history" -l fix -d 'Cure what was found with what touches only the Coral: power, re-plug, reset, port'
complete -c coral-check -n "not __fish_seen_subcommand_from history" -l skip-checks -d 'Fix even where nothing was found (implies --fix)'
complete -c coral-check -n "not __fish_seen_subcommand_from history" -l test -d 'Print what --fix would do (the same as --fix --dry-run)'
complete -c coral-check -n "not __fish_seen_subcommand_from history" -l auto-reboot -d 'Reboot the VM where nothing else helped, at most 3 times an hour (implies --fix)'
complete -c coral-check -n "not __fish_seen_subcommand_from history" -l debug -d 'Tell everything (the same as -vv)'
complete -c coral-check -n "not __fish_seen_subcommand_from history" -l no-guest -d 'Do not ask the guests'
complete -c coral-check -n "not __fish_seen_subcommand_from history" -l nagios -d 'One line for Nagios and its kin; exit 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN'
complete -c coral-check -n "not __fish_seen_subcommand_from history" -l notify -d 'Also mail root when a state changes, and once a day while it is bad'
complete -c coral-check -n "not __fish_seen_subcommand_from history" -l guest -d 'Run inside the VM: what is visible here, and what to try; changes nothing'
complete -c coral-check -n "not __fish_seen_subcommand_from history" -s h -l help -d 'Print help'
complete -c coral-check -n "not __fish_seen_subcommand_from history" -s V -l version -d 'Print version'
complete -c coral-check -n "not __fish_seen_subcommand_from history" -f -a "history" -d 'What was done for Corals, oldest first'
complete -c coral-check -n "__fish_seen_subcommand_from history" -l timeout -d 'Bound on the whole operation, such as 30s or 2m' -r -f
complete -c coral-check -n "__fish_seen_subcommand_from history" -l lock-timeout -d 'How long to wait while somebody else moves the same devices [default: 10s]' -r -f
complete -c coral-check -n "__fish_seen_subcommand_from history" -l root -d 'Look at a copied host tree below DIR (DIR/sys, DIR/etc/pve, ...) instead of /' -r -f -a "(__fish_complete_directories)"
complete -c coral-check -n "__fish_seen_subcommand_from history" -l config -d 'Configuration file [default: /etc/pve-hooks/config.toml]' -r -F
complete -c coral-check -n "__fish_seen_subcommand_from history" -l json -d 'Print one JSON document on stdout, and nothing else there'
complete -c coral-check -n "__fish_seen_subcommand_from history" -s n -l dry-run -d 'Print every change that would be made, in order, and make none'
complete -c coral-check -n "__fish_seen_subcommand_from history" -s v -l verbose -d 'Tell more, such as each write'
complete -c coral-check -n "__fish_seen_subcommand_from history" -s q -l quiet -d 'Tell only what is wrong'
complete -c coral-check -n "__fish_seen_subcommand_from history" -s h -l help -d 'Print help'
