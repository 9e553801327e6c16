//! The two files below `/var/lib/pve-hooks/probe`: `readings.jsonl`, a line with the means of all VMs for each minute, and
//! `events.jsonl`, a line for each event. Their names are fixed: what VMs are called is only ever written into them. Lines
//! are appended, without forcing them to the disk: a crash costs the last of them, and half a line is skipped.

use super::{
    COLUMNS,
    events::{Entry, clean},
    ring::Packed,
};
use crate::{
    host::{Host, read_if_there},
    probe::verdict::Status,
};
use serde::Deserialize;
use std::{collections::BTreeMap, path::PathBuf};

/// A line of `readings.jsonl`: of each VM the status and the figures, those at the end that are not known left out.
#[derive(Deserialize)]
struct Line {
    at: u64,
    vms: BTreeMap<String, Vec<Option<f64>>>,
}

/// A line of `events.jsonl`.
#[derive(Deserialize)]
struct Happened {
    id: String,
    #[serde(flatten)]
    event: Entry,
}

/// Where they are.
#[derive(Debug, Clone)]
pub(super) struct Files {
    pub(super) readings: PathBuf,
    pub(super) events: PathBuf,
}

impl Files {
    pub(super) fn new(host: &Host) -> Self {
        let dir = host.lib_dir().join("probe");
        Self { readings: dir.join("readings.jsonl"), events: dir.join("events.jsonl") }
    }

    /// Every reading that can be read, the oldest first. What cannot be read is as if it had never been.
    pub(super) fn readings(&self, mut each: impl FnMut(&str, u64, Packed)) {
        let text = read_if_there(&self.readings).ok().flatten().unwrap_or_default();
        for line in text.lines().filter_map(|line| serde_json::from_str::<Line>(line).ok()) {
            let at = line.at.saturating_mul(1000);
            for (id, numbers) in &line.vms {
                each(id, at, unpacked(at, numbers));
            }
        }
    }

    /// Every event that can be read, the oldest first.
    pub(super) fn events(&self, mut each: impl FnMut(&str, Entry)) {
        let text = read_if_there(&self.events).ok().flatten().unwrap_or_default();
        for line in text.lines().filter_map(|line| serde_json::from_str::<Happened>(line).ok()) {
            let Entry { at, kind, text, about } = line.event;
            // What is garbage must not reach a terminal as it is.
            each(&line.id, Entry { at, kind: clean(&kind), text: clean(&text), about });
        }
    }
}

fn unpacked(at: u64, numbers: &[Option<f64>]) -> Packed {
    let (status, values) = numbers.split_first().unwrap_or((&None, &[]));
    let status = (0u8..).zip(Status::ALL).find(|(code, _)| Some(f64::from(*code)) == *status);
    let mut all = [None; COLUMNS.len()];
    all.iter_mut().zip(values).for_each(|(one, value)| *one = *value);
    Packed::new(at, status.map_or(Status::Unknown, |(_, status)| status), all)
}
