//! Agents that answer, that answer late, and that do not.

use super::*;
use std::{
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::{
        fs::symlink,
        net::{UnixListener, UnixStream},
    },
    thread,
    time::Duration,
};

fn tree() -> (tempfile::TempDir, Host, UnixListener) {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::new(dir.path());
    fs::create_dir_all(host.qemu_run()).unwrap();
    fs::create_dir_all(host.proc()).unwrap();
    symlink("/proc/net", host.proc().join("net")).unwrap();
    let listener = UnixListener::bind(host.qemu_run().join("7.qga")).unwrap();
    (dir, host, listener)
}

fn within(millis: u64) -> Deadline {
    Deadline::after(Duration::from_millis(millis))
}

/// An agent with answers of others still in the channel.
fn serve(listener: UnixListener, status: &'static str) {
    thread::spawn(move || {
        let (client, _) = listener.accept().unwrap();
        let mut out = client.try_clone().unwrap();
        out.write_all(b"{\"return\": {}}\n\xff{\"return\": 4711}\n").unwrap();
        for line in BufReader::new(client).split(b'\n') {
            let line = line.unwrap();
            let command: Value = serde_json::from_slice(line.strip_prefix(b"\xff").unwrap_or(&line)).unwrap();
            let (lead, answer) = match command["execute"].as_str().unwrap() {
                "guest-sync-delimited" => ("\u{ff}", json!({ "return": command["arguments"]["id"] })),
                "guest-fsfreeze-status" => ("", json!({ "return": status })),
                _ => (
                    "",
                    json!({ "return": [
                    { "name": "lo", "ip-addresses": [{ "ip-address": "127.0.0.1" }, { "ip-address": "::1" }] },
                    { "name": "eth0", "ip-addresses": [{ "ip-address": "fe80::1" }, { "ip-address": "10.0.0.7" }] },
                    { "name": "x" }, { "name": "y", "ip-addresses": [{ "ip-address": "\u{1b}[2J" }] },
                ] }),
                ),
            };
            if !lead.is_empty() {
                out.write_all(&[SENTINEL]).unwrap();
            }
            writeln!(out, "{answer}").unwrap();
        }
    });
}

#[test]
fn an_agent_that_answers_tells_addresses_and_whether_it_is_frozen() {
    let (_dir, host, listener) = tree();
    serve(listener, "thawed");
    let told = ask(&host, 7, &within(10_000)).unwrap();
    assert_eq!(told, Told { frozen: Some(false), addresses: vec!["10.0.0.7".into()] });
    let (_dir, host, listener) = tree();
    serve(listener, "frozen");
    assert_eq!(ask(&host, 7, &within(10_000)).unwrap(), Told { frozen: Some(true), addresses: vec![] });
}

#[test]
fn silence_is_told_from_the_session_of_another() {
    let (_dir, host, listener) = tree();
    assert_eq!(ask(&host, 7, &within(200)), Err(Trouble::NoAnswer));
    let path = host.qemu_run().join("7.qga");
    let other = UnixStream::connect(&path).unwrap();
    // The one that gave up is still in the queue, as it would be with QEMU.
    let served = (listener.accept().unwrap(), listener.accept().unwrap());
    let listed = fs::read_to_string("/proc/net/unix").is_ok_and(|list| list.contains(path.to_str().unwrap()));
    if listed {
        assert_eq!(ask(&host, 7, &within(200)), Err(Trouble::Busy));
    }
    drop((served, other, listener));
    assert_eq!(ask(&host, 7, &within(200)), Err(Trouble::Refused));
    fs::remove_file(path).unwrap();
    assert_eq!(ask(&host, 7, &within(200)), Err(Trouble::Absent));
}
