//! The two files below `/var/lib/pve-hooks/probe`: `readings.jsonl`, a line with the means of all VMs for each minute, and
//! `events.jsonl`, a line for each event. Their names are fixed: what VMs are called is only ever written into them. Lines
//! are appended, without forcing them to the disk: a crash costs the last of them, and half a line is skipped.

use super::{
    COLUMNS,
    log::{Entry, Log, clean},
    ring::Packed,
};
use crate::{
    host::{Host, read_file, read_if_there},
    probe::verdict::Status,
    state,
};
use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs::{self, DirBuilder, OpenOptions},
    io::Write as _,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// Beyond this, the older half of the readings goes.
const MOST_READINGS: u64 = 5 << 20;
/// Beyond this, each VM keeps its newest events.
const MOST_EVENTS: u64 = 2 << 20;
/// About what one event takes.
const EVENT: usize = 200;

#[derive(Deserialize)]
struct Line {
    at: u64,
    vms: BTreeMap<String, Vec<Option<f64>>>,
}

#[derive(Serialize, Deserialize)]
struct Happened<'a> {
    id: std::borrow::Cow<'a, str>,
    #[serde(flatten)]
    event: std::borrow::Cow<'a, Entry>,
}

/// Where they are.
#[derive(Debug)]
pub(super) struct Files {
    readings: PathBuf,
    events: PathBuf,
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
            let mut event = line.event.into_owned();
            // The file may have been written by anybody who was root once.
            event.text = clean(&event.text);
            each(&line.id, event);
        }
    }

    pub(super) fn append_readings<'a>(&self, now: u64, vms: impl Iterator<Item = (&'a str, Packed)>) -> Result<()> {
        let mut line = format!("{{\"at\":{},\"vms\":{{", now / 1000);
        let start = line.len();
        for (id, packed) in vms {
            let comma = if line.len() == start { "" } else { "," };
            write!(line, "{comma}{}:[{}", serde_json::to_string(id)?, packed.status() as u8)?;
            let values = packed.values();
            let known = values.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
            for value in &values[..known] {
                match value {
                    Some(value) => write!(line, ",{}", super::ring::digits(*value))?,
                    None => line.push_str(",null"),
                }
            }
            line.push(']');
        }
        if line.len() == start {
            return Ok(());
        }
        line.push_str("}}\n");
        append(&self.readings, &line)?;
        if size(&self.readings) > MOST_READINGS {
            // One that cannot be read any more begins anew.
            let old = read_file(&self.readings).unwrap_or_default();
            let half = old.len().saturating_sub(usize::try_from(MOST_READINGS / 2).unwrap_or(0));
            let start = old[half..].iter().position(|b| *b == b'\n').map_or(old.len(), |i| half + i + 1);
            state::replace(&self.readings, &old[start..]).with_context(|| failed(&self.readings))?;
        }
        Ok(())
    }

    pub(super) fn append_events<'a>(&self, vms: impl Iterator<Item = (&'a str, &'a mut Log)>) -> Result<()> {
        let vms: Vec<_> = vms.collect();
        let mut lines = String::new();
        for (id, log) in &vms {
            log.unsaved().try_for_each(|event| line(&mut lines, id, event))?;
        }
        if lines.is_empty() {
            return Ok(());
        }
        append(&self.events, &lines)?;
        if size(&self.events) > MOST_EVENTS {
            // By VM rather than by age, so that one that comes and goes all the time does not push out what others did.
            let most = usize::try_from(MOST_EVENTS / 2).unwrap_or(0) / EVENT / vms.len().max(1);
            let mut kept: Vec<_> =
                vms.iter().flat_map(|(id, log)| log.newest(most.max(2)).map(|event| (*id, event))).collect();
            kept.sort_by_key(|(_, event)| event.at);
            lines.clear();
            kept.into_iter().try_for_each(|(id, event)| line(&mut lines, id, event))?;
            state::replace(&self.events, lines.as_bytes()).with_context(|| failed(&self.events))?;
        }
        for (_, log) in vms {
            log.saved();
        }
        Ok(())
    }
}

fn line(lines: &mut String, id: &str, event: &Entry) -> Result<()> {
    lines.push_str(&serde_json::to_string(&Happened { id: id.into(), event: std::borrow::Cow::Borrowed(event) })?);
    lines.push('\n');
    Ok(())
}

fn unpacked(at: u64, numbers: &[Option<f64>]) -> Packed {
    let (status, values) = numbers.split_first().unwrap_or((&None, &[]));
    let status = (0u8..).zip(Status::ALL).find(|(code, _)| Some(f64::from(*code)) == *status);
    let mut all = [None; COLUMNS.len()];
    all.iter_mut().zip(values).for_each(|(one, value)| *one = *value);
    Packed::new(at, status.map_or(Status::Unknown, |(_, status)| status), all)
}

fn size(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |meta| meta.len())
}

fn failed(path: &Path) -> String {
    format!("cannot write {}", path.display())
}

/// In one write. It begins with a newline of its own: the line before may have been cut off.
fn append(path: &Path, lines: &str) -> Result<()> {
    let write = || -> std::io::Result<()> {
        if let Some(dir) = path.parent() {
            DirBuilder::new().recursive(true).mode(0o755).create(dir)?;
        }
        let mut options = OpenOptions::new();
        let options =
            options.append(true).create(true).mode(0o644).custom_flags(nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK);
        options.open(path)?.write_all(format!("\n{lines}").as_bytes())
    };
    write().with_context(|| failed(path))
}
