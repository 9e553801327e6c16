//! Monitors that answer, and all the ways in which one does not.

use super::{
    fake::{GREETING, Reply, fails, listen, returns, serve},
    *,
};
use std::{fs, io::Write, os::unix::fs::symlink, time::Instant};

fn tree() -> (tempfile::TempDir, Host) {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::new(dir.path());
    fs::create_dir_all(host.proc()).unwrap();
    (dir, host)
}

fn within(millis: u64) -> Deadline {
    Deadline::after(Duration::from_millis(millis))
}

fn open(host: &Host, millis: u64) -> Result<Monitor, Trouble> {
    Monitor::open(host, 275, &within(millis))
}

/// A monitor that sends these bytes to everybody and then does nothing.
fn sends(host: &Host, bytes: &'static [u8]) {
    let listener = listen(host, 275);
    thread::spawn(move || {
        let mut clients = Vec::new();
        while let Ok((mut client, _)) = listener.accept() {
            let _ = client.write_all(bytes);
            clients.push(client);
        }
    });
}

#[test]
fn a_command_is_answered_and_the_next_session_too() {
    let (_dir, host) = tree();
    serve(&host, 275, |command, arguments| returns(json!([command, arguments])));
    for _ in 0..3 {
        let mut monitor = open(&host, 60_000).unwrap();
        let answer = monitor.execute("qom-list", &json!({ "path": "/machine" })).unwrap();
        assert_eq!(answer, json!(["qom-list", { "path": "/machine" }]));
        assert_eq!(monitor.execute("query-status", &json!({})).unwrap()[0], "query-status");
    }
    assert_eq!(ask(&host, 275, "stop", &json!({}), &within(60_000)).unwrap()[0], "stop");
}

#[test]
fn events_in_between_are_kept_and_strange_ids_are_not_ours() {
    let (_dir, host) = tree();
    serve(&host, 275, |_, _| {
        Reply::Say(vec![
            json!({ "event": "DEVICE_DELETED", "data": { "device": "usb1" } }),
            json!({ "return": "another's", "id": 99 }),
            json!({ "event": "DEVICE_DELETED", "data": { "device": "usb0" } }),
            json!({ "return": "ours" }),
            json!({ "event": "RESET" }),
        ])
    });
    let mut monitor = open(&host, 60_000).unwrap();
    assert_eq!(monitor.execute("device_del", &json!({ "id": "usb0" })).unwrap(), "ours");
    let deleted = monitor.wait_event("DEVICE_DELETED", |data| data["device"] == "usb0").unwrap();
    assert_eq!(deleted.data, json!({ "device": "usb0" }));
    assert_eq!(monitor.wait_event("RESET", |_| true).unwrap().data, Value::Null);
    assert_eq!(monitor.until(within(100)).wait_event("RESET", |_| true), Err(Trouble::NoAnswer));
}

#[test]
fn a_failure_is_told_in_qemus_words() {
    let (_dir, host) = tree();
    serve(&host, 275, |_, _| fails("DeviceNotFound", "Device 'usb0' not found"));
    let trouble = open(&host, 60_000).unwrap().execute("device_del", &json!({ "id": "usb0" })).unwrap_err();
    assert!(trouble.is_not_found());
    let fault = trouble.fault(275, "device_del");
    assert_eq!(fault.what, "VM 275: device_del: QEMU says: Device 'usb0' not found (DeviceNotFound)");
}

#[test]
fn no_socket_and_no_listener_are_told_apart() {
    let (_dir, host) = tree();
    assert_eq!(open(&host, 60_000).unwrap_err(), Trouble::Absent);
    drop(listen(&host, 275));
    assert_eq!(open(&host, 60_000).unwrap_err(), Trouble::Ended, "no pid file names a QEMU for it");
    std::fs::write(host.qemu_run().join("275.pid"), "4711\n").unwrap();
    assert_eq!(open(&host, 60_000).unwrap_err(), Trouble::Refused, "what runs cannot be seen");
    let process = host.proc().join("4711");
    std::fs::create_dir_all(&process).unwrap();
    let line = "/usr/bin/kvm\0-id\x00275\0-pidfile\0/var/run/qemu-server/275.pid\0";
    std::fs::write(process.join("cmdline"), line).unwrap();
    std::fs::write(process.join("stat"), "4711 (kvm) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 4 0 1000\n").unwrap();
    let alive = open(&host, 60_000).unwrap_err();
    assert_eq!((&alive, alive.to_string().as_str()), (&Trouble::Refused, "nobody listens at its monitor socket"));
}

