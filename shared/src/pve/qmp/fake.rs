//! A stand-in for QEMU's monitor, for tests: one client at a time, answers by a function.

use crate::host::Host;
use serde_json::{Value, json};
use std::{
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::net::{UnixListener, UnixStream},
    thread,
};

/// The first line of a session.
pub const GREETING: &str = r#"{"QMP": {"version": {"qemu": {"major": 7}}, "capabilities": []}}"#;

/// What it does with a command.
pub enum Reply {
    /// Sends these messages; the id is put into those that answer the command.
    Say(Vec<Value>),
    /// Sends nothing.
    Nothing,
    /// Ends the session.
    HangUp,
}

/// The plain answer of a command.
pub fn returns(value: Value) -> Reply {
    let mut message = json!({});
    message["return"] = value;
    Reply::Say(vec![message])
}

/// The failure of a command.
pub fn fails(class: &str, desc: &str) -> Reply {
    Reply::Say(vec![json!({ "error": { "class": class, "desc": desc } })])
}

/// The socket of a VM's monitor.
pub fn listen(host: &Host, vmid: u32) -> UnixListener {
    fs::create_dir_all(host.qemu_run()).unwrap();
    UnixListener::bind(host.qemu_run().join(format!("{vmid}.qmp"))).unwrap()
}

/// Serves one client after the other, until the test's process ends.
pub fn serve(host: &Host, vmid: u32, mut answer: impl FnMut(&str, &Value) -> Reply + Send + 'static) {
    let listener = listen(host, vmid);
    thread::spawn(move || {
        while let Ok((client, _)) = listener.accept() {
            // A client that goes away in the middle is no failure of the monitor.
            let _ = talk(client, &mut answer);
        }
    });
}

fn talk(client: UnixStream, answer: &mut impl FnMut(&str, &Value) -> Reply) -> std::io::Result<()> {
    let mut out = client.try_clone()?;
    writeln!(out, "{GREETING}")?;
    for line in BufReader::new(client).lines() {
        let command: Value = serde_json::from_str(&line?)?;
        let name = command["execute"].as_str().unwrap_or_default();
        let reply = match name {
            "qmp_capabilities" => returns(json!({})),
            name => answer(name, &command["arguments"]),
        };
        match reply {
            Reply::Say(messages) => {
                for mut message in messages {
                    if message.get("event").is_none() && message.get("id").is_none() {
                        message["id"] = command["id"].clone();
                    }
                    writeln!(out, "{message}")?;
                }
            }
            Reply::Nothing => {}
            Reply::HangUp => return Ok(()),
        }
    }
    Ok(())
}
