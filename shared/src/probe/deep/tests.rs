//! VMs that answer, and all the ways in which one does not, beside one another.

use super::*;
use crate::{
    probe::{
        evidence::{Disk, Qmp, Vnc},
        instance::Endpoint,
    },
    pve::qmp::fake::{GREETING, Reply, fails, returns, serve},
};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fs,
    io::{Read, Write},
    net::TcpListener,
    os::unix::{
        fs::symlink,
        net::{UnixListener, UnixStream},
    },
    path::PathBuf,
    thread,
    time::Instant,
};

struct Tree {
    _dir: tempfile::TempDir,
    host: Host,
}

impl Tree {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::new(dir.path());
        fs::create_dir_all(host.qemu_run()).unwrap();
        fs::create_dir_all(host.proc()).unwrap();
        symlink("/proc/net", host.proc().join("net")).unwrap();
        Self { _dir: dir, host }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.host.qemu_run().join(name)
    }

    fn listen(&self, name: &str) -> UnixListener {
        UnixListener::bind(self.path(name)).unwrap()
    }

    /// Everybody who connects is sent these bytes, and then nothing.
    fn say(&self, name: &str, bytes: &'static [u8]) {
        let listener = self.listen(name);
        thread::spawn(move || {
            let mut clients = Vec::new();
            while let Ok((mut client, _)) = listener.accept() {
                let _ = client.write_all(bytes);
                clients.push(client);
            }
        });
    }

    fn target(&self, id: &str) -> Target {
        let vnc = Some(Endpoint::Unix(self.path(&format!("{id}.vnc"))));
        Target { id: id.into(), qmp: Some(self.path(&format!("{id}.qmp"))), vnc, pid: None }
    }

    fn ask(&self, ids: &[&str], answer: Duration) -> BTreeMap<String, Deep> {
        let targets = ids.iter().map(|id| self.target(id)).collect();
        let deadline = Deadline::after(Duration::from_secs(20));
        ask_all(&self.host, targets, answer, 64, &deadline).into_iter().collect()
    }
}

/// What a VM says that is well.
fn well(command: &str, arguments: &Value) -> Reply {
    returns(match command {
        "query-status" => json!({ "status": "running", "running": true }),
        "query-block" => json!([
            { "device": "drive-scsi0", "qdev": "scsi0", "io-status": "nospace", "inserted": { "file": "/dev/pve/vm" } },
            { "device": "", "qdev": "/machine/peripheral/virtio1/virtio-backend", "inserted": { "file": "x\u{1b}[2J" } },
            { "device": "drive-ide2", "qdev": "ide2", "io-status": "ok", "tray_open": false },
        ]),
        "query-blockstats" => json!([
            { "device": "drive-scsi0", "stats":
                { "rd_bytes": 1, "wr_bytes": 2, "failed_rd_operations": 3, "failed_wr_operations": 4, "x": [] } },
            { "qdev": "/machine/peripheral/virtio1/virtio-backend", "stats":
                { "rd_bytes": 5, "wr_bytes": 6, "failed_rd_operations": 0, "failed_wr_operations": 0 } },
        ]),
        "query-balloon" => json!({ "actual": 4096 }),
        "qom-get" => {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
            json!({ "last-update": now, "stats": { "stat-total-memory": 4000, "stat-free-memory": u64::MAX } })
        }
        "query-vnc" => json!({ "enabled": true, "clients": [{}, {}] }),
        "qom-list" if arguments["path"] == "/machine/peripheral" => {
            json!([{ "name": "type", "type": "string" }, { "name": "audiodev0", "type": "child<ich9-intel-hda>" }])
        }
        "qom-list" => json!([]),
        "query-savevm" => return fails("CommandNotFound", "The command query-savevm has not been found"),
        _ => json!({}),
    })
}