#[test]
fn silence_is_busy_where_nobody_can_tell_why() {
    let (_dir, host) = tree();
    let _listener = listen(&host, 275);
    let started = Instant::now();
    assert_eq!(open(&host, 300).unwrap_err(), Trouble::Busy);
    assert!(started.elapsed() < Duration::from_secs(30));
}

#[test]
fn the_kernel_tells_busy_from_hung() {
    let (_dir, host) = tree();
    symlink("/proc/net", host.proc().join("net")).unwrap();
    let listener = listen(&host, 275);
    // A sandbox may not list sockets with their paths; nothing can be told there.
    let path = socket(&host, 275);
    if !fs::read_to_string(host.proc_unix_sockets()).is_ok_and(|list| list.contains(path.to_str().unwrap())) {
        return;
    }
    assert_eq!(open(&host, 300).unwrap_err(), Trouble::NoAnswer);
    // The connection that gave up is still in the queue, as it would be with QEMU.
    let client = Wire::connect(&path).unwrap();
    let _served = (listener.accept().unwrap(), listener.accept().unwrap());
    assert_eq!(open(&host, 300).unwrap_err(), Trouble::Busy);
    // A client that gave up, and a QEMU that does not notice.
    drop(client);
    assert_eq!(open(&host, 300).unwrap_err(), Trouble::NoAnswer);
}

#[test]
fn one_that_greets_and_hangs_is_not_busy_with_ourselves() {
    let (_dir, host) = tree();
    symlink("/proc/net", host.proc().join("net")).unwrap();
    sends(&host, b"{\"QMP\": {}}\n");
    assert_eq!(open(&host, 300).unwrap_err(), Trouble::NoAnswer);
}

#[test]
fn a_full_queue_keeps_nobody_waiting() {
    let (_dir, host) = tree();
    let _listener = listen(&host, 275);
    let path = socket(&host, 275);
    let waiting: Vec<_> = (0..5000).map_while(|_| Wire::connect(&path).ok()).collect();
    let started = Instant::now();
    assert_eq!(Wire::connect(&path).err(), (waiting.len() < 5000).then_some(Trouble::Full));
    assert_eq!(open(&host, 300).unwrap_err(), Trouble::Busy);
    assert!(started.elapsed() < Duration::from_secs(60));
}

#[test]
fn who_waits_is_served_when_the_one_before_goes() {
    let (_dir, host) = tree();
    serve(&host, 275, |_, _| returns(json!({})));
    let first = open(&host, 60_000).unwrap();
    let waiter = {
        let host = host.clone();
        thread::spawn(move || open(&host, 60_000).is_ok())
    };
    thread::sleep(Duration::from_millis(200));
    drop(first);
    assert!(waiter.join().unwrap());
}

#[test]
fn garbage_is_called_garbage() {
    for (bytes, what) in [
        (&b"SSH-2.0-OpenSSH\n"[..], "no JSON: \"SSH-2.0-OpenSSH\""),
        (b"\n\r\n{}\n", "no message: \"{}\""),
        (b"{\"return\": {}}\n", "no greeting"),
    ] {
        let (_dir, host) = tree();
        sends(&host, bytes);
        assert_eq!(open(&host, 60_000).unwrap_err(), Trouble::Garbage(what.into()));
    }
}

#[test]
fn a_line_without_end_fills_no_memory_and_takes_no_time() {
    let (_dir, host) = tree();
    let listener = listen(&host, 275);
    thread::spawn(move || {
        while let Ok((mut client, _)) = listener.accept() {
            while client.write_all(&[b'x'; 8192]).is_ok() {}
        }
    });
    let trouble = open(&host, 60_000).unwrap_err();
    assert_eq!(trouble, Trouble::Garbage("a line longer than 4 MiB".into()));
}

#[test]
fn one_that_stops_in_the_middle_does_not_hold_us_up() {
    let (_dir, host) = tree();
    serve(&host, 275, |command, _| if command == "quit" { Reply::HangUp } else { Reply::Nothing });
    let started = Instant::now();
    let mut monitor = open(&host, 60_000).unwrap().until(within(300));
    assert_eq!(monitor.execute("query-block", &json!({})), Err(Trouble::NoAnswer));
    drop(monitor);
    assert!(started.elapsed() < Duration::from_secs(30));
    assert_eq!(open(&host, 60_000).unwrap().execute("quit", &json!({})), Err(Trouble::Closed));
    let (_dir, host) = tree();
    sends(&host, GREETING.as_bytes());
    assert_eq!(open(&host, 300).unwrap_err(), Trouble::Busy, "half a greeting");
}
