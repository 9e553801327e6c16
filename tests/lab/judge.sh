# shellcheck shell=bash
# judge.sh: runs scenarios one after the other and reports to fd 3, in the lab and in the field. The place brings three
# functions: quiet (before each), complaints (what the place itself has to say against it) and reset_ground.

set -m

# What is said of one scenario comes at once: others may report to the same place.
REPORT=
report() { REPORT+="$*"$'\n'; }
report_file() {
    local line
    while IFS= read -r line || [[ $line ]]; do report "        $1 $line"; done
}
tell() {
    printf '%s' "$REPORT" >&3
    REPORT=
}

# One scenario in a process group of its own, so that nothing of it outlives it.
run_scenario() {
    local file=$1 limit leader left status=0
    limit=$(sed -n 's/^# timeout: \([0-9]*\)$/\1/p' "$file")
    limit=$((${limit:-60} * PATIENCE))
    left=$((limit * 10))
    (
        set -euEo pipefail
        trap 'printf "FAILED: line %s: %s\n" "$LINENO" "$BASH_COMMAND" >&2' ERR
        exec 3>&- 5<&-
        # shellcheck disable=SC1090
        . "$file"
    ) >/run/lab/scenario.out 2>&1 </dev/null &
    leader=$!
    while alive $leader && ((left-- > 0)); do nap 0.1; done
    if ((left < 0)); then
        printf 'FAILED: no end after %d s; processes:\n' "$limit" >>/run/lab/scenario.out
        ps --ppid 2 -p 2 -N -o pid,stat,wchan:24,args | cut -c1-110 >>/run/lab/scenario.out
        status=124
    fi
    kill -KILL -- -$leader 2>/dev/null
    ((status)) || wait $leader 2>/dev/null || status=$?
    return $status
}

# judge DIR NAME...: fails where the ground cannot be brought back; the scenarios behind that do not run.
judge() {
    local dir=$1 name start status took ground against
    shift
    for name; do
        : >/run/lab/notes
        quiet
        start=$EPOCHREALTIME
        run_scenario "$dir/$name.sh"
        status=$?
        took=$(since "$start")
        ground=$(reset_ground 2>&1) || status=125
        against=$(complaints)
        [[ -z $against ]] || status=126
        took=$(printf '%d.%d' $((took / 1000)) $((took % 1000 / 100)))
        if ((status == 0)); then
            report "  pass  $(printf '%-28s %6s s' "$name" "$took")"
            report_file - </run/lab/notes
            tell
            continue
        fi
        report "  FAIL  $(printf '%-28s %6s s' "$name" "$took")"
        # First why: whoever keeps a part of a log keeps this with it.
        report_file '!' < <(grep -a '^FAILED: ' /run/lab/scenario.out | head -2 | cut -c1-600)
        report_file '|' < <(tail -40 /run/lab/scenario.out | cut -c1-600)
        [[ -z $against ]] || report_file '| kernel:' <<<"$against"
        if ((status == 125)); then
            report "        | the ground state could not be restored:"
            report_file '|' <<<"$ground"
            report "        | the scenarios after this one do not run"
        fi
        tell
        ((status != 125)) || return 1
    done
}
