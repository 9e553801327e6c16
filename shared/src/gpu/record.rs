//! What a move has to remember: the intent, and what there was before. What *is* gets read from sysfs.

use super::unit::Unit;
use crate::{
    host::{Host, names, read_file},
    pci::Address,
    proc, state,
};
use anyhow::Result;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    io::ErrorKind,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

/// A side that a GPU can be on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// With the host's own driver.
    Host,
    /// With vfio-pci, for a VM.
    Vfio,
}

/// What one function was like before it was moved.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Original {
    /// Its host driver; never a vfio driver.
    pub driver: Option<String>,
    /// The module of that driver.
    pub module: Option<String>,
    /// `power/control`.
    pub power_control: Option<String>,
    /// `d3cold_allowed`.
    pub d3cold_allowed: Option<String>,
    /// Whether its driver had made a sound card.
    pub sound: bool,
}

/// A write that the kernel has not answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stuck {
    /// The process inside the kernel.
    pub pid: i32,
    /// Its start time, so that a reused pid is not taken for it.
    pub start_time: u64,
    /// The attribute.
    pub file: String,
    /// What is being written.
    pub value: String,
    /// Since when, in seconds of the epoch.
    pub since: u64,
}

/// The record of one unit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Record {
    /// The boot that it belongs to; another boot's record says nothing.
    pub boot_id: String,
    /// The display function.
    pub address: Option<Address>,
    /// The IOMMU group, in case the device vanishes.
    pub group: Option<u32>,
    /// The bridge above, in case the device vanishes.
    pub bridge: Option<Address>,
    /// Where it is going or has gone.
    pub to: Option<Side>,
    /// Whether the last move was finished and verified.
    pub done: bool,
    /// Which VM it was moved for.
    pub vmid: Option<u32>,
    /// What moved it (`gpu-bind detach`, `pve-hook pre-start`).
    pub by: String,
    /// When, in seconds of the epoch.
    pub at: u64,
    /// What there was before, per function.
    pub originals: BTreeMap<Address, Original>,
    /// Units that were stopped and have to be started again.
    pub stopped_units: Vec<String>,
    /// Consoles that were taken off the framebuffer.
    pub unbound_consoles: Vec<String>,
    /// The write that the kernel has not answered.
    pub stuck: Option<Stuck>,
}

impl Record {
    /// The record of a unit in this boot; an empty one where there is none.
    pub fn load(host: &Host, unit: &Unit) -> Self {
        Self::read(host, &path(host, unit.key())).unwrap_or_default()
    }

    fn read(host: &Host, path: &Path) -> Option<Self> {
        state::load::<Self>(path).filter(|record| record.boot_id == host.boot_id())
    }

    /// Whether there is one at all.
    pub fn exists(&self) -> bool {
        !self.boot_id.is_empty() || self.to.is_some()
    }

    /// Writes it down.
    pub fn save(&mut self, host: &Host, unit: &Unit) -> Result<()> {
        self.boot_id = host.boot_id();
        self.address = Some(unit.address);
        self.group = unit.group;
        state::save(&path(host, unit.key()), self)
    }

    /// Forgets it: the unit is where it was before.
    pub fn forget(&mut self, host: &Host, unit: &Unit) -> Result<()> {
        state::remove(&path(host, unit.key()))?;
        *self = Self::default();
        Ok(())
    }

    /// The write that is still inside the kernel, if the recorded one is.
    pub fn still_stuck(&self, host: &Host) -> Option<&Stuck> {
        self.stuck.as_ref().filter(|stuck| proc::is_alive(host, stuck.pid, stuck.start_time))
    }
}

fn directory(host: &Host) -> PathBuf {
    host.run_dir().join("gpu")
}

fn path(host: &Host, key: Address) -> PathBuf {
    directory(host).join(format!("{key}.json"))
}

/// Every unit that has a record in this boot, also where the device itself has vanished.
pub fn recorded(host: &Host) -> Vec<(Unit, Record)> {
    let mut found = Vec::new();
    for name in names(&directory(host)) {
        let Some(key) = name.strip_suffix(".json").and_then(|n| n.parse::<Address>().ok()) else { continue };
        let Some(record) = Record::read(host, &path(host, key)) else { continue };
        let address = record.address.unwrap_or(key);
        let functions =
            record.originals.keys().copied().chain([address, key]).collect::<std::collections::BTreeSet<_>>();
        found.push((Unit::of(host, address, functions, record.group), record));
    }
    found
}

/// What should be records and cannot be understood: in words, each with the next thing to do.
pub fn damaged(host: &Host) -> Vec<String> {
    let mut found = Vec::new();
    for name in names(&directory(host))
        .into_iter()
        .filter(|name| name.strip_suffix(".json").is_some_and(|key| !key.starts_with('.')))
    {
        let path = directory(host).join(name);
        let why = match read_file(&path) {
            Ok(bytes) => serde_json::from_slice::<Record>(&bytes).err().map(|error| error.to_string()),
            Err(error) => (error.kind() != ErrorKind::NotFound).then(|| error.to_string()),
        };
        let shown = host.shown(&path);
        found.extend(why.map(|why| {
            format!("{shown}: {why}: what was moved before is not known; next: mv {shown} {shown}.damaged")
        }));
    }
    found
}

/// Now, in seconds of the epoch.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_record_that_cannot_be_understood_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::new(dir.path());
        assert!(damaged(&host).is_empty());
        fs::create_dir_all(directory(&host)).unwrap();
        fs::write(directory(&host).join("0000:02:00.0.json"), "{}").unwrap();
        fs::write(directory(&host).join("0000:01:00.0.json"), "{\"done\"").unwrap();
        let told = damaged(&host);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].starts_with("/run/pve-hooks/gpu/0000:01:00.0.json: EOF while parsing"), "{told:?}");
    }
}
