//! What the host itself does with the disks and network interfaces of a device: what would break if it went away.

mod disk;
mod mount;
mod network;

use crate::{
    host::{Host, names, read_text},
    tree,
};
use std::{cell::OnceCell, path::Path};

/// The disks and network interfaces of a host and what they are used for, as it was at one moment.
pub struct Users<'h> {
    host: &'h Host,
    disks: Vec<Entry>,
    interfaces: Vec<Entry>,
    /// Read when the first disk is asked for.
    disk_facts: OnceCell<disk::Facts>,
}

/// An entry of a class, and the text of the link to its place in the device tree.
struct Entry {
    name: String,
    place: String,
}

impl<'h> Users<'h> {
    /// Looks at the host.
    pub fn look(host: &'h Host) -> Self {
        // One of the ways to an NVMe disk is no disk of its own: it has no number, and nothing can be on it.
        let mut disks = entries(&host.block_class());
        disks.retain(|disk| multipath_head(&disk.name).is_none());
        Self { host, disks, interfaces: entries(&host.net_class()), disk_facts: OnceCell::new() }
    }

    /// What uses a device, in sentences: `eno1 belongs to vmbr0`, `sda1 is mounted on /srv`. The device is named by a part
    /// of its place in the device tree: `/0000:04:00.0/`. An empty list means that nothing was found; disks that another
    /// program opened raw are not seen.
    pub fn of(&self, part: &str) -> Vec<String> {
        self.uses(part, true)
    }

    /// The same without interfaces that are merely up: what would break if somebody who asked for it took the device.
    pub fn needing(&self, part: &str) -> Vec<String> {
        self.uses(part, false)
    }

    fn uses(&self, part: &str, up: bool) -> Vec<String> {
        let mut uses = Vec::new();
        for interface in self.interfaces.iter().filter(|entry| entry.place.contains(part)) {
            network::uses(self.host, &interface.name, &mut uses);
            uses.extend(network::up(self.host, &interface.name).filter(|_| up));
        }
        self.of_disks(&self.disks_of(part), &mut uses);
        uses
    }

    /// What of the uses of a device cannot be known, in sentences: that nothing was found says nothing then.
    pub fn unknown(&self, part: &str) -> Vec<String> {
        let interfaces = self.interfaces.iter().filter(|entry| entry.place.contains(part));
        let mut unknown: Vec<_> = interfaces.filter_map(|i| network::unknown(self.host, &i.name)).collect();
        unknown.extend(self.unknown_of_disks(&self.disks_of(part)));
        unknown
    }

    /// What of the uses of these disks cannot be known.
    pub fn unknown_of_disks(&self, disks: &[String]) -> Vec<String> {
        if disks.is_empty() { Vec::new() } else { self.disk_facts().unknown(self.host, disks) }
    }

    /// The disks and partitions of a device.
    pub fn disks_of(&self, part: &str) -> Vec<String> {
        self.disks.iter().filter(|entry| entry.place.contains(part)).map(|entry| entry.name.clone()).collect()
    }

    /// What uses these disks.
    pub fn of_disks(&self, disks: &[String], uses: &mut Vec<String>) {
        for disk in disks {
            self.disk_facts().uses(self.host, disk, uses);
        }
    }

    fn disk_facts(&self) -> &disk::Facts {
        self.disk_facts.get_or_init(|| disk::Facts::read(self.host))
    }
}

/// A table of the kernel, or why it is not known: nothing is told by what cannot be read, and nothing by what is no such
/// table, such as the empty file that a copy of `/proc` leaves.
pub(crate) fn table<T>(host: &Host, file: &Path, read: impl Fn(&str) -> Option<Vec<T>>) -> Result<Vec<T>, String> {
    let cannot = |why: &str| format!("cannot read {}: {why}", host.shown(file));
    let text = read_text(file).map_err(|error| cannot(&error.to_string()))?;
    let rows = Some(text).filter(|text| !text.is_empty()).as_deref().and_then(read);
    rows.ok_or_else(|| cannot("it is not what the kernel writes there"))
}

/// The disk that `nvme0c1n2` is one way to: `nvme0n2`.
pub(crate) fn multipath_head(name: &str) -> Option<String> {
    let (subsystem, rest) = name.strip_prefix("nvme")?.split_once('c')?;
    let (controller, namespace) = rest.split_once('n')?;
    let numbers = [subsystem, controller, namespace];
    let plain = numbers.iter().all(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
    plain.then(|| format!("nvme{subsystem}n{namespace}"))
}

fn entries(class: &Path) -> Vec<Entry> {
    let entry = |name: String| {
        let place = tree::read_link(&class.join(&name)).ok()?.to_string_lossy().into_owned();
        Some(Entry { name, place })
    };
    names(class).into_iter().filter_map(entry).collect()
}

#[cfg(test)]
mod tests;