#[test]
fn a_vm_that_is_well_tells_everything() {
    let tree = Tree::new();
    serve(&tree.host, 1, well);
    tree.say("1.vnc", b"RFB 003.008\n");
    let deep = tree.ask(&["1"], Duration::from_secs(10)).remove("1").unwrap();
    assert_eq!((&deep.qmp, &deep.vnc), (&Qmp::Ok, &Vnc::Banner("RFB 003.008".into())));
    assert_eq!(deep.run_state.get().unwrap(), "running");
    let disk = |name: &str, io_status: Option<&str>, file: &str, [read, written, no_read, no_write]: [u64; 4]| Disk {
        name: name.into(),
        io_status: io_status.map(Into::into),
        read_bytes: read,
        written_bytes: written,
        failed_reads: no_read,
        failed_writes: no_write,
        file: file.into(),
    };
    let expected = [
        disk("drive-scsi0", Some("nospace"), "/dev/pve/vm", [1, 2, 3, 4]),
        disk("virtio1", None, "x[2J", [5, 6, 0, 0]),
    ];
    assert_eq!(deep.disks.get().unwrap(), &expected);
    let memory = deep.guest_memory.get().unwrap();
    assert_eq!([memory.actual, memory.total, memory.free, memory.available], [Some(4096), Some(4000), None, None]);
    assert_eq!(
        (deep.migrating.get(), deep.vnc_clients.get(), deep.audio_device.get()),
        (Some(&false), Some(&2), Some(&true))
    );
}

#[test]
fn what_fails_makes_its_own_figure_unknown_and_no_other() {
    let tree = Tree::new();
    serve(&tree.host, 1, |command, arguments| match command {
        "query-balloon" => fails("DeviceNotActive", "No balloon device has been activated"),
        "query-block" => returns(json!("strange")),
        "query-vnc" => Reply::Say(vec![json!({ "event": "RESET" }), json!({ "return": { "enabled": false } })]),
        "query-status" => returns(json!({ "status": "save-vm" })),
        _ => well(command, arguments),
    });
    let deep = tree.ask(&["1"], Duration::from_secs(10)).remove("1").unwrap();
    assert_eq!((&deep.qmp, &deep.vnc), (&Qmp::Ok, &Vnc::Absent));
    let reason = deep.guest_memory.reason().unwrap();
    assert_eq!(reason, "QEMU says: No balloon device has been activated (DeviceNotActive)");
    assert!(deep.disks.reason().unwrap().contains("strange"));
    assert_eq!((deep.migrating.get(), deep.vnc_clients.get()), (Some(&true), Some(&0)));
}

