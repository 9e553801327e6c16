//! The guest agent's own socket: whether it answers, in one short session. It serves one client, and PVE is one as well.

use super::qmp::{
    Clients, Trouble,
    message::{self, Message, printable},
    wire::Wire,
};
use crate::{deadline::Deadline, host::Host};
use serde_json::{Value, json};
use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher, Hasher},
    net::IpAddr,
    path::Path,
};

/// What separates an answer from what was left of others (`guest-sync-delimited`).
const SENTINEL: u8 = 0xff;
/// More addresses than anybody wants to read.
const MOST: usize = 32;

/// What an agent that answers tells.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Told {
    /// Whether the guest's file systems are frozen.
    pub frozen: Option<bool>,
    /// The guest's addresses, without those that lead nowhere.
    pub addresses: Vec<String>,
}

/// Asks the agent of a VM. [`Trouble::NoAnswer`]: it is silent, which says nothing about the guest.
pub fn ask(host: &Host, vmid: u32, deadline: &Deadline) -> Result<Told, Trouble> {
    let path = host.qemu_run().join(format!("{vmid}.qga"));
    let mut session = Session { wire: Wire::connect(&path)?, deadline: *deadline };
    match session.synchronise() {
        Ok(()) => {}
        Err(Trouble::NoAnswer) if is_another_served(host, &path) => return Err(Trouble::Busy),
        Err(trouble) => return Err(trouble),
    }
    // It answers. What else it does not tell in time, or not at all while frozen, stays unknown.
    let frozen = session.execute("guest-fsfreeze-status").ok().flatten();
    let frozen = frozen.and_then(|state| Some(state.as_str()? != "thawed"));
    let interfaces =
        if frozen == Some(true) { None } else { session.execute("guest-network-get-interfaces").ok().flatten() };
    Ok(Told { frozen, addresses: interfaces.map(|all| addresses(&all)).unwrap_or_default() })
}

/// Where somebody is served and somebody waits, it is we who wait.
fn is_another_served(host: &Host, path: &Path) -> bool {
    Clients::read(host).is_some_and(|clients| clients.are_served_at(path) && clients.wait_at(path))
}

struct Session {
    wire: Wire,
    deadline: Deadline,
}

impl Session {
    /// What was asked by others and answered late is in the channel still: only what follows our own number counts.
    fn synchronise(&mut self) -> Result<(), Trouble> {
        let number = RandomState::new().build_hasher().finish() >> 16;
        let mut line = vec![SENTINEL];
        line.extend(json!({ "execute": "guest-sync-delimited", "arguments": { "id": number } }).to_string().bytes());
        line.push(b'\n');
        self.wire.send(&line, &self.deadline)?;
        loop {
            let line = self.wire.line(&self.deadline)?;
            let Some(at) = line.iter().rposition(|byte| *byte == SENTINEL) else { continue };
            if let Ok(Message::Return { value, .. }) = message::parse(&line[at + 1..])
                && value.as_u64() == Some(number)
            {
                return Ok(());
            }
        }
    }

    /// The answer; none where the agent says that it cannot.
    fn execute(&mut self, command: &str) -> Result<Option<Value>, Trouble> {
        self.wire.send(format!("{}\n", json!({ "execute": command })).as_bytes(), &self.deadline)?;
        match message::parse(&self.wire.line(&self.deadline)?).map_err(Trouble::Garbage)? {
            Message::Return { value, .. } => Ok(Some(value)),
            _ => Ok(None),
        }
    }
}

fn addresses(interfaces: &Value) -> Vec<String> {
    let lists = interfaces.as_array().into_iter().flatten().filter_map(|one| one["ip-addresses"].as_array());
    let texts = lists.flatten().filter_map(|address| address["ip-address"].as_str()).map(printable);
    texts.filter(|text| text.parse().is_ok_and(leads_somewhere)).take(MOST).collect()
}

fn leads_somewhere(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => !v4.is_loopback() && !v4.is_link_local() && !v4.is_unspecified(),
        IpAddr::V6(v6) => !v6.is_loopback() && !v6.is_unicast_link_local() && !v6.is_unspecified(),
    }
}

#[cfg(test)]
mod tests;
