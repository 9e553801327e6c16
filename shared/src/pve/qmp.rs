//! QEMU's monitor: connect, ask, close. It serves one client at a time and PVE itself connects for every command, so a
//! session is short; who has to wait for another client finds it *busy*, and that says nothing about QEMU's health.

mod clients;
#[cfg(test)]
pub(crate) mod fake;
pub(crate) mod message;
#[cfg(test)]
mod tests;
mod trouble;
pub(crate) mod wire;

pub(crate) use clients::Clients;
pub use message::Event;
pub use trouble::Trouble;

use super::running::{qemu_pid, stranger, unseen};
use crate::{deadline::Deadline, host::Host};
use message::Message;
use serde_json::{Value, json};
use std::{
    collections::VecDeque,
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
        let opened = Self::open_at(host, &socket(host, vmid), deadline);
        opened.map_err(|trouble| match trouble {
            Trouble::Refused if unseen(host).is_none() && qemu_pid(host, vmid).is_none() => Trouble::Ended,
            other => other,
        })
    }

    /// The same for a monitor that is found by its socket.
    pub fn open_at(host: &Host, path: &Path, deadline: &Deadline) -> Result<Self, Trouble> {
        let mut was_busy = false;
        loop {
            let trouble = match Self::greeted(host, path, deadline) {
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

    fn greeted(host: &Host, path: &Path, deadline: &Deadline) -> Result<Self, Trouble> {
        let mut monitor =
            Self { wire: Wire::connect(path)?, deadline: deadline.within(IN_QUEUE), asked: 0, events: VecDeque::new() };
        // What is told to a VM must not reach another.
        if let Some(who) = monitor.process().and_then(|peer| stranger(host, path, peer)) {
            return Err(Trouble::Stranger(who));
        }
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

    /// The process that listens at a socket, without saying anything to it.
    pub fn process_at(path: &Path) -> Option<i32> {
        Wire::connect(path).ok()?.process()
    }

    /// The process at the other end, as this process sees it.
    pub fn process(&self) -> Option<i32> {
        self.wire.process()
    }

    /// Runs a command of the monitor for people. It answers with text, also when it fails; nothing is nothing to tell.
    pub fn human(&mut self, command: &str) -> Result<String, Trouble> {
        let told = self.execute("human-monitor-command", &json!({ "command-line": command }))?;
        Ok(told.as_str().unwrap_or_default().to_owned())
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
    Clients::read(host).map(|clients| clients.are_served_at(path))
}
