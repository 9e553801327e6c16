_coral__check() {
    local i cur prev opts cmd
    COMPREPLY=()
    if [[ "${BASH_VERSINFO[0]}" -ge 4 ]]; then
        cur="$2"
    else
        cur="${COMP_WORDS[COMP_CWORD]}"
    fi
    prev="$3"
    cmd=""
    opts=""

    for i in "${COMP_WORDS[@]:0:COMP_CWORD}"
    do
        case "${cmd},${i}" in
            ",$1")
                cmd="coral__check"
                ;;
            coral__check,history)
                cmd="coral__check__subcmd__history"
                ;;
            *)
                ;;
        esac
    done

    case "${cmd}" in
        coral__check)
            opts="-n -v -q -h -V --json --dry-run --verbose --quiet --timeout --lock-timeout --root --config --vm --port --fix --skip-checks --test --auto-reboot --debug --no-guest --resets --nagios --metrics --notify --guest --help --version history"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 1 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --timeout)
                    COMPREPLY=("${cur}")
                    if [[ "${BASH_VERSINFO[0]}" -ge 4 ]]; then
                        compopt -o nospace
                    fi
                    return 0
                    ;;
                --lock-timeout)
                    COMPREPLY=("${cur}")
                    if [[ "${BASH_VERSINFO[0]}" -ge 4 ]]; then
                        compopt -o nospace
                    fi
                    return 0
                    ;;
                --root)
                    COMPREPLY=()
                    if [[ "${BASH_VERSINFO[0]}" -ge 4 ]]; then
                        compopt -o plusdirs
                    fi
                    return 0
                    ;;
                --config)
                    local oldifs
                    if [ -n "${IFS+x}" ]; then
                        oldifs="$IFS"
                    fi
                    IFS=$'\n'
                    COMPREPLY=($(compgen -f "${cur}"))
                    if [ -n "${oldifs+x}" ]; then
                        IFS="$oldifs"
                    fi
                    if [[ "${BASH_VERSINFO[0]}" -ge 4 ]]; then
                        compopt -o filenames
                    fi
                    return 0
                    ;;
                --vm)
                    COMPREPLY=("${cur}")
                    if [[ "${BASH_VERSINFO[0]}" -ge 4 ]]; then
                        compopt -o nospace
                    fi
                    return 0
                    ;;
                --port)
                    COMPREPLY=("${cur}")
                    if [[ "${BASH_VERSINFO[0]}" -ge 4 ]]; then
                        compopt -o nospace
                    fi
                    return 0
                    ;;
                --resets)
                    COMPREPLY=("${cur}")
                    if [[ "${BASH_VERSINFO[0]}" -ge 4 ]]; then
                        compopt -o nospace
                    fi
                    return 0
                    ;;
                --metrics)
                    local oldifs
                    if [ -n "${IFS+x}" ]; then
                        oldifs="$IFS"
                    fi
                    IFS=$'\n'
                    COMPREPLY=($(compgen -f "${cur}"))
                    if [ -n "${oldifs+x}" ]; then
                        IFS="$oldifs"
                    fi
                    if [[ "${BASH_VERSINFO[0]}" -ge 4 ]]; then
                        compopt -o filenames
                    fi
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        coral__check__subcmd__history)
            opts="-n -v -q -h --json --dry-run --verbose --quiet --timeout --lock-timeout --root --config --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 2 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --timeout)
                    COMPREPLY=("${cur}")
                    if [[ "${BASH_VERSINFO[0]}" -ge 4 ]]; then
                        compopt -o nospace
                    fi
                    return 0
                    ;;
                --lock-timeout)
                    COMPREPLY=("${cur}")
                    if [[ "${BASH_VERSINFO[0]}" -ge 4 ]]; then
                        compopt -o nospace
                    fi
                    return 0
                    ;;
                --root)
                    COMPREPLY=()
                    if [[ "${BASH_VERSINFO[0]}" -ge 4 ]]; then
                        compopt -o plusdirs
                    fi
                    return 0
                    ;;
                --config)
                    local oldifs
                    if [ -n "${IFS+x}" ]; then
                        oldifs="$IFS"
                    fi
                    IFS=$'\n'
                    COMPREPLY=($(compgen -f "${cur}"))
                    if [ -n "${oldifs+x}" ]; then
                        IFS="$oldifs"
                    fi
                    if [[ "${BASH_VERSINFO[0]}" -ge 4 ]]; then
                        compopt -o filenames
                    fi
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
    esac
}

