//! What was done for Corals, for the next person: a bounded journal.

use super::{
    finding::{Severity, State},
    patient::Action,
};
use crate::{
    fault::Fault,
    host::{Host, read_if_there},
    report::Table,
    session::Session,
    state,
};
use anyhow::Result;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

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

/// Every recovery that is on the books, oldest first, and how many lines there are no sense in. That it cannot be read, or
/// no line of it, is not the same as none.
pub fn read(host: &Host) -> Result<(Vec<Entry>, usize)> {
    let path = path(host);
    let shown = host.shown(&path);
    let unknown =
        |why: &str, next: String| Fault::problem(format!("what was done is not known: {shown}{why}")).next(next).fail();
    let text = match read_if_there(&path) {
        Ok(text) => text.unwrap_or_default(),
        Err(error) => return unknown(&format!(": {error}"), format!("ls -l {shown}")),
    };
    let entries: Vec<Entry> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let lines = text.lines().filter(|line| !line.trim().is_empty()).count();
    if entries.is_empty() && lines > 0 {
        let why = " is damaged: there is no sense in any line of it";
        return unknown(why, format!("mv {shown} {shown}.damaged"));
    }
    let damaged = lines - entries.len();
    Ok((entries, damaged))
}

/// How often one Coral was treated lately: what has to be cured again and again is not cured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trend {
    /// Its bus-port.
    pub port: String,
    /// Recoveries in the last 24 hours.
    pub last_day: usize,
    /// In the last 7 days.
    pub last_week: usize,
    /// In the 7 days before those.
    pub week_before: usize,
    /// How many of the last 7 days left it critical.
    pub in_vain: usize,
}

const DAY: u64 = 24 * 60 * 60;

/// The trend of each Coral that was treated within two weeks, by port.
pub fn trend(entries: &[Entry], now: u64) -> Vec<Trend> {
    let mut trends: BTreeMap<&str, Trend> = BTreeMap::new();
    for entry in entries {
        // A clock that was set back made what is still to come: it is new.
        let age = now.saturating_sub(entry.at);
        let Some(port) = entry.port.as_deref().filter(|_| age < 14 * DAY) else { continue };
        let none = || Trend { port: port.into(), last_day: 0, last_week: 0, week_before: 0, in_vain: 0 };
        let trend = trends.entry(port).or_insert_with(none);
        let week = age < 7 * DAY;
        trend.last_day += usize::from(age < DAY);
        trend.last_week += usize::from(week);
        trend.week_before += usize::from(!week);
        trend.in_vain += usize::from(week && entry.severity == Severity::Critical);
    }
    trends.into_values().collect()
}

impl Trend {
    /// In words.
    pub fn text(&self) -> String {
        let Self { last_day, last_week, week_before, in_vain, .. } = self;
        let vain = if *in_vain > 0 { format!(", {in_vain} of them in vain") } else { String::new() };
        format!(
            "cures tried: {last_day} in the last day, {last_week} in the last week{vain}, {week_before} in the week before"
        )
    }
}

/// The recoveries as text, and what they add up to.
pub fn text(entries: &[Entry], trends: &[Trend]) -> String {
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
    let mut text = table.render();
    for trend in trends {
        text.push_str(&format!("{}: {}\n", trend.port, trend.text()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn entry(port: &str, at: u64, severity: Severity) -> Entry {
        let (before, after) = (State::QemuStale, State::Ok);
        Entry { at, port: Some(port.into()), vmid: Some(275), before, actions: vec![], after, severity, millis: 1 }
    }

    #[test]
    fn what_is_treated_again_and_again_shows() {
        let now = 100 * DAY;
        let days = |days: u64| now - days * DAY;
        let entries = [
            entry("2-3", days(20), Severity::Ok),
            entry("2-3", days(8), Severity::Critical),
            entry("2-3", days(7), Severity::Ok),
            entry("2-3", days(6), Severity::Critical),
            entry("2-3", days(1) + 1, Severity::Ok),
            entry("1-1", now + DAY, Severity::Ok),
            entry("4-1", days(15), Severity::Ok),
        ];
        let trends = trend(&entries, now);
        let of = |port: &str, last_day, last_week, week_before, in_vain| Trend {
            port: port.into(),
            last_day,
            last_week,
            week_before,
            in_vain,
        };
        assert_eq!(trends, [of("1-1", 1, 1, 0, 0), of("2-3", 1, 2, 2, 1)]);
        assert!(trends[1].text().ends_with("2 in the last week, 1 of them in vain, 2 in the week before"));
    }

    #[test]
    fn not_to_be_read_is_not_empty_and_damage_is_counted() {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::new(dir.path());
        assert_eq!(read(&host).unwrap(), (vec![], 0));
        let path = path(&host);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let line = serde_json::to_string(&entry("2-3", 7, Severity::Ok)).unwrap();
        fs::write(&path, format!("{line}\n{{\"at\":\n\n{line}\n")).unwrap();
        let (entries, damaged) = read(&host).unwrap();
        assert_eq!((entries.len(), damaged), (2, 1));
        fs::write(&path, "nothing of ours\n").unwrap();
        let error = read(&host).unwrap_err();
        assert!(error.to_string().ends_with("is damaged: there is no sense in any line of it"), "{error:#}");
        let shown = host.shown(&path);
        let next = |error| Fault::of(error).unwrap().next.clone().unwrap();
        assert_eq!(next(&error), format!("mv {shown} {shown}.damaged"));
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        let error = read(&host).unwrap_err();
        assert!(error.to_string().contains("what was done is not known"), "{error:#}");
        assert_eq!(next(&error), format!("ls -l {shown}"));
    }
}