#[test]
fn whoever_did_not_listen_calls_nobody_silent() {
    let tree = Tree::new();
    serve(&tree.host, 1, well);
    tree.say("1.vnc", b"RFB 003.008\n");
    tree.say("2.qmp", b"");
    let mut prober = Prober::new(&tree.host).unwrap();
    let answer = Duration::from_secs(2);
    for id in ["1", "2"] {
        prober.begin(tree.target(id), answer);
    }
    // As a process that is not run, on a machine that stands still.
    thread::sleep(answer + Duration::from_millis(300));
    let begun = Instant::now();
    let mut told = BTreeMap::new();
    while prober.in_flight() > 0 {
        told.extend(prober.poll(Duration::from_secs(10)));
    }
    assert_eq!((&told["1"].qmp, &told["1"].vnc), (&Qmp::Ok, &Vnc::Banner("RFB 003.008".into())));
    // That gives nobody time without an end.
    assert_ne!(told["2"].qmp, Qmp::Ok);
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

#[test]
fn one_that_hangs_delays_none_and_each_silence_has_its_name() {
    let tree = Tree::new();
    for vmid in [1, 2, 3] {
        serve(&tree.host, vmid, well);
    }
    let _hung = tree.listen("10.qmp");
    let _silent = tree.listen("10.vnc");
    let full = tree.listen("11.qmp");
    let _waiting: Vec<_> = (0..5000).map_while(|_| crate::pve::qmp::wire::dial(&tree.path("11.qmp")).ok()).collect();
    let busy = tree.listen("12.qmp");
    let person = UnixStream::connect(tree.path("12.qmp")).unwrap();
    let served = busy.accept().unwrap();
    tree.say("13.qmp", format!("{GREETING}\n").leak().as_bytes());
    drop(tree.listen("14.qmp"));
    tree.say("15.qmp", b"SSH-2.0-OpenSSH\r\n");
    tree.say("15.vnc", b"SSH-2.0-OpenSSH\r\n");
    drop(tree.listen("16.vnc"));
    let started = Instant::now();
    let mut prober = Prober::new(&tree.host).unwrap();
    // Those that say something have time for it; the others take all they are given.
    let (long, short) = (Duration::from_secs(60), Duration::from_secs(2));
    for (id, answer) in [
        ("10", short),
        ("11", short),
        ("12", short),
        ("13", short),
        ("14", long),
        ("15", long),
        ("16", short),
        ("1", long),
        ("2", long),
        ("3", long),
    ] {
        prober.begin(tree.target(id), answer);
    }
    let mut told = BTreeMap::new();
    while prober.in_flight() > 0 {
        for (id, deep) in prober.poll(Duration::from_secs(1)) {
            told.insert(id, (started.elapsed(), deep));
        }
    }
    for id in ["1", "2", "3"] {
        assert_eq!(told[id].1.qmp, Qmp::Ok);
        // Not one after the other: those that hang were begun before.
        assert!(told[id].0 < 3 * short, "{:?}", told[id].0);
    }
    // A sandbox may not list sockets with their paths; nothing can be told there.
    let listed = fs::read_to_string("/proc/net/unix").is_ok_and(|l| l.contains(tree.path("10.qmp").to_str().unwrap()));
    if listed {
        for (id, qmp) in [("10", Qmp::Hung), ("11", Qmp::Hung), ("12", Qmp::Busy)] {
            assert_eq!(told[id].1.qmp, qmp, "{id}");
        }
    }
    assert_eq!((&told["13"].1.qmp, &told["14"].1.qmp, &told["16"].1.qmp), (&Qmp::Hung, &Qmp::Refused, &Qmp::Absent));
    assert_eq!(
        told["15"].1.qmp,
        Qmp::Unknown("its monitor sent what is not its protocol: no JSON: \"SSH-2.0-OpenSSH\"".into())
    );
    assert_eq!(told["15"].1.vnc, Vnc::Unknown("no VNC server: \"SSH-2.0-Open\"".into()));
    assert_eq!((&told["10"].1.vnc, &told["16"].1.vnc), (&Vnc::Silent, &Vnc::Refused));
    drop((full, person, served));
}

#[test]
fn one_that_talks_without_end_or_line_is_not_known_however_much_of_it_is_read() {
    let tree = Tree::new();
    // The first is cut off at the limit of what is read, the others at the deadline.
    let (spoke, spoken) = std::sync::mpsc::channel();
    for (name, first, piece, pause) in [
        ("1.qmp", "x", vec![b'x'; 1 << 20], 0),
        ("2.qmp", "x", vec![b'x'], 50),
        ("3.qmp", "{\"QMP\": {\"ver", vec![], 60_000),
    ] {
        let (listener, spoke) = (tree.listen(name), spoke.clone());
        thread::spawn(move || {
            let (mut client, _) = listener.accept().unwrap();
            client.write_all(first.as_bytes()).unwrap();
            spoke.send(()).unwrap();
            while client.write_all(&piece).is_ok() {
                thread::sleep(Duration::from_millis(pause));
            }
        });
    }
    let mut prober = Prober::new(&tree.host).unwrap();
    for id in ["1", "2", "3"] {
        prober.begin(tree.target(id), Duration::from_secs(1));
        spoken.recv().unwrap();
    }
    let mut told = BTreeMap::new();
    while prober.in_flight() > 0 {
        told.extend(prober.poll(Duration::from_secs(1)));
    }
    for id in ["1", "2", "3"] {
        assert!(matches!(told[id].qmp, Qmp::Unknown(_)), "{id}: {:?}", told[id].qmp);
    }
}

#[test]
fn who_reads_late_takes_what_came_in_time_for_an_answer() {
    let tree = Tree::new();
    let (qmp, vnc) = (tree.listen("1.qmp"), tree.listen("1.vnc"));
    let mut prober = Prober::new(&tree.host).unwrap();
    let answer = Duration::from_millis(50);
    prober.begin(tree.target("1"), answer);
    let (mut client, _) = qmp.accept().unwrap();
    writeln!(client, "{GREETING}").unwrap();
    for id in 0..11 {
        writeln!(client, "{{\"return\": {{}}, \"id\": {id}}}").unwrap();
    }
    // As a machine that stands still for a while.
    thread::sleep(2 * answer);
    let (_, deep) = prober.poll(Duration::from_secs(20)).remove(0);
    assert_eq!(deep.qmp, Qmp::Ok);
    assert_eq!(deep.vnc, Vnc::Unknown("no time was left to ask it".into()));
    drop(vnc);
}

#[test]
fn a_short_session_of_another_does_not_show() {
    let tree = Tree::new();
    let listener = tree.listen("1.qmp");
    let other = UnixStream::connect(tree.path("1.qmp")).unwrap();
    let (mut theirs, _) = listener.accept().unwrap();
    thread::spawn(move || {
        // Like QEMU: whoever comes next is served when this one has gone.
        theirs.read_to_end(&mut Vec::new()).unwrap();
        let (mut client, _) = listener.accept().unwrap();
        client.write_all(GREETING.as_bytes()).unwrap();
        client.write_all(b"\n").unwrap();
        let mut asked = [0; 4096];
        let n = client.read(&mut asked).unwrap();
        assert!(asked[..n].starts_with(b"{\"execute\":\"qmp_capabilities\""));
        for id in 0..11 {
            client.write_all(format!("{{\"return\": {{}}, \"id\": {id}}}\n").as_bytes()).unwrap();
        }
    });
    thread::spawn(move || {
        thread::sleep(Duration::from_millis(300));
        drop(other);
    });
    let deep = tree.ask(&["1"], Duration::from_secs(10)).remove("1").unwrap();
    assert_eq!(deep.qmp, Qmp::Ok);
    assert!(deep.run_state.reason().is_some(), "an answer without a status is no state");
}

#[test]
fn vnc_over_tcp_and_a_port_where_nobody_listens() {
    let tree = Tree::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let ask = |answer| {
        let target = Target { id: "a".into(), qmp: None, vnc: Some(Endpoint::Tcp(address)), pid: None };
        ask_all(&tree.host, vec![target], answer, 1, &Deadline::after(Duration::from_secs(10))).remove(0).1
    };
    let silent = ask(Duration::from_millis(200));
    assert_eq!((silent.qmp, silent.vnc), (Qmp::NotAsked, Vnc::Silent));
    assert_eq!(silent.run_state.reason(), Some("the source names no monitor"));
    let server = thread::spawn(move || {
        drop(listener.accept());
        let (mut client, _) = listener.accept().unwrap();
        client.write_all(b"RFB 003.008\n").unwrap();
        let mut sent = Vec::new();
        client.read_to_end(&mut sent).unwrap();
        sent
    });
    assert_eq!(ask(Duration::from_secs(10)).vnc, Vnc::Banner("RFB 003.008".into()));
    assert_eq!(server.join().unwrap(), b"", "a banner is read and nothing is said");
    assert_eq!(ask(Duration::from_secs(10)).vnc, Vnc::Refused);
}

#[test]
fn one_that_never_stops_talking_fills_no_memory() {
    let tree = Tree::new();
    for (name, first) in [("1.qmp", ""), ("2.qmp", GREETING)] {
        let listener = tree.listen(name);
        thread::spawn(move || {
            let (mut client, _) = listener.accept().unwrap();
            let _ = client.write_all(format!("{first}\n").as_bytes());
            while client.write_all(&[b'x'; 8192]).is_ok() {}
        });
    }
    let told = tree.ask(&["1", "2"], Duration::from_secs(20));
    for deep in told.values() {
        assert_eq!(deep.qmp, Qmp::Unknown("its monitor sent what is not its protocol: more than 4 MiB".into()));
    }
}

/// A process that a pid file calls the QEMU of VM 7, in a tree with the kernel's own `/proc`.
fn qemu(tree: &Tree) -> std::process::Child {
    fs::remove_file(tree.host.proc().join("net")).unwrap();
    fs::remove_dir(tree.host.proc()).unwrap();
    symlink("/proc", tree.host.proc()).unwrap();
    let line = ["-c", "read line", "kvm", "-pidfile", "/var/run/qemu-server/7.pid"];
    let child = std::process::Command::new("sh").args(line).stdin(std::process::Stdio::piped()).spawn().unwrap();
    fs::write(tree.path("7.pid"), child.id().to_string()).unwrap();
    child
}

#[test]
fn who_answers_in_the_place_of_qemu_is_named_and_told_nothing() {
    use crate::pve::qmp::Monitor;
    let tree = Tree::new();
    let mut child = qemu(&tree);
    let (told, heard) = std::sync::mpsc::channel();
    serve(&tree.host, 7, move |command, arguments| {
        told.send(command.to_owned()).unwrap();
        well(command, arguments)
    });
    tree.say("7.vnc", b"RFB 003.008\n");
    // As a shell has not begun yet, its line is still that of the one who started it.
    let begun = Instant::now();
    while crate::pve::qemu_pid(&tree.host, 7).is_none() && begun.elapsed() < Duration::from_secs(10) {
        thread::sleep(Duration::from_millis(5));
    }
    let deep = tree.ask(&["7"], Duration::from_secs(10)).remove("7").unwrap();
    let who = |text: &str| {
        let (peer, own) = (format!("pid {} (", std::process::id()), format!("QEMU is pid {}", child.id()));
        text.contains(&peer) && text.contains(&own)
    };
    assert!(matches!(&deep.qmp, Qmp::Unknown(why) if who(why)), "{:?}", deep.qmp);
    assert!(matches!(&deep.vnc, Vnc::Stranger(why) if who(why)), "{:?}", deep.vnc);
    assert!(deep.run_state.reason().is_some_and(who), "{:?}", deep.run_state);
    let deadline = Deadline::after(Duration::from_secs(5));
    let opened = Monitor::open(&tree.host, 7, &deadline).map(drop);
    assert!(matches!(opened, Err(crate::pve::qmp::Trouble::Stranger(_))), "{opened:?}");
    assert!(heard.try_recv().is_err(), "it was told something");

    // Where no QEMU of that number lives, nobody can say who ought to answer.
    drop(child.stdin.take());
    child.wait().unwrap();
    assert_eq!(tree.ask(&["7"], Duration::from_secs(10)).remove("7").unwrap().qmp, Qmp::Ok);
}

#[test]
fn a_monitor_that_greets_is_told_by_what_it_did_then() {
    let tree = Tree::new();
    tree.say("21.qmp", b"{\"QMP\": {\"version\": {}}}\n{\"event\": \"STOP\"}\n{\"return\": {}, \"id\": 99}\n");
    tree.say("22.qmp", b"{\"QMP\": {\"version\": {}}}\n{\"event\": \"STOP\", \"timestamp\": {}}\n");
    serve(&tree.host, 23, |command, _| match command {
        "query-status" => returns(json!({ "status": "running" })),
        _ => Reply::Nothing,
    });
    // One that goes on answering is no QEMU that hangs, however long it takes.
    serve(&tree.host, 24, |_, _| {
        thread::sleep(Duration::from_millis(400));
        returns(json!({ "status": "running" }))
    });
    let told = tree.ask(&["21", "22", "23", "24"], Duration::from_secs(3));
    let is = |id: &str| (&told[id].qmp, told[id].answered, told[id].run_state.get().map(String::as_str));
    let words = r#"it greets, and then says what it was not asked: "{\"return\": {}, \"id\": 99}""#;
    assert_eq!(is("21"), (&Qmp::Unknown(words.into()), Some(0), None));
    assert_eq!((is("22"), is("23")), ((&Qmp::Hung, Some(0), None), (&Qmp::Hung, Some(2), Some("running"))));
    let (qmp, answered, _) = is("24");
    let words = format!("it is slow: {} of 11 questions were answered in time", answered.unwrap());
    assert_eq!((qmp, answered.is_some_and(|n| (1..11).contains(&n))), (&Qmp::Unknown(words), true));
}
