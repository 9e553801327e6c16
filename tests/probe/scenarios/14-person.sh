# timeout: 240
# A person looks at the VM by VNC, alone. Twenty checks later he still does, and his picture kept coming.
up 101
/usr/lib/lab/person look /run/qemu-server/101.vnc /run/lab/log/person &
person=$!
wait_for 20 test -s /run/lab/log/person || fail "the person sees nothing"
for ((i = 0; i < 20; i++)); do
    before=$(attr /run/lab/log/person)
    fine 101
    expect_json '.vms[0].video.vnc_available' true
    alive $person || fail "check $((i + 1)) ended the person's session"
done
wait_for 30 eval '(($(attr /run/lab/log/person) > before))' || fail "the picture stands still"
alive $person || fail "the session ended"
note "the person saw $(attr /run/lab/log/person) pictures"
# Also not by what is costly.
expect_exit "0|1" vm-probe check 101 --slow --json
alive $person || fail "--slow ended the session"
kill $person
