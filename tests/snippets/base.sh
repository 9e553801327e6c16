# shellcheck shell=bash
# base.sh: what the parts are written with. run gives them $top (a directory of their own, with the trees) and $bin.
set -euo pipefail
: "${top:?run it by tests/snippets/run}" "${bin:?}"

fail() {
    printf 'FAILED: %s\n' "$*" >&2
    exit 1
}
# skip WHY: the whole part.
skip() {
    printf 'SKIPPED: %s\n' "$*" >&2
    exit 77
}
has() { command -v "$1" >/dev/null; }

# expect CODE COMMAND...: its output, both streams, is in $OUT.
expect() {
    local want=$1 status=0
    shift
    OUT=$("$@" 2>&1 </dev/null) || status=$?
    printf '$ %s\n%s\n[exit %d]\n' "$*" "$OUT" "$status"
    ((status == want)) || fail "'$*' ended with $status instead of $want"
}
expect_text() { [[ $OUT == *"$1"* ]] || fail "the output does not say '$1'"; }
