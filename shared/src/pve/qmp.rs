//! QEMU's monitor: connect, ask, close. It serves one client at a time and PVE itself connects for every command, so a
//! session is short; who has to wait for another client finds it *busy*, and that says nothing about QEMU's health.

#[cfg(test)]
pub(crate) mod fake;
mod message;
#[cfg(test)]
mod tests;
mod trouble;
mod wire;

pub use message::Event;
pub use trouble::Trouble;

use crate::{deadline::Deadline, host::Host};
use message::Message;
use serde_json::{Value, json};
use std::{
    collections::VecDeque,
    fs,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};
use wire::Wire;

/// How long one connection waits in the queue for its greeting. QEMU takes the next client as soon as the one before has
/// gone, but a connection that waits takes one of the two places in that queue, so it does not wait there for ever.
const IN_QUEUE: Duration = Duration::from_secs(1);
/// Between two connections.
const PAUSE: Duration = Duration::from_millis(100);
/// Events that nobody asked for are kept up to this number.
const KEPT: usize = 256;

/// A session with the monitor of one VM. Dropping it makes room for the next client.
#[derive(Debug)]
pub struct Monitor {
    wire: Wire,
    deadline: Deadline,
    asked: u64,
    events: VecDeque<Event>,
}

impl Monitor {
    /// Connects to the monitor of a VM; while it is busy, again and again until `deadline`, which bounds the whole session.
    pub fn open(host: &Host, vmid: u32, deadline: &Deadline) -> Result<Self, Trouble> {
        Self::open_at(host, &socket(host, vmid), deadline)
    }

    /// The same for a monitor that is somewhere else.
    pub fn open_at(host: &Host, path: &Path, deadline: &Deadline) -> Result<Self, Trouble> {
        let mut was_busy = false;
        loop {
            let trouble = match Self::greeted(path, deadline) {
                Ok(mut monitor) => {
                    monitor.execute("qmp_capabilities", &json!({}))?;
                    return Ok(monitor);
                }
                Err(Trouble::Full | Trouble::NoAnswer) if is_taken(host, path).unwrap_or(true) => Trouble::Busy,
                Err(Trouble::Full) => Trouble::NoAnswer,
                Err(trouble) => trouble,
            };
            was_busy |= trouble == Trouble::Busy;
            if !matches!(trouble, Trouble::Busy | Trouble::NoAnswer) {
                return Err(trouble);
            }
            if deadline.remaining() <= PAUSE * 2 {
                // Who saw another client did not wait for QEMU alone: silence afterwards may be the rest of that.
                return Err(if was_busy { Trouble::Busy } else { trouble });
            }
            thread::sleep(PAUSE);
        }
    }

    fn greeted(path: &Path, deadline: &Deadline) -> Result<Self, Trouble> {
        let mut monitor =
            Self { wire: Wire::connect(path)?, deadline: deadline.within(IN_QUEUE), asked: 0, events: VecDeque::new() };
        match monitor.message()? {
            Message::Greeting => {}
            _ => return Err(Trouble::Garbage("no greeting".into())),
        }
        // It serves us now, so there is all the time that the caller has.
        monitor.deadline = *deadline;
        Ok(monitor)
    }

    /// The same session with another deadline: what has to be finished may take longer than what is only asked.
    #[must_use]
    pub fn until(self, deadline: Deadline) -> Self {
        Self { deadline, ..self }
    }

    /// Runs a command and returns what it answers.
    pub fn execute(&mut self, command: &str, arguments: &Value) -> Result<Value, Trouble> {
        self.asked += 1;
        let line = json!({ "execute": command, "arguments": arguments, "id": self.asked }).to_string() + "\n";
        self.wire.send(line.as_bytes(), &self.deadline)?;
        loop {
            match self.message()? {
                Message::Return { id, value } if id == Some(self.asked) => return Ok(value),
                // What QEMU could not even parse it answers without an id.
                Message::Error { id, class, desc } if id.is_none_or(|id| id == self.asked) => {
                    return Err(Trouble::Failed { class, desc });
                }
                Message::Event(event) => self.keep(event),
                Message::Greeting => return Err(Trouble::Garbage("a second greeting".into())),
                Message::Return { .. } | Message::Error { .. } => {}
            }
        }
    }

    /// Waits for an event, also one that came while commands ran; `wanted` looks at its data.
    pub fn wait_event(&mut self, name: &str, wanted: impl Fn(&Value) -> bool) -> Result<Event, Trouble> {
        let is_it = |event: &Event| event.name == name && wanted(&event.data);
        if let Some(event) = self.events.iter().position(is_it).and_then(|at| self.events.remove(at)) {
            return Ok(event);
        }
        loop {
            match self.message()? {
                Message::Event(event) if is_it(&event) => return Ok(event),
                Message::Event(event) => self.keep(event),
                _ => {}
            }
        }
    }

    fn message(&mut self) -> Result<Message, Trouble> {
        let line = self.wire.line(&self.deadline)?;
        message::parse(&line).map_err(Trouble::Garbage)
    }

    fn keep(&mut self, event: Event) {
        if self.events.len() == KEPT {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }
}

/// One command in a session of its own.
pub fn ask(host: &Host, vmid: u32, command: &str, arguments: &Value, deadline: &Deadline) -> Result<Value, Trouble> {
    Monitor::open(host, vmid, deadline)?.execute(command, arguments)
}

fn socket(host: &Host, vmid: u32) -> PathBuf {
    host.qemu_run().join(format!("{vmid}.qmp"))
}

/// Whether the monitor serves somebody just now; `None` where that cannot be told.
fn is_taken(host: &Host, path: &Path) -> Option<bool> {
    let sockets = fs::read(host.proc_unix_sockets()).ok()?;
    let path = path.to_str()?;
    Some(String::from_utf8_lossy(&sockets).lines().any(|line| is_served(line, path)))
}

/// `0000000000000000: 00000003 00000000 00000000 0001 03 12345 /var/run/qemu-server/275.qmp`: references, state, path as QEMU
/// was told it. A connection that QEMU has not accepted yet, such as ours, has no file and is listed as connecting, 02
/// (`unix_seq_show` in `net/unix/af_unix.c`). Beside its file and the kernel's table, the client refers to one: a client
/// that gave up while QEMU hung does not, and is no reason to wait.
fn is_served(line: &str, path: &str) -> bool {
    let words: Vec<_> = line.split_ascii_whitespace().collect();
    let [_, references, _, _, _, "03", _, name] = words[..] else { return false };
    let ours = name == path || name.strip_prefix("/var") == Some(path);
    ours && u32::from_str_radix(references, 16).is_ok_and(|n| n > 2)
}
