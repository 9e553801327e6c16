# timeout: 720
# The daemon: what it says follows what happens, events come as they happen, and nothing changes without the token.
settings '[probe]' 'fast = "1s"' 'deep = "2s"' 'discovery = "2s"'
up 101 102 103
url=http://127.0.0.1:8080
printf 'sesame-sesame-sesame-sesame\n' >/etc/pve-hooks/token
chmod 600 /etc/pve-hooks/token
vm-probe serve --token-file /etc/pve-hooks/token >/run/lab/log/serve 2>&1 &
daemon=$!
wait_for 20 curl -sf -o /dev/null $url/livez || fail "it does not listen: $(</run/lab/log/serve)"
wait_for 20 curl -sf -o /dev/null $url/readyz || fail "it does not get ready: $(</run/lab/log/serve)"

get() { # PATH FILTER VALUE
    expect_exit 0 curl -sS -m 20 "$url$1"
    expect_json "$2" "$3"
}
# says PATH FILTER VALUE, by now
says() { [[ $(curl -sS -m 20 "$url$1" | jq -r "$2") == "$3" ]]; }
deep() { says "/api/quality/deep-health/$1" "$2" "$3"; }
wait_for 60 says /api/quality/deep-health 'map_values(.overallStatus) | [.["101", "102", "103"]] | join(" ")' "healthy healthy healthy" ||
    fail "not all are well: $(curl -sS $url/api/quality/deep-health)"
get /api/instances 'map(.id) | sort | join(" ")' "101 102 103"
get /api/quality/recovery-status '.["101"] | [.attempts, .maxAttempts] | join(" ")' "0 3"
expect_exit 0 curl -sS -m 20 -o /dev/null -w '%{http_code}' $url/api/quality/deep-health/999
[[ $OUT == 404 ]] || fail "999 is there: $OUT"
expect_exit 0 curl -sS -m 20 $url/metrics
expect_text '^vm_probe_'

curl -sSN -m 120 $url/api/events >/run/lab/log/events &
# The first words come when it listens; what was before is not among them.
wait_for 30 test -s /run/lab/log/events || fail "no stream of events: $(</run/lab/log/serve)"
told() { grep -q '"kind":"status","id":"102".*unhealthy' /run/lab/log/events; }
if told; then fail "102 is called ill before it is: $(</run/lab/log/events)"; fi
kill -KILL "$(vm_pid 102)"
start=$EPOCHREALTIME
wait_for 60 told || fail "no event: $(</run/lab/log/events)"
took=$(since "$start")
((took <= 15000)) || fail "the event took $took ms"
busy=
((took <= 5000)) || busy=", which is more than 5 s: this machine is busy"
note "a killed VM is told after $took ms$busy"
wait_for 60 deep 102 .overallStatus unhealthy || fail "102 is not told: $(curl -sS $url/api/quality/deep-health/102)"
wait_for 60 deep 102 .failureType qemu || fail "102 is not of class qemu: $(curl -sS $url/api/quality/deep-health/102 | jq -c "[.failureType, .errors]")"
wait_for 30 deep 101 .overallStatus healthy || fail "101 suffers as well"

ip link set tap103i0 down
wait_for 60 deep 103 .failureType network || fail "103 is not told"
post() { # CODE ARGUMENT...
    expect_exit 0 curl -sS -m 20 -o /run/lab/log/answer -w '%{http_code}' -X POST -H 'Content-Type: application/json' \
        -d '{"forceRecovery":true}' "${@:2}" $url/api/quality/recover/103
    [[ "|$1|" == *"|$OUT|"* ]] || fail "POST says $OUT instead of $1: $(</run/lab/log/answer)"
}
post "401|403"
post "401|403" -H 'Authorization: Bearer sesame'
nap 1
[[ $(attr /sys/class/net/tap103i0/carrier) != 1 ]] || fail "it was healed without the token"
post "200|202" -H 'Authorization: Bearer sesame-sesame-sesame-sesame'
carrier() { [[ $(attr /sys/class/net/tap103i0/carrier) == 1 ]]; }
wait_for 60 carrier || fail "not healed: $(</run/lab/log/answer)"
wait_for 60 deep 103 .overallStatus healthy || fail "103 is not well again"
wait_for 30 says /api/quality/recovery-status '.["103"].attempts' 1 || fail "not counted once: $(curl -sS $url/api/quality/recovery-status)"
get /api/quality/history/103 'tostring | test("network|tap103i0")' true
expect_exit 0 curl -sS -m 20 -H 'Accept: text/html' $url/
expect_text "<html|<!doctype html"

# The fourth within the hour is refused, however it is asked for.
for i in 2 3; do
    ip link set tap103i0 down
    expect_exit 0 vm-probe recover 103 --apply
done
ip link set tap103i0 down
wait_for 60 deep 103 .failureType network || fail "103 is not told again"
post "409|429" -H 'Authorization: Bearer sesame-sesame-sesame-sesame'
nap 2
! carrier || fail "healed a fourth time"

# Orderly.
kill -TERM $daemon
wait_for 20 dead $daemon || fail "it does not end"
wait $daemon || fail "it ended with $?"
expect_exit "2|5" vm-probe serve --listen 0.0.0.0:8080
expect_text token
