//! The record of one VM as it is on disk, for those who ask without the daemon.

use super::{
    disk::Files,
    document,
    events::{Entry, Events},
    ring::{Point, Ring, digits},
};
use crate::{
    host::{Host, read_if_there},
    probe::verdict::Status,
    report::Table,
};
use serde_json::Value;
use std::{
    path::PathBuf,
    time::{Duration, UNIX_EPOCH},
};

/// So many events are shown as text.
const SHOWN: usize = 20;
/// One line of text sums up so many milliseconds …
const LINE: u64 = 5 * 60 * 1000;
/// … and there are at most so many of them.
const LINES: usize = 48;

/// The record of one VM.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Whose.
    pub id: String,
    /// The oldest first; the means over a minute each.
    pub readings: Vec<Point>,
    /// The oldest first.
    pub events: Vec<Entry>,
}

/// What is on disk of one VM; `None` where there is nothing.
pub fn read(host: &Host, id: &str) -> Option<Record> {
    let files = Files::new(host);
    let (mut ring, mut all) = (Ring::default(), Events::default());
    files.readings(|of, _, packed| {
        if of == id {
            ring.push(packed, usize::MAX);
        }
    });
    files.events(|of, event| {
        if of == id {
            all.push(event, usize::MAX);
        }
    });
    let record = Record { id: id.to_owned(), readings: ring.points().collect(), events: all.iter().cloned().collect() };
    (!record.readings.is_empty() || !record.events.is_empty()).then_some(record)
}

/// Why what is on disk cannot be read, where there is something.
pub fn unreadable(host: &Host) -> Option<String> {
    let Files { readings, events } = Files::new(host);
    let why = |path: &PathBuf| read_if_there(path).err().map(|error| format!("{}: {error}", host.shown(path)));
    [readings, events].iter().find_map(why)
}

impl Record {
    /// As one document.
    pub fn json(&self) -> Value {
        document(&self.id, self.readings.iter().copied(), self.events.iter())
    }

    /// For people: a line for every five minutes, then the last events.
    pub fn text(&self) -> String {
        let mut table = Table::default();
        table.row(["SINCE", "STATUS", "CPU %", "", "MEMORY %", "", "SENT/S", "", "RECEIVED/S", "", "DISK/S", "ANSWER"]);
        let groups: Vec<_> = self.readings.chunk_by(|a, b| a.at / LINE == b.at / LINE).collect();
        for group in groups.iter().skip(groups.len().saturating_sub(LINES)) {
            let worst = group.iter().map(|point| point.status).max().unwrap_or(Status::Unknown);
            let column = |n: usize| group.iter().map(move |point| point.values[n]);
            let bytes = |n: usize| mean(column(n)).map_or("-".into(), bytes);
            let plain = |n: usize| mean(column(n)).map_or("-".into(), |value| digits(value).to_string());
            let highest = |n: usize| self.readings.iter().filter_map(|point| point.values[n]).fold(0.0, f64::max);
            table.row([
                when(group[0].at),
                worst.word().into(),
                plain(0),
                bars(column(0), 100.0),
                plain(1),
                bars(column(1), 100.0),
                bytes(2),
                bars(column(2), highest(2)),
                bytes(3),
                bars(column(3), highest(3)),
                bytes(5),
                mean(column(7)).map_or("-".into(), |value| format!("{} ms", digits(value))),
            ]);
        }
        let mut text = if groups.is_empty() { "no readings\n".into() } else { table.render() };
        let mut events = Table::default();
        for event in self.events.iter().skip(self.events.len().saturating_sub(SHOWN)) {
            events.row([when(event.at), event.kind.clone(), event.text.clone()]);
        }
        let events = events.render();
        text.push('\n');
        text.push_str(if events.is_empty() { "no events\n" } else { &events });
        text
    }
}

/// A mean of what is known.
fn mean(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let (sum, count) = values.flatten().fold((0.0, 0u32), |(sum, count), value| (sum + value, count + 1));
    (count > 0).then(|| sum / f64::from(count))
}

/// Each value as a bar of a height, a gap where it is not known.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Between 0 and 7.
fn bars(values: impl Iterator<Item = Option<f64>>, full: f64) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let bar = |value: f64| BARS[((value / full * 7.0).round().clamp(0.0, 7.0)) as usize];
    let text: String = values.map(|value| value.map_or(' ', bar)).collect();
    text.trim_end().to_owned()
}

/// A rate with its unit.
fn bytes(value: f64) -> String {
    let (value, unit) = match value {
        v if v >= 1e9 => (v / 1e9, "GB"),
        v if v >= 1e6 => (v / 1e6, "MB"),
        v if v >= 1e3 => (v / 1e3, "kB"),
        v => (v, "B"),
    };
    format!("{} {unit}", digits(value))
}

fn when(at: u64) -> String {
    // Garbage in the file must not overflow a date.
    let at = UNIX_EPOCH + Duration::from_secs((at / 1000).min(253_402_300_799));
    humantime::format_rfc3339_seconds(at).to_string()
}
