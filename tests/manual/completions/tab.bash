# Tab calls this one. What clap made knows options, verbs and words that are always the same; what is on this machine right now
# is looked up. No program is started for it, and nothing that a file says is expanded or run.
@clap@_tab() {
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
            @valued@) ((i += 1)) ;;
            *,-*) ;;
            @verbs@) verb=${COMP_WORDS[i]} ;;
            *) ((at += 1)) ;;
        esac
    done

    COMPREPLY=()
    case "$prev $verb,$at,$cur" in
@cases@
        *) @clap@ "$1" "$cur" "$prev"; return ;;
    esac
    # None of these is a file, but for /dev/bus/usb/003/002.
    [[ "$cur" == /* ]] || compopt +o default +o bashdefault
}
