//! What is to be written: put together at once, and written by whoever may wait for a disk.

use super::{
    disk::Files,
    events::{Entry, Events},
    ring::Packed,
};
use crate::{host::read_file, state, tree};
use anyhow::{Context as _, Result};
use serde::Serialize;
use std::{
    collections::HashMap,
    fmt::Write as _,
    fs::{self, OpenOptions},
    io::Write as _,
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

/// Beyond this, the older half of the readings goes.
const MOST_READINGS: u64 = 5 << 20;
/// Beyond this, each VM keeps its newest events, in half of that.
const MOST_EVENTS: u64 = 2 << 20;
/// About what one event takes.
const EVENT: u64 = 200;

#[derive(Serialize)]
struct Happened<'a> {
    id: &'a str,
    #[serde(flatten)]
    event: &'a Entry,
}

/// New readings and events on their way to the disk.
#[derive(Debug)]
#[must_use = "what is not written is lost"]
pub struct Save {
    files: Files,
    readings: String,
    events: String,
}

impl Save {
    pub(super) fn new(files: &Files) -> Self {
        Self { files: files.clone(), readings: String::new(), events: String::new() }
    }

    /// One line with the means of all VMs.
    pub(super) fn readings<'a>(&mut self, at: u64, vms: impl Iterator<Item = (&'a str, Packed)>) {
        let line = &mut self.readings;
        for (id, packed) in vms {
            line.push_str(if line.is_empty() { "" } else { "," });
            _ = write!(line, "{}:[{}", quoted(id), packed.status() as u8);
            let values = packed.values();
            let known = values.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
            for value in &values[..known] {
                match value {
                    Some(value) => _ = write!(line, ",{value}"),
                    None => line.push_str(",null"),
                }
            }
            line.push(']');
        }
        if !line.is_empty() {
            line.insert_str(0, &format!("{{\"at\":{},\"vms\":{{", at / 1000));
            line.push_str("}}\n");
        }
    }

    /// A line for each event that is not on disk yet.
    pub(super) fn events(&mut self, id: &str, events: &Events) {
        for event in events.unsaved() {
            self.events.push_str(&serde_json::to_string(&Happened { id, event }).unwrap_or_default());
            self.events.push('\n');
        }
    }

    /// Writes it, which may take as long as the disk likes.
    pub fn write(self) -> Result<()> {
        append(&self.files.readings, &self.readings, MOST_READINGS, newer_half)?;
        append(&self.files.events, &self.events, MOST_EVENTS, |_| newest_of_each(&self.files))
    }
}

fn quoted(id: &str) -> String {
    serde_json::Value::from(id).to_string()
}

/// In one write. It begins with a newline of its own: the line before may have been cut off. A file that has grown too large
/// is replaced by what is to be kept of it.
fn append(path: &Path, lines: &str, most: u64, kept: impl Fn(&Path) -> Vec<u8>) -> Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    let write = || -> std::io::Result<()> {
        if let Some(dir) = path.parent() {
            tree::create_dirs(dir, 0o755)?;
        }
        let path = &*tree::entry(path)?;
        let mut options = OpenOptions::new();
        options.append(true).create(true).mode(0o644).custom_flags(nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK);
        options.open(path)?.write_all(format!("\n{lines}").as_bytes())?;
        if fs::metadata(path)?.len() > most {
            state::replace(path, &kept(path))?;
        }
        Ok(())
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

/// One that cannot be read any more begins anew.
fn newer_half(path: &Path) -> Vec<u8> {
    let old = read_file(path).unwrap_or_default();
    let half = old.len() / 2;
    let start = old[half..].iter().position(|b| *b == b'\n').map_or(old.len(), |n| half + n + 1);
    old[start..].to_vec()
}

/// By VM rather than by age, so that one that comes and goes all the time does not push out what others did.
fn newest_of_each(files: &Files) -> Vec<u8> {
    let mut all = Vec::new();
    files.events(|id, event| all.push((id.to_owned(), event)));
    let mut left: HashMap<&str, u64> = HashMap::new();
    for (id, _) in &all {
        left.insert(id, 0);
    }
    let most = (MOST_EVENTS / 2 / EVENT / u64::try_from(left.len()).unwrap_or(1).max(1)).max(2);
    let mut lines = Vec::new();
    for (id, event) in all.iter().rev() {
        let count = left.entry(id).or_default();
        *count += 1;
        if *count <= most {
            lines.push(serde_json::to_string(&Happened { id, event }).unwrap_or_default());
        }
    }
    lines.reverse();
    let mut text = lines.join("\n");
    text.push('\n');
    text.into_bytes()
}
