# timeout: 240
# Checks of the administrator's own: a command, a TCP port, an HTTP address; each counts for the class that he gave it.
up 101 102
mkdir -p /run/lab/tmp/www
echo ok >/run/lab/tmp/www/index.html
busybox httpd -f -p 127.0.0.1:8099 -h /run/lab/tmp/www &
httpd=$!
wait_for 20 curl -sf -o /dev/null http://127.0.0.1:8099/
settings '[probe.checks.file]' 'vms = ["101"]' 'command = ["/usr/bin/test", "-e", "/run/lab/tmp/{id}"]' 'class = "qemu"' \
    '[probe.checks.door]' 'vms = ["101"]' 'tcp = "127.0.0.1:8099"' 'class = "network"' \
    '[probe.checks.web]' 'vms = ["101"]' 'http = "http://127.0.0.1:8099/index.html"' 'class = "client"'
: >/run/lab/tmp/101
fine 101
rm /run/lab/tmp/101
expect_exit_within 10 1 vm-probe check 101 --json
expect_json '.vms[0].failure_type' qemu
errors_like file
: >/run/lab/tmp/101
rm /run/lab/tmp/www/index.html
expect_exit_within 10 1 vm-probe check 101 --json
expect_json '.vms[0].failure_type' client
errors_like "web.*404|404.*web"
kill $httpd
wait $httpd || true
expect_exit_within 10 1 vm-probe check 101 --json
expect_json '.vms[0].failure_type' mixed
errors_like door web
fine 102

# One that hangs costs its own deadline and nobody else's.
settings '[probe.checks.hangs]' 'vms = ["101"]' 'command = ["/bin/sleep", "1000"]' 'timeout = "1s"' 'class = "network"'
expect_exit_within 10 1 vm-probe check --all --json
expect_json '[.vms[] | .failure_type] | join(" ")' "network none"
wait_for 20 nothing_runs sleep || fail "the command of the check was left behind"
settings '[probe.checks.none]' 'command = ["/nonexistent"]'
# Its program is not there: that says nothing of the VM, and is told.
expect_exit_within 10 "0|1" vm-probe check 101
expect_text "nonexistent"
settings '[probe.checks.both]' 'command = ["/bin/true"]' 'tcp = "127.0.0.1:1"'
expect_exit 2 vm-probe check 101
expect_text both
