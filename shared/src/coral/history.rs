//! What was done for Corals, for the next person: a bounded journal.

use super::{
    finding::{Severity, State},
    fix::Action,
};
use crate::{
    host::{Host, read_if_there},
    report::Table,
    session::Session,
    state,
};
use serde::{Deserialize, Serialize};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Kept small enough to be read at once.
const LIMIT: u64 = 256 * 1024;

/// One recovery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When it ended, in seconds of the epoch.
    pub at: u64,
    /// The Coral's bus-port.
    pub port: Option<String>,
    /// The VM that is given it.
    pub vmid: Option<u32>,
    /// What was found.
    pub before: State,
    /// What was done.
    pub actions: Vec<Action>,
    /// What was found afterwards.
    pub after: State,
    /// How bad that still is.
    pub severity: Severity,
    /// How long it took.
    pub millis: u64,
}

/// Seconds of the epoch.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

fn path(host: &Host) -> std::path::PathBuf {
    host.lib_dir().join("coral-history.jsonl")
}

/// Appends a recovery. A disk that is full keeps no Coral from being cured: a failure is only told.
pub fn append(session: &Session, entry: &Entry) {
    if session.dry_run {
        return;
    }
    if let Err(error) = state::append_line(&path(&session.host), entry, LIMIT) {
        session.log.warn(&format!("the history was not written: {error:#}"));
    }
}

/// The last `count` recoveries, oldest first.
pub fn last(host: &Host, count: usize) -> Vec<Entry> {
    let text = read_if_there(&path(host)).ok().flatten().unwrap_or_default();
    let mut entries: Vec<Entry> =
        text.lines().rev().filter_map(|line| serde_json::from_str(line).ok()).take(count).collect();
    entries.reverse();
    entries
}

/// The recoveries as text.
pub fn text(entries: &[Entry]) -> String {
    if entries.is_empty() {
        return "no recovery yet".into();
    }
    let mut table = Table::default();
    table.row(["WHEN", "CORAL", "VM", "FOUND", "DONE", "THEN"]);
    for entry in entries {
        // Garbage in the file must not overflow a date.
        let at = UNIX_EPOCH + Duration::from_secs(entry.at.min(253_402_300_799));
        let done = entry.actions.iter().map(|action| format!("{} {}", action.rung, action.result)).collect::<Vec<_>>();
        table.row([
            humantime::format_rfc3339_seconds(at).to_string(),
            entry.port.clone().unwrap_or_else(|| "-".into()),
            entry.vmid.map_or_else(|| "-".into(), |vmid| vmid.to_string()),
            entry.before.to_string(),
            done.join(", "),
            entry.after.to_string(),
        ]);
    }
    table.render()
}
