//! What the configurations of this host's VMs said. To read and parse a thousand of them every half minute costs more than
//! all else that discovery does, and `/etc/pve` is a file system of a process, which answers slowly: a file that is still the
//! same is not read again.

use super::NAME;
use crate::{
    host::Host,
    plain::plain,
    probe::{hardware::hardware, instance::Hardware},
    pve::{self, VmConfig},
    tree,
};
use anyhow::Result;
use std::{collections::BTreeMap, os::unix::fs::MetadataExt, path::Path};

/// The times of that file system are whole seconds: a file that was written just before it was read may have been written
/// again since.
const RACY: i64 = 3;
/// Nothing is believed for longer, in milliseconds: the nodes of a cluster, which write those times, have clocks of their own.
const LONGEST: u64 = 5 * 60 * 1000;

/// What a configuration says, as far as it is shown.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Configured {
    pub name: String,
    pub lock: Option<String>,
    pub template: bool,
    pub onboot: bool,
    pub hardware: Hardware,
}

impl Configured {
    pub fn new(config: &VmConfig) -> Self {
        Self {
            name: plain(&config.name, NAME),
            lock: config.lock.as_deref().map(|lock| plain(lock, NAME)),
            template: config.template,
            onboot: config.onboot,
            hardware: hardware(config),
        }
    }
}

/// Size, inode and the time of the last change, in seconds and their fraction.
type Stamp = (u64, u64, i64, i64);

#[derive(Debug)]
struct Entry {
    stamp: Stamp,
    read: u64,
    configured: Configured,
}

/// What was read, by VM.
#[derive(Debug, Default)]
pub(super) struct Known(BTreeMap<u32, Entry>);

impl Known {
    /// What a VM's configuration says now.
    pub fn of(&mut self, host: &Host, vmid: u32, now: u64) -> Result<Configured> {
        let stamp = stamp(&host.vm_configs().join(format!("{vmid}.conf")));
        if let (Some(stamp), Some(entry)) = (stamp, self.0.get(&vmid))
            && entry.stamp == stamp
            && now.abs_diff(entry.read) < LONGEST
        {
            return Ok(entry.configured.clone());
        }
        self.0.remove(&vmid);
        let configured = Configured::new(&pve::load(host, vmid)?);
        let second = i64::try_from(now / 1000).unwrap_or(0);
        if let Some(stamp) = stamp.filter(|(_, _, changed, _)| changed + RACY < second) {
            self.0.insert(vmid, Entry { stamp, read: now, configured: configured.clone() });
        }
        Ok(configured)
    }

    /// Forgets those that are not among these.
    pub fn keep(&mut self, vmids: &[u32]) {
        self.0.retain(|vmid, _| vmids.binary_search(vmid).is_ok());
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let found = tree::metadata(path).ok()?;
    Some((found.size(), found.ino(), found.mtime(), found.mtime_nsec()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        fs::{self, File},
        time::{Duration, SystemTime},
    };

    #[test]
    fn what_was_changed_is_read_again_and_only_that() {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::new(dir.path());
        fs::create_dir_all(host.vm_configs()).unwrap();
        let path = host.vm_configs().join("111.conf");
        let now = crate::clock::millis();
        let aged = |seconds: u64| {
            let time = SystemTime::UNIX_EPOCH + Duration::from_millis(now) - Duration::from_secs(seconds);
            File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
        };
        let mut known = Known::default();
        let mut name = |at: u64| known.of(&host, 111, at).unwrap().name;
        fs::write(&path, "name: a\n").unwrap();
        aged(1);
        assert_eq!(name(now), "a");
        fs::write(&path, "name: b\n").unwrap();
        aged(1);
        assert_eq!(name(now), "b", "what is so young is read, whatever its time says");
        aged(60);
        assert_eq!(name(now), "b");
        fs::write(&path, "name: c\n").unwrap();
        aged(60);
        assert_eq!(name(now), "b", "nothing tells that it is another one");
        assert_eq!(name(now + LONGEST), "c");
        fs::write(&path, "name: longer\nlock: backup\n").unwrap();
        aged(60);
        assert_eq!(name(now), "longer");
        fs::remove_file(&path).unwrap();
        assert!(known.of(&host, 111, now).is_err());
        known.keep(&[]);
        assert!(known.0.is_empty());
    }
}
