//! The record of readings and events, for whoever asks afterwards: in memory as it was measured, on disk as means over a
//! minute. Both are bounded in all, however many VMs there are.

mod changes;
mod disk;
mod events;
mod figures;
mod record;
mod ring;
mod save;
#[cfg(test)]
mod tests;

pub use record::{Record, read, unreadable};
pub use ring::{COLUMNS, Point};
pub use save::Save;

use super::service::{Event, Reading};
use crate::host::Host;
use changes::Known;
use disk::Files;
use events::Events;
use figures::Marks;
use ring::{Packed, Ring};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A ring holds an hour of deep rounds …
const MOST_READINGS: usize = 240;
/// … and fewer where there are so many VMs that all rings together would outgrow some megabytes.
const READINGS_IN_ALL: usize = 300_000;
const FEWEST_READINGS: usize = 24;
/// Events of one VM, and of all.
const MOST_EVENTS: usize = 100;
const EVENTS_IN_ALL: usize = 20_000;
const FEWEST_EVENTS: usize = 4;
/// What was heard of last so long ago is forgotten.
const KEPT: u64 = 24 * 60 * 60 * 1000;
/// More VMs than anybody has in one place: a source that makes names up must not fill memory.
const MOST_VMS: usize = 20_000;
/// So often the disk is written at most; with more than a thousand VMs less often, so that it sees the same bytes.
const PERIOD: u64 = 60 * 1000;
const VMS_A_PERIOD: u64 = 1000;

/// What is remembered of one VM.
#[derive(Debug, Default)]
struct Entry {
    ring: Ring,
    events: Events,
    known: Known,
    marks: Marks,
    /// When anything was heard of it last.
    heard: u64,
}

/// Keeps the record.
#[derive(Debug)]
pub struct Recorder {
    files: Files,
    entries: BTreeMap<String, Entry>,
    /// When the disk was written last.
    saved: u64,
}

impl Recorder {
    /// Goes on with what is on disk.
    pub fn new(host: &Host) -> Self {
        let files = Files::new(host);
        let mut entries: BTreeMap<String, Entry> = BTreeMap::new();
        let mut saved = 0;
        files.readings(|id, at, packed| {
            let entry = entries.entry(id.to_owned()).or_default();
            entry.ring.push(packed, MOST_READINGS);
            entry.heard = entry.heard.max(at);
            saved = saved.max(at);
        });
        files.events(|id, event| {
            let entry = entries.entry(id.to_owned()).or_default();
            entry.heard = entry.heard.max(event.at);
            entry.known.replay(&event);
            entry.events.push(event, MOST_EVENTS);
        });
        for entry in entries.values_mut() {
            entry.events.saved();
            entry.known.status = entry.known.status.or(entry.ring.last().map(Packed::status));
        }
        Self { files, entries, saved }
    }

    /// Notes a reading. Returns what happened by it: the status changed, a problem came, a problem went.
    pub fn reading(&mut self, reading: &Reading, now: u64) -> Vec<Event> {
        let id = reading.evidence.instance.id.as_str();
        let (readings, events) = (self.share(READINGS_IN_ALL), self.share(EVENTS_IN_ALL));
        let Some(entry) = self.entry(id, now) else { return Vec::new() };
        let values = entry.marks.values(&reading.evidence);
        entry
            .ring
            .push(Packed::new(now, reading.verdict.status, values), readings.clamp(FEWEST_READINGS, MOST_READINGS));
        let changes = entry.known.compare(reading, now);
        let most = events.clamp(FEWEST_EVENTS, MOST_EVENTS);
        let told = changes.iter().map(|change| change.told(id)).collect();
        for change in changes {
            entry.events.push(change, most);
        }
        told
    }

    /// Notes something else that happened to an instance.
    pub fn event(&mut self, id: &str, event: &Event) {
        let most = self.share(EVENTS_IN_ALL).clamp(FEWEST_EVENTS, MOST_EVENTS);
        if let Some(entry) = self.entry(id, event.at) {
            entry.events.push(events::Entry::new(event.at, event.kind, &event.text, None), most);
        }
    }

    /// The record of one instance; `None` where nothing is known of it.
    pub fn document(&self, id: &str) -> Option<Value> {
        let entry = self.entries.get(id)?;
        Some(document(id, entry.ring.points(), entry.events.iter()))
    }

    /// What is new, when that is due. It is better written without holding anything that others wait for.
    pub fn due(&mut self, now: u64) -> Option<Save> {
        let vms = u64::try_from(self.entries.len()).unwrap_or(u64::MAX);
        let period = PERIOD.saturating_mul(vms.div_ceil(VMS_A_PERIOD).max(1));
        // A clock that was set back must not make this wait until it has caught up.
        (now.abs_diff(self.saved) >= period).then(|| self.rest(now))
    }

    /// What is new, whether it is due or not: at the end of the daemon.
    pub fn rest(&mut self, now: u64) -> Save {
        let before = std::mem::replace(&mut self.saved, now);
        let since = if before > now { now.saturating_sub(PERIOD) } else { before };
        self.entries.retain(|_, entry| now.saturating_sub(entry.heard) < KEPT);
        let mut save = Save::new(&self.files);
        save.readings(now, self.entries.iter().filter_map(|(id, entry)| Some((id.as_str(), entry.ring.mean(since)?))));
        for (id, entry) in &mut self.entries {
            save.events(id, &entry.events);
            entry.events.saved();
        }
        save
    }

    fn entry(&mut self, id: &str, now: u64) -> Option<&mut Entry> {
        if !self.entries.contains_key(id) && self.entries.len() >= MOST_VMS {
            return None;
        }
        let entry = self.entries.entry(id.to_owned()).or_default();
        entry.heard = now;
        Some(entry)
    }

    fn share(&self, all: usize) -> usize {
        all / self.entries.len().max(1)
    }
}

fn document<'a>(
    id: &str,
    points: impl Iterator<Item = Point>,
    events: impl Iterator<Item = &'a events::Entry>,
) -> Value {
    let readings: Vec<_> = points.map(|point| point.json()).collect();
    let events: Vec<_> = events.map(events::Entry::json).collect();
    json!({ "id": id, "readings": readings, "events": events })
}
