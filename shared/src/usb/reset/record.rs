//! What is off at this moment and has to be on again, written down before it is switched off.

use crate::{
    host::{Host, names},
    state, tree,
};
use anyhow::Result;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What was switched off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Off {
    /// A port, by its switch in sysfs.
    Port(String),
    /// The power of the ports of one socket, by their hubs.
    Power(Vec<String>),
    /// A controller's driver, by the controller's address.
    Driver(String),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    /// The boot that it belongs to.
    pub(super) boot_id: String,
    /// The controller, whose lock is needed.
    pub(super) controller: String,
    pub(super) off: Off,
}

impl Record {
    pub(super) fn new(host: &Host, controller: &str, off: Off) -> Self {
        Self { boot_id: host.boot_id(), controller: controller.to_owned(), off }
    }

    fn path(&self, host: &Host) -> PathBuf {
        let name = match &self.off {
            Off::Port(port) => format!("port-{port}"),
            Off::Power(ports) => format!("power-{}", ports.join("+")),
            Off::Driver(address) => format!("driver-{address}"),
        };
        directory(host).join(format!("{PREFIX}{name}.json"))
    }

    pub(super) fn save(&self, host: &Host) -> Result<()> {
        state::save(&self.path(host), self)
    }

    pub(super) fn forget(&self, host: &Host) -> Result<()> {
        state::remove(&self.path(host))
    }

    pub(super) fn is_there(&self, host: &Host) -> bool {
        tree::exists(&self.path(host))
    }
}

/// Others keep records beside these.
const PREFIX: &str = "off-";

fn directory(host: &Host) -> PathBuf {
    host.run_dir().join("usb")
}

/// The records of this boot, and the files that should be some and cannot be understood.
pub(super) fn records(host: &Host) -> (Vec<Record>, Vec<PathBuf>) {
    let ours = names(&directory(host)).into_iter().filter(|name| name.starts_with(PREFIX));
    let (mut records, mut garbage) = (Vec::new(), Vec::new());
    for path in ours.map(|name| directory(host).join(name)) {
        match state::load::<Record>(&path) {
            // Its name goes into that of a lock.
            Some(record) if !record.controller.contains('/') && record.path(host) == path => records.push(record),
            _ => garbage.push(path),
        }
    }
    records.retain(|record| record.boot_id == host.boot_id());
    (records, garbage)
}
