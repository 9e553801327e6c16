//! What was done, for the next person: a bounded journal.

use super::{record, unit::Unit};
use crate::{
    host::{Host, read_if_there},
    session::Session,
    state,
};
use serde::{Deserialize, Serialize};

/// Kept small enough to be read at once.
const LIMIT: u64 = 256 * 1024;

/// One operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When it ended, in seconds of the epoch.
    pub at: u64,
    /// What did it (`gpu-bind attach`).
    pub by: String,
    /// The GPU.
    pub device: String,
    /// The VM it was for.
    pub vmid: Option<u32>,
    /// How it ended.
    pub result: String,
    /// How long it took.
    pub millis: u64,
}

/// Appends an operation. A disk that is full must not keep a GPU from coming back: a failure is only told.
pub fn append(session: &Session, unit: &Unit, by: &str, vmid: Option<u32>, result: &str, millis: u64) {
    let device = unit.address.to_string();
    let entry = Entry { at: record::now(), by: by.into(), device, vmid, result: result.into(), millis };
    if let Err(error) = state::append_line(&session.host.lib_dir().join("history.jsonl"), &entry, LIMIT) {
        session.log.warn(&format!("the history was not written: {error:#}"));
    }
}

/// The last `count` operations, oldest first.
pub fn last(host: &Host, count: usize) -> Vec<Entry> {
    let text = read_if_there(&host.lib_dir().join("history.jsonl")).ok().flatten().unwrap_or_default();
    let mut entries: Vec<Entry> = text.lines().rev().filter_map(|l| serde_json::from_str(l).ok()).take(count).collect();
    entries.reverse();
    entries
}
