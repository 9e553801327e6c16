# shellcheck shell=bash
# blocks.sh: takes the command blocks of a page apart and runs them line by line; in the lab, in the field and on this machine.
# Needs base.sh.
#
# Each line has to end with 0; "# exit 3" behind it says otherwise, and "# until Ctrl-C" that it runs on while the block's other
# lines do. The block of the kind "text output" behind a command block is what those lines said, in this order, perhaps with
# more in between: blanks count as one, "…" is anything, and "pid 4711" is any pid.

DOCS=${BASH_SOURCE[0]%/*}

# commands FILE: its commands into COMMANDS, one each; a here-document and what ends with a backslash go together.
commands() {
    local line whole='' end=''
    COMMANDS=()
    while IFS= read -r line || [[ $line ]]; do
        whole+=${whole:+$'\n'}$line
        if [[ $end ]]; then
            [[ $line == "$end" ]] || continue
        elif [[ $line =~ \<\<-?[\"\']?([A-Z]+) ]]; then
            end=${BASH_REMATCH[1]}
            continue
        elif [[ $line == *\\ ]]; then
            continue
        fi
        [[ $whole =~ ^[[:space:]]*(#.*)?$ ]] || COMMANDS+=("$whole")
        whole='' end=''
    done <"$1"
    [[ ! $whole ]] || fail "${1##*/}: a command has no end: $whole"
}

# Squeezed, trimmed, and without what is never the same twice, into REPLY.
squeezed() {
    local words
    read -ra words <<<"$1"
    REPLY="${words[*]}"
    while [[ $REPLY =~ ^(.*)pid\ [0-9]+(.*)$ ]]; do REPLY="${BASH_REMATCH[1]}pid N${BASH_REMATCH[2]}"; done
}

# pattern TEXT: what matches it, into PATTERN.
pattern() {
    local text=$1 c
    for c in "\\" '*' '?' '[' '('; do text=${text//"$c"/"\\$c"}; done
    PATTERN=${text//…/*}
}

# expect_output SAMPLE OUTPUT: the lines of one file are in the other, in order.
expect_output() {
    local sample wanted line
    exec 7<"$2"
    while IFS= read -r line || [[ $line ]]; do
        squeezed "$line"
        sample=$REPLY
        [[ $sample && $sample != … ]] || continue
        pattern "$sample"
        wanted=$PATTERN
        while true; do
            IFS= read -r -u 7 line || [[ $line ]] || fail "$PAGE: nobody said '$sample'; this was said:"$'\n'"$(<"$2")"
            squeezed "$line"
            # shellcheck disable=SC2053
            [[ $REPLY != $wanted ]] || break
        done
    done <"$1"
    exec 7<&-
}

# play_block FILE: each command in a shell of its own, what they say to OUTPUT.
play_block() {
    local command want status pids=() pid
    OUTPUT=$SCRATCH/output
    : >"$OUTPUT"
    commands "$1"
    ((${#COMMANDS[@]})) || fail "$PAGE: the block ${1##*/} is empty"
    for command in "${COMMANDS[@]}"; do
        printf '$ %s\n' "$command"
        want=0
        [[ ! ${command##*$'\n'} =~ \#\ exit\ ([0-9]+) ]] || want=${BASH_REMATCH[1]}
        if [[ $command == *'# until Ctrl-C'* ]]; then
            # Emptied before: the shell in the background may not have opened it yet, and it has what the last one said.
            : >"$SCRATCH/runs"
            bash -c "exec $command" >"$SCRATCH/runs" 2>&1 </dev/null &
            pids+=($!)
            wait_for 60 grep -q 'listening on' "$SCRATCH/runs" || fail "$PAGE: '$command' does not listen: $(<"$SCRATCH/runs")"
            continue
        fi
        printf '$ %s\n' "$command" >>"$OUTPUT"
        for _ in 1 2 3; do
            status=0
            bash -c "$command" >"$SCRATCH/said" 2>&1 </dev/null || status=$?
            tee -a "$OUTPUT" <"$SCRATCH/said"
            # An emulated guest on a busy machine may not answer in time.
            [[ $status != "$want" && $(<"$SCRATCH/said") == *@(GUEST_UNKNOWN|guest_unknown)* ]] || break
        done
        ((status == want)) || fail "$PAGE: '$command' ended with $status instead of $want"
        ((++PLAYED))
    done
    for pid in "${pids[@]}"; do
        kill -TERM "$pid"
        wait "$pid" || fail "$PAGE: it ended with $? on SIGTERM: $(<"$SCRATCH/runs")"
        ((++PLAYED))
    done
}

# play PAGE PLACE: all its blocks for this place; before one with a preparation, the function prepare_PREPARATION.
play() {
    local file language place preparation start=$EPOCHREALTIME
    PAGE=$1 SCRATCH=$(mktemp -d) PLAYED=0 OUTPUT=
    mkdir "$SCRATCH/blocks"
    awk -v dir="$SCRATCH/blocks" -f "$DOCS/blocks.awk" "$DOCS/../../$PAGE"
    for file in "$SCRATCH"/blocks/*; do
        IFS=. read -r _ language place preparation <<<"${file##*/}"
        if [[ $language.$place == sh."$2" ]]; then
            [[ ! $preparation ]] || "prepare_$preparation"
            play_block "$file"
        elif [[ $language.$place == text.output ]]; then
            [[ ! $OUTPUT ]] || expect_output "$file" "$OUTPUT"
            OUTPUT=
        elif [[ $language == sh ]]; then
            OUTPUT=
        fi
    done
    rm -r "$SCRATCH"
    ((PLAYED)) || fail "$PAGE has no command for $2"
    note "$PAGE: $PLAYED commands in $(since "$start") ms"
}
