# shellcheck shell=bash
# cluster.sh: what judges a manifest without a cluster.
: "${top:?run it by tests/snippets/run}" "${bin:?}" "${tools:?}"

# What is started here ends with the part, also when that fails.
server=
trap '[[ ! $server ]] || kill "$server" 2>/dev/null || true' EXIT

missing=()
# lack TOOL WHAT: one check less; told at the end.
lack() { missing+=("$2: $1 is not to be had"); }
told() { ((${#missing[@]} == 0)) || printf 'SKIPPED: %s\n' "${missing[@]}"; }

# valid FILE...: strictly by the schemas of two versions. A ServiceMonitor has none there.
valid() {
    local version
    has kubernetes-validate || { lack kubernetes-validate "schemas" && return 0; }
    for version in 1.25 1.37; do
        expect 0 kubernetes-validate --strict --kubernetes-version "$version" "$@"
    done
}

# dry_run FILE...: kubectl decodes each object and finds its kind. What a real server would say against it is not asked.
dry_run() {
    local file i
    local -a files=()
    has kubectl || { lack kubectl "kubectl apply --dry-run=client" && return 0; }
    rm -f "$top/port"
    tests/snippets/discovery >"$top/port" &
    server=$!
    for ((i = 0; i < 600; i++)); do
        [[ ! -s $top/port && $(jobs -pr) ]] || break
        sleep 0.1
    done
    [[ -s $top/port ]] || fail "the stand-in for the API does not start"
    for file; do files+=(-f "$file"); done
    expect 0 kubectl --kubeconfig /dev/null --cache-dir "$top/kubectl" --server "http://127.0.0.1:$(<"$top/port")" \
        apply --dry-run=client --validate=false "${files[@]}"
    kill "$server"
    server=
}

# probe_takes FILE: vm-probe reads every config.toml and instances.json in it, and serves with the arguments of every
# container, as the user of that container, without any capability.
probe_takes() {
    local out=$top/probe dir number uid
    local -a words
    [[ -x $tools/python/bin/kubernetes-validate ]] || { lack "a parser of YAML" "what vm-probe says of it" && return 0; }
    rm -rf "$out"
    mkdir "$out"
    chmod 711 "$top/.." "$top" "$out"
    install -m 755 "$bin/vm-probe" "$out/vm-probe"
    "$tools/python/bin/python" - "$1" "$out" <<'PYTHON'
import os, sys, yaml
with open(sys.argv[1]) as file:
    objects = [o for o in yaml.safe_load_all(file) if o]
for number, o in enumerate(o for o in objects if o["kind"] == "ConfigMap"):
    os.mkdir(f"{sys.argv[2]}/{number}")
    for name, text in o["data"].items():
        with open(f"{sys.argv[2]}/{number}/{name}", "w") as out:
            out.write(text)
pods = [o["spec"]["template"]["spec"] for o in objects if o["kind"] in ("Deployment", "StatefulSet")]
with open(f"{sys.argv[2]}/args", "w") as out:
    for pod in pods:
        [own] = [c for c in pod["containers"] if c["name"] == "vm-probe"]
        user = {**pod.get("securityContext", {}), **own["securityContext"]}["runAsUser"]
        print(user, *own["args"], sep="\t", file=out)
PYTHON
    [[ -s $out/args ]] || fail "$1 has no container vm-probe"
    for dir in "$out"/[0-9]*; do
        [[ -e $dir/instances.json ]] || echo '[]' >"$dir/instances.json"
        while IFS=$'\t' read -ra words; do
            uid=${words[0]} words=("${words[@]:1}")
            for number in "${!words[@]}"; do
                case ${words[number]} in
                    0.0.0.0:8080) words[number]=127.0.0.1:0 ;;
                    */token) words[number]=$dir/token ;;
                    # There is no QEMU here.
                    container) words[number]='file' ;;
                esac
            done
            serves "$uid" "$dir" "${words[@]}"
        done <"$out/args"
    done
}

# serves UID DIR ARGUMENT...
serves() {
    local uid=$1 dir=$2 host address='' i
    shift 2
    echo 0123456789abcdef0123456789abcdef >"$dir/token"
    chmod 600 "$dir/token"
    mkdir -p "$dir/root/run/pve-hooks" "$dir/root/var/lib/pve-hooks"
    chown -R "$uid:$uid" "$dir/token" "$dir/root"
    : >"$dir/log"
    # A tree of its own: this machine is no pod.
    setpriv --reuid="$uid" --regid="$uid" --clear-groups --bounding-set=-all --no-new-privs -- \
        "$top/probe/vm-probe" --config "$dir/config.toml" --instances "$dir/instances.json" --root "$dir/root" "$@" \
        2>"$dir/log" &
    server=$!
    for ((i = 0; i < 600; i++)); do
        address=$(sed -n 's/^vm-probe: listening on //p' "$dir/log")
        [[ -z $address && $(jobs -pr) ]] || break
        sleep 0.1
    done
    printf '$ vm-probe %s   (user %s)\n%s\n' "$*" "$uid" "$(<"$dir/log")"
    [[ $address ]] || fail "vm-probe $* does not listen"
    expect 0 curl -fsS -m 30 "$address/livez"
    expect 0 curl -fsS -m 30 "$address/metrics"
    # By the name of the service, and by no other.
    host=$(sed -n 's/^hosts = \["[^"]*", *"\([^"]*\)".*/\1/p' "$dir/config.toml")
    if [[ $host ]]; then
        expect 0 curl -fsS -m 30 -H "Host: $host:8080" "$address/livez"
        expect 22 curl -fsS -m 30 -H "Host: $host.example.org" "$address/livez"
        expect_text "421"
    fi
    kill "$server"
    wait "$server" || fail "vm-probe $* ended with $?"
    server=
}
