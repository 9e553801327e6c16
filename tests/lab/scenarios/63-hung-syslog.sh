# A syslog that nobody reads, by datagram and by stream: every command does its work and ends.
# timeout: 200
# kernel: 6.1
gpu_vm 111
snapshot_neighbour
# Renamed where it is: a socket that is moved to another file system is another socket, at which nobody listens.
mv /dev/log /dev/log.lab
hung=
put_back() {
    [[ -z $hung ]] || kill "$hung" || true
    rm -f /dev/log
    mv /dev/log.lab /dev/log
}
trap put_back EXIT
# hang TYPE: /dev/log takes nothing any more, and whoever waits for it waits for ever.
hang() {
    rm -f /dev/log /run/lab/hung
    # shellcheck disable=SC2016
    perl -MSocket -MFcntl -e '
        my $stream = $ARGV[0] eq "stream";
        socket(my $log, PF_UNIX, $stream ? SOCK_STREAM : SOCK_DGRAM, 0) or die;
        bind($log, pack_sockaddr_un("/dev/log")) or die;
        !$stream || listen($log, 1) or die;
        my @clients;
        while (1) {
            socket(my $client, PF_UNIX, $stream ? SOCK_STREAM : SOCK_DGRAM, 0) or die;
            fcntl($client, F_SETFL, O_NONBLOCK);
            connect($client, pack_sockaddr_un("/dev/log")) or last;
            push @clients, $client;
            next if $stream;
            1 while defined send($client, "x", 0);
            last if @clients > 3;
        }
        open(my $ready, ">", "/run/lab/hung");
        sleep 1000;' "$1" &
    hung=$!
    wait_for 20 test -e /run/lab/hung || fail "the lab cannot hang its syslog"
}
for type in datagram stream; do
    hang $type
    expect_exit_within 15 0 gpu-bind status
    expect_exit_within 15 0 gpu-bind detach 01:00
    expect_vfio
    expect_exit_within 15 0 gpu-bind attach 01:00
    expect_host
    expect_exit_within 15 0 pve-hook 111 pre-start
    expect_exit_within 15 0 pve-hook 111 post-stop
    expect_host
    expect_exit_within 15 0 pve-hook 111 pre-start
    expect_exit_within 15 0 gpu-bind reconcile
    expect_host
    expect_exit_within 15 0 pve-hook unregister 111
    expect_exit_within 15 0 pve-hook register 111
    expect_exit_within 40 0 qm start 111
    expect_exit_within 15 3 gpu-bind --timeout 5s attach 01:00
    expect_exit_within 40 0 qm stop 111
    expect_host
    kill "$hung"
    hung=
done
expect_locks_free
expect_neighbour_untouched
