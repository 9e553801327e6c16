# shellcheck shell=bash disable=SC2034
# server.sh: the front end on an engine that measures nothing, with a token: $server is its process, $address its URL, $token
# what it asks for, $dir a directory that goes with the script. $page is the program.

cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../../.." || exit
PATH=$PATH:${HOME:-/root}/.cargo/bin:/usr/lib/rust-web/bin
target=${CARGO_TARGET_DIR:-$PWD/target}
cargo build --locked --quiet -p vm-probe --example page
page=$target/debug/examples/page

dir=$(mktemp -d)
server=
trap '[[ ! $server ]] || kill "$server" 2>/dev/null || true; rm -rf "$dir"' EXIT

# announced PATTERN FILE: the rest of the line that begins so, as soon as FILE has it. However busy this machine is: what does not
# come at all is the fault.
announced() {
    local told
    for _ in {1..600}; do
        told=$(sed -n "s/^$1//p" "$2")
        if [[ $told ]]; then
            echo "$told"
            return
        fi
        sleep 0.1
    done
    echo "nothing like '$1' within a minute; ${2##*/} has:" >&2
    cat "$2" >&2
    return 1
}

token=$(head -c 24 /dev/urandom | base64 | tr -d '/+=')
install -m 600 /dev/null "$dir/token"
printf '%s\n' "$token" >"$dir/token"
: >"$dir/log"
"$page" 127.0.0.1:0 12 "$dir/token" 2>"$dir/log" &
server=$!
address=$(announced 'listening on ' "$dir/log")