if [[ "${BASH_VERSINFO[0]}" -eq 4 && "${BASH_VERSINFO[1]}" -ge 4 || "${BASH_VERSINFO[0]}" -gt 4 ]]; then
    complete -F _coral__check_tab -o nosort -o bashdefault -o default coral-check
else
    complete -F _coral__check_tab -o bashdefault -o default coral-check
fi

# Tab calls this one. What clap made knows options, verbs and words that are always the same; what is on this machine right now
# is looked up. No program is started for it, and nothing that a file says is expanded or run.
_coral__check_tab() {
    local - IFS=$' \t\n'
    set +u
    set -f
    local line=${COMP_LINE:0:COMP_POINT} verb='' kept='' at=0 i
    # Addresses and ids have colons, where bash breaks words; so these are the words that a person sees.
    local -a COMP_WORDS=($line)
    [[ "$line" != *[[:space:]] ]] || COMP_WORDS+=('')
    local COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    COMP_WORDS[0]=$1
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
    if [[ "$cur" == --*=* && "$COMP_WORDBREAKS" == *=* ]]; then
        prev=${cur%%=*} cur=${cur#*=}
    fi
    # What stands before the last colon stays; bash only replaces what comes after it.
    [[ "$COMP_WORDBREAKS" != *:* ]] || kept=${cur%"${cur##*:}"}

    for ((i = 1; i < COMP_CWORD; i++)); do
        case "$verb,$at,${COMP_WORDS[i]}" in
            *,--timeout | *,--lock-timeout | *,--root | *,--config | *,--vm | *,--port | *,--resets | *,--metrics) ((i += 1)) ;;
            *,-*) ;;
            ,0,history) verb=${COMP_WORDS[i]} ;;
            *) ((at += 1)) ;;
        esac
    done

    COMPREPLY=()
    case "$prev $verb,$at,$cur" in
        '--vm '*) _pve_hooks_vms ;;
        '--port '*) _pve_hooks_corals ;;
        '--timeout '* | '--lock-timeout '* | '--root '* | '--config '* | '--resets '* | '--metrics '* | *,-*) _coral__check "$1" "$cur" "$prev"; return ;;
        *) _coral__check "$1" "$cur" "$prev"; return ;;
    esac
    # None of these is a file, but for /dev/bus/usb/003/002.
    [[ "$cur" == /* ]] || compopt +o default +o bashdefault
}

# What is on this machine right now. No program is started for it, and nothing that a file says is expanded or run.

# Virtual machines of this node: 111; with the name of a key, those that have it: vm:111.
_pve_hooks_vms() {
    local file vm line
    local -a lines
    for file in $(_pve_hooks_files '/etc/pve/qemu-server/*.conf'); do
        vm=${file##*/} vm=${vm%.conf}
        [[ "$vm" != *[!0-9]* ]] || continue
        if [[ -z "$1" ]]; then
            _pve_hooks_offer "$vm"
            continue
        fi
        lines=()
        { mapfile -t lines <"$file"; } 2>/dev/null
        for line in "${lines[@]}"; do
            # Snapshots follow.
            [[ "$line" != \[* ]] || break
            [[ "$line" == "$1"[0-9]*:* ]] || continue
            _pve_hooks_offer "vm:$vm"
            break
        done
    done
}

_pve_hooks_corals() {
    _pve_hooks_devices 1a6e:089a 18d1:9302
}

# USB devices by port and by id; with ids, the ports of these. Root hubs have another form of name, interfaces have a colon.
_pve_hooks_devices() {
    local dir port vendor product id seen=' '
    for dir in $(_pve_hooks_files '/sys/bus/usb/devices/*-*'); do
        port=${dir##*/} vendor='' product=''
        { read -r vendor <"$dir/idVendor" && read -r product <"$dir/idProduct"; } 2>/dev/null
        id=$vendor:$product
        [[ "$port" != *[!0-9.-]* && ${#id} -eq 9 && "$id" != *[!0-9a-f:]* ]] || continue
        [[ $# -eq 0 || " $* " == *" $id "* ]] || continue
        _pve_hooks_offer "$port"
        [[ $# -eq 0 && "$seen" != *" $id "* ]] || continue
        seen+="$id "
        _pve_hooks_offer "$id"
    done
}

# In order, and whatever the person's own shell says about patterns that match nothing.
_pve_hooks_files() (
    set +f
    shopt -u failglob
    shopt -s nullglob
    printf '%s\n' $1
)

_pve_hooks_offer() {
    local word
    for word; do
        [[ "$word" != "$cur"* ]] || COMPREPLY+=("${word#"$kept"}")
    done
}
