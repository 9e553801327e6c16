# shellcheck shell=bash
# cluster.sh: what judges a manifest without a cluster.
: "${top:?run it by tests/snippets/run}" "${bin:?}" "${tools:?}"

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
    local server file i
    local -a files=()
    has kubectl || { lack kubectl "kubectl apply --dry-run=client" && return 0; }
    rm -f "$top/port"
    tests/snippets/discovery >"$top/port" &
    server=$!
    for ((i = 0; i < 100; i++)); do
        [[ ! -s $top/port ]] || break
        sleep 0.1
    done
    for file; do files+=(-f "$file"); done
    expect 0 kubectl --kubeconfig /dev/null --cache-dir "$top/kubectl" --server "http://127.0.0.1:$(<"$top/port")" \
        apply --dry-run=client --validate=false "${files[@]}"
    kill "$server"
}

# probe_takes FILE: every config.toml and instances.json in it is read by vm-probe, every container's arguments are taken.
probe_takes() {
    local out=$top/probe number dir code
    local -a words
    has kubernetes-validate || { lack "a parser of YAML" "what vm-probe says of its configuration" && return 0; }
    rm -rf "$out"
    mkdir "$out"
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
        args = [c["args"] for c in pod["containers"] if c["name"] == "vm-probe"]
        assert len(args) == 1, "one container vm-probe per pod"
        print(*args[0], sep="\t", file=out)
PYTHON
    for dir in "$out"/[0-9]*; do
        [[ -e $dir/instances.json ]] || echo '[]' >"$dir/instances.json"
        expect 0 "$bin/vm-probe" --config "$dir/config.toml" --source file --instances "$dir/instances.json" list
        # The arguments, on a port of its own and with a token that may be read.
        while IFS=$'\t' read -ra words; do
            install -m 600 /dev/null "$dir/token"
            echo 0123456789abcdef0123456789abcdef >"$dir/token"
            for number in "${!words[@]}"; do
                [[ ${words[number]} != 0.0.0.0:8080 ]] || words[number]=127.0.0.1:0
                [[ ${words[number]} != */token ]] || words[number]=$dir/token
                # There is no cluster and no QEMU here.
                [[ ${words[number]} != container ]] || words[number]='file'
            done
            code=0
            timeout 2 "$bin/vm-probe" --config "$dir/config.toml" --instances "$dir/instances.json" --root "$top/attached" \
                "${words[@]}" >"$dir/log" 2>&1 || code=$?
            cat "$dir/log"
            grep -q '^vm-probe: listening on \|listening on' "$dir/log" || fail "vm-probe ${words[*]} does not listen (exit $code)"
        done <"$out/args"
    done
}
