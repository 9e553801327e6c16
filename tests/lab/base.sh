# shellcheck shell=bash
# base.sh: what every scenario is written with, in the lab and in the field. Everything fails loudly: a scenario ends at the
# first surprise.

# --- time, files, processes; builtins instead of programs where possible

# A sleep without a process.
exec {NAP_FD}<> <(:)
nap() { read -rt "${1:-0.1}" -u "$NAP_FD" || true; }

# Seconds with fraction since boot.
now() { printf '%s' "$EPOCHREALTIME"; }

# since START: whole milliseconds since a value of now().
since() {
    local t=$EPOCHREALTIME
    printf '%d' $(((${t/./} - ${1/./}) / 1000))
}

# read_attr FILE: its first line into REPLY, or "-" when there is none. Without a process.
read_attr() {
    REPLY=-
    { read -r REPLY <"$1"; } 2>/dev/null || [[ $REPLY ]] || REPLY=-
}
attr() {
    read_attr "$1"
    printf '%s' "$REPLY"
}

# What is given as the most that something may take is that often as long where the machine is emulated: in the lab. It is there
# to end what hangs, so it may be generous.
PATIENCE=${PATIENCE:-1}

# wait_for SECONDS COMMAND...: until it succeeds.
wait_for() {
    local left=$(($1 * 20 * PATIENCE))
    shift
    until "$@"; do
        ((left-- > 0)) || return 1
        nap 0.05
    done
}

# alive PID: PID 1 does not reap strangers here, so a zombie counts as dead; not before its last thread, which has what it had open.
alive() {
    local stat threads
    { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
    stat=${stat##*) } threads=(/proc/"$1"/task/*)
    [[ ${stat%% *} != [ZX] ]] || ((${#threads[@]} > 1))
}
dead() { ! alive "$1"; }

# read_processes PATTERN...: the living processes whose name matches one of them, into REPLY.
read_processes() {
    local p name pattern found=''
    for p in /proc/[0-9]*; do
        { read -r name <"$p/comm"; } 2>/dev/null || continue
        for pattern; do
            # shellcheck disable=SC2053
            [[ $name == $pattern ]] && alive "${p##*/}" && found+="${p##*/} "
        done
    done
    REPLY=$found
}
nothing_runs() {
    read_processes "$@"
    [[ -z $REPLY ]]
}

# --- QEMU's monitor

# inner_qmp VMID JSON...: commands to its QEMU; prints the answers and the events between them.
inner_qmp() { /usr/lib/lab/qmp ask "/run/qemu-server/$1.qmp" "${@:2}"; }

# monitor_hold VMID: somebody else keeps the only connection there is; monitor_release ends that.
monitor_hold() {
    : >/run/lab/monitor
    /usr/lib/lab/qmp hold "/run/qemu-server/$1.qmp" >/run/lab/monitor &
    MONITOR_HOLDER=$!
    wait_for 60 test -s /run/lab/monitor
}
monitor_release() { kill "$MONITOR_HOLDER" && wait_for 60 dead "$MONITOR_HOLDER"; }

# --- saying what happened

fail() {
    local i
    printf 'FAILED: %s\n' "$*" >&2
    for ((i = 1; i < ${#BASH_SOURCE[@]}; i++)); do
        [[ ${BASH_SOURCE[i]} != */scenarios/* ]] || printf '  at %s line %s\n' "${BASH_SOURCE[i]##*/}" "${BASH_LINENO[i - 1]}" >&2
    done
    exit 1
}

# A line for the report of a scenario that passes.
note() { printf '%s\n' "$*" >>/run/lab/notes; }

# --- running programs

# run COMMAND...: sets STATUS, OUT (stdout), ERR (stderr), ALL (both) and TOOK (milliseconds).
run() {
    local start=$EPOCHREALTIME
    STATUS=0
    "$@" >/run/lab/out.1 2>/run/lab/out.2 </dev/null || STATUS=$?
    TOOK=$(since "$start")
    OUT=$(</run/lab/out.1)
    ERR=$(</run/lab/out.2)
    ALL=$OUT$'\n'$ERR
    printf '$ %s\n%s\n[exit %d, %d ms]\n' "$*" "$(shown)" "$STATUS" "$TOOK"
}
# What of it goes to the report of a scenario that fails.
shown() { printf '%s' "$ALL"; }

# expect_exit CODE COMMAND...: CODE may be a list such as "0|3".
expect_exit() {
    local want=$1
    shift
    run "$@"
    [[ "|$want|" == *"|$STATUS|"* ]] || fail "'$*' ended with $STATUS instead of $want"
}

# expect_exit_within SECONDS CODE COMMAND...
expect_exit_within() {
    local limit=$(($1 * PATIENCE))
    shift
    expect_exit "$@"
    ((TOOK <= limit * 1000)) || fail "'${*:2}' took $TOOK ms, allowed are $limit s"
}

# said PATTERN: a line of what the last command said matches the extended regular expression.
said() {
    local line
    while read -r line; do
        [[ ! $line =~ $1 ]] || return 0
    done <<<"$ALL"
    return 1
}
expect_text() {
    local pattern
    for pattern; do said "$pattern" || fail "nothing like '$pattern' in the output"; done
}
expect_no_text() {
    local pattern
    for pattern; do ! said "$pattern" || fail "'$pattern' in the output"; done
}

# json FILTER: of the last command's stdout.
json() { jq -r "$1" </run/lab/out.1 || fail "stdout is not the JSON it should be"; }

# expect_json FILTER VALUE
expect_json() {
    local got
    got=$(json "$1")
    [[ $got == "$2" ]] || fail "$1 is '$got' instead of '$2'"
}
