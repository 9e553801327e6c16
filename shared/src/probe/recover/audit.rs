//! What was done to VMs, by whom, why and with what success: a bounded journal that outlives the boot, and syslog.

use super::{AskedBy, Ended, lock_name, shown};
use crate::{
    deadline::Deadline,
    host::{Host, read_if_there},
    lock::{self, Locks},
    report::Table,
    session::Session,
    state, tree,
};
use serde::{Deserialize, Serialize};
use std::{
    path::PathBuf,
    time::{Duration, UNIX_EPOCH},
};

/// Some thousand recoveries.
const LIMIT: u64 = 1 << 20;

/// One recovery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When it began, in milliseconds since 1970: with the id, this names it.
    pub at: u64,
    /// The instance.
    pub id: String,
    /// Who wanted it.
    pub asked_by: AskedBy,
    /// Which one of its hour it was.
    pub nth: usize,
    /// The symptoms.
    pub cause: Vec<String>,
    /// The evidence, in sentences.
    pub evidence: Vec<String>,
    /// The commands that were run.
    pub commands: Vec<String>,
    /// How it ended.
    pub outcome: Ended,
    /// How that is known, or why it failed.
    pub detail: String,
    /// The state afterwards.
    pub after: Option<String>,
    /// How long it took.
    pub millis: u64,
}

fn path(host: &Host) -> PathBuf {
    host.lib_dir().join("probe-audit.jsonl")
}

/// Appends. A disk that is full keeps no VM from being healed: a failure is only told.
pub(super) fn append(session: &Session, entry: &Entry) {
    // Halving the journal and appending to it must not meet; without the lock it is written all the same.
    let _lock = Locks::take(&session.host, &["probe-audit".into()], "audit", &Deadline::after(Duration::from_secs(2)));
    if let Err(error) = state::append_line(&path(&session.host), entry, LIMIT) {
        session.log.warn(&format!("the audit was not written: {error:#}"));
    }
}

/// Why the journal does not tell, where that is so: then nobody may say that there was no recovery.
pub fn unreadable(host: &Host) -> Option<String> {
    let path = path(host);
    let shown = host.shown(&path);
    // Nothing is ever appended to a link, wherever it leads.
    if tree::entry(&path).is_ok_and(|path| path.is_symlink()) {
        return Some(format!("{shown} is a link, and no journal of vm-probe"));
    }
    match read_if_there(&path) {
        Err(error) => Some(format!("{shown}: {error}")),
        Ok(text) => {
            let text = text.unwrap_or_default();
            let lines = || text.lines().filter(|line| !line.trim().is_empty());
            let none = lines().next().is_some() && lines().all(|line| serde_json::from_str::<Entry>(line).is_err());
            none.then(|| format!("{shown} is damaged: there is no sense in any line of it"))
        }
    }
}

/// How many lines of the journal there is no sense in.
pub fn damaged(host: &Host) -> usize {
    let text = read_if_there(&path(host)).ok().flatten().unwrap_or_default();
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines.filter(|line| serde_json::from_str::<Entry>(line).is_err()).count()
}

/// The recoveries, of one instance or of all, oldest first. What was begun and never ended was interrupted, unless it is
/// under way.
pub fn entries(host: &Host, id: Option<&str>) -> Vec<Entry> {
    let text = read_if_there(&path(host)).ok().flatten().unwrap_or_default();
    let read = text.lines().filter_map(|line| serde_json::from_str::<Entry>(line).ok());
    let mut all: Vec<Entry> = Vec::new();
    for entry in read.filter(|entry| id.is_none_or(|id| entry.id == id)) {
        match all.iter_mut().rev().find(|other| (other.at, &other.id) == (entry.at, &entry.id)) {
            Some(begun) => *begun = entry,
            None => all.push(entry),
        }
    }
    for entry in all.iter_mut().filter(|entry| entry.outcome == Ended::Begun) {
        if lock::holder(host, &lock_name(&entry.id)).is_none() {
            entry.outcome = Ended::Interrupted;
        }
    }
    all
}

/// Whether a recovery is known to have ended.
pub(super) fn has_ended(host: &Host, id: &str, at: u64) -> bool {
    let text = read_if_there(&path(host)).ok().flatten().unwrap_or_default();
    let read = text.lines().rev().filter_map(|line| serde_json::from_str::<Entry>(line).ok());
    read.into_iter().any(|entry| entry.id == id && entry.at == at && entry.outcome != Ended::Begun)
}

/// The recoveries as text.
pub fn text(entries: &[Entry]) -> String {
    if entries.is_empty() {
        return "no recovery yet".into();
    }
    let mut table = Table::default();
    table.row(["WHEN", "ID", "ASKED BY", "FOUND", "DONE", "OUTCOME", ""]);
    for entry in entries {
        // Garbage in the file must not overflow a date.
        let at = UNIX_EPOCH + Duration::from_secs((entry.at / 1000).min(253_402_300_799));
        table.row([
            humantime::format_rfc3339_seconds(at).to_string(),
            shown(&entry.id),
            entry.asked_by.word().to_owned(),
            shown(&entry.cause.join(", ")),
            shown(&entry.commands.join("; ")),
            entry.outcome.word().to_owned(),
            shown(&entry.detail),
        ]);
    }
    table.render()
}
