//! What is written down before a device is taken off a VM: how to give it back.

use super::options::Options;
use crate::{
    fault::Fault,
    host::{Host, names, read_file},
    proc, pve,
    session::Session,
    state, tree,
};
use anyhow::Result;
use serde::{Deserialize, Serialize};
use std::{io::ErrorKind, path::PathBuf};

/// The intent to give a device back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    /// The boot that it belongs to.
    boot_id: String,
    /// The VM.
    pub(super) vmid: u32,
    /// Its QEMU: one that was started later got all of its devices from PVE.
    pid: i32,
    start_time: u64,
    /// What takes the device off.
    by: String,
    /// The arguments of `device_add`.
    pub(super) options: Options,
}

impl Record {
    /// Writes it down.
    pub(super) fn save(session: &Session, vmid: u32, options: &Options) -> Result<Self> {
        let host = &session.host;
        let (pid, start_time) = qemu(host, vmid).unwrap_or_default();
        let by = session.log.program().to_owned();
        let record = Self { boot_id: host.boot_id(), vmid, pid, start_time, by, options: options.clone() };
        state::save(&path(host, vmid, &options.id), &record)?;
        Ok(record)
    }

    /// The one of a device, if it is about the QEMU that runs now.
    pub(super) fn load(host: &Host, vmid: u32, id: &str) -> Option<Self> {
        let record: Self = state::load(&path(host, vmid, id))?;
        (record.vmid == vmid && record.options.id == id && record.is_current(host)).then_some(record)
    }

    /// Every one there is, with its place, or why it is none. Not being able to look is not the same as none.
    pub(super) fn all(host: &Host) -> Result<Vec<(PathBuf, Result<Self, String>)>> {
        let dir = directory(host);
        match tree::read_dir(&dir) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                let shown = host.shown(&dir);
                return Fault::problem(format!("{shown}: {error}: what was taken off a VM is not known"))
                    .next(format!("ls -ld {shown}"))
                    .fail();
            }
            _ => {}
        }
        // Not the temporary ones that a run which died may have left.
        let ours =
            |name: &String| name.strip_prefix("replug-").is_some_and(|rest| rest.strip_suffix(".json").is_some());
        let mut found = Vec::new();
        for name in names(&dir).into_iter().filter(ours) {
            let path = dir.join(name);
            let read = match read_file(&path) {
                Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| error.to_string()),
                // Whoever had it has finished.
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => Err(error.to_string()),
            };
            found.push((path, read));
        }
        Ok(found)
    }

    /// Whether it is about the QEMU that runs now.
    pub(super) fn is_current(&self, host: &Host) -> bool {
        self.boot_id == host.boot_id() && qemu(host, self.vmid) == Some((self.pid, self.start_time))
    }

    /// Whether the QEMU that it is about lives, whatever PVE's files say of it.
    pub(super) fn may_be_current(&self, host: &Host) -> bool {
        let lives = || proc::start_time(host, self.pid) == Some(self.start_time);
        self.boot_id == host.boot_id() && lives() && pve::vm_of(host, self.pid) == Some(self.vmid)
    }

    /// Removes it: the device is in QEMU.
    pub(super) fn forget(&self, host: &Host) -> Result<()> {
        state::remove(&path(host, self.vmid, &self.options.id))
    }
}

fn qemu(host: &Host, vmid: u32) -> Option<(i32, u64)> {
    let pid = pve::qemu_pid(host, vmid)?;
    Some((pid, proc::start_time(host, pid)?))
}

fn directory(host: &Host) -> PathBuf {
    host.run_dir().join("usb")
}

pub(super) fn path(host: &Host, vmid: u32, id: &str) -> PathBuf {
    directory(host).join(format!("replug-{vmid}-{id}.json"))
}
