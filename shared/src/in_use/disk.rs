//! What a disk or partition is used for: a file system, swap, LVM, RAID, ZFS, Ceph, a loop device.

use super::{
    mount::{Mount, mounts},
    table,
};
use crate::{
    host::{Host, names, read_text},
    sysfs, tree,
};
use std::{collections::BTreeSet, io::ErrorKind, path::Path};

/// What is the same for every disk.
pub(super) struct Facts {
    /// Or why they are not known.
    mounts: Result<Vec<Mount>, String>,
    /// Or why they are not known.
    swaps: Result<Vec<String>, String>,
    /// Loop devices and the path of what is behind each.
    loops: Vec<(String, String)>,
    /// Ceph's OSDs and the disk that each is on.
    osds: Vec<(String, String)>,
    /// Mounted btrfs file systems and their disks: `mountinfo` only names the first.
    btrfs: Vec<(String, Vec<String>)>,
}

impl Facts {
    pub(super) fn read(host: &Host) -> Self {
        let (mounts, file) = (mounts(host), host.proc().join("swaps"));
        // A kernel that knows no swap space has no such file.
        let none = mounts.is_ok() && matches!(tree::metadata(&file), Err(error) if error.kind() == ErrorKind::NotFound);
        Self {
            mounts,
            swaps: if none { Ok(Vec::new()) } else { table(host, &file, swaps) },
            loops: loops(host),
            osds: osds(host),
            btrfs: btrfs(host),
        }
    }

    pub(super) fn uses(&self, host: &Host, disk: &str, uses: &mut Vec<String>) {
        let dir = host.block_class().join(disk);
        let number = sysfs::read(&dir.join("dev")).ok().unwrap_or_default();
        let node = format!("/dev/{disk}");
        let mounted =
            self.mounts.iter().flatten().filter(|m| (m.device == number && !number.is_empty()) || m.source == node);
        let on: BTreeSet<_> = mounted.map(|m| &m.on).collect();
        uses.extend(on.iter().map(|on| format!("{disk} is mounted on {on}")));
        let part_of = self.btrfs.iter().filter(|(_, disks)| on.is_empty() && disks.iter().any(|d| d == disk));
        uses.extend(part_of.map(|(name, _)| format!("{disk} belongs to the btrfs file system {name}")));
        if self.swaps.iter().flatten().any(|swap| *swap == node) {
            uses.push(format!("{disk} is swap space"));
        }
        let behind = self.loops.iter().filter(|(_, file)| *file == node);
        uses.extend(behind.map(|(name, _)| format!("{disk} is part of {name}")));
        for holder in names(&dir.join("holders")) {
            let name = sysfs::read(&host.block_class().join(&holder).join("dm/name")).ok();
            let mut text = match name {
                Some(name) => format!("{disk} is part of {holder} ({name})"),
                None => format!("{disk} is part of {holder}"),
            };
            if let Some((osd, _)) = self.osds.iter().find(|(_, on)| *on == holder) {
                text.push_str(&format!(", the OSD {osd} of Ceph"));
            }
            uses.push(text);
        }
        let osds = self.osds.iter().filter(|(_, on)| on == disk);
        uses.extend(osds.map(|(osd, _)| format!("{disk} is the OSD {osd} of Ceph")));
        if let Some(pool) = zfs_pool(host, &number) {
            uses.push(format!("{disk} belongs to the ZFS pool {pool}"));
        }
    }

    /// What of the uses of these disks cannot be known, each with the reason.
    pub(super) fn unknown(&self, host: &Host, disks: &[String]) -> Vec<String> {
        let cannot = |which: &str, what: &str, why: &str| format!("whether {which} is {what} is not known: {why}");
        let all = if let [one] = disks { one.clone() } else { format!("one of {}", disks.join(", ")) };
        let tables = [("mounted", self.mounts.as_ref().err()), ("swap space", self.swaps.as_ref().err())];
        let mut unknown: Vec<_> = tables.into_iter().filter_map(|(what, why)| Some(cannot(&all, what, why?))).collect();
        let pools = has_zfs_pools(host);
        for disk in disks {
            let number = host.block_class().join(disk).join("dev");
            let cannot_read = |file: &Path, error| format!("cannot read {}: {error}", host.shown(file));
            match sysfs::read(&number) {
                // A copied tree may know it by its name alone.
                Err(error) if error.kind() == ErrorKind::NotFound && !host.is_live() => {}
                Err(error) => unknown.push(cannot(disk, "in use", &cannot_read(&number, error))),
                Ok(number) if pools => {
                    let udev = host.udev_data().join(format!("b{number}"));
                    let error = read_text(&udev).err();
                    unknown.extend(error.map(|error| cannot(disk, "part of a ZFS pool", &cannot_read(&udev, error))));
                }
                Ok(_) => {}
            }
        }
        unknown
    }
}

/// The devices and files of `/proc/swaps`, which has a head also where there are none.
fn swaps(text: &str) -> Option<Vec<String>> {
    let rows = text.strip_prefix("Filename")?.lines().skip(1);
    rows.map(|row| row.split_ascii_whitespace().next().filter(|name| name.starts_with('/')).map(str::to_owned))
        .collect()
}

fn has_zfs_pools(host: &Host) -> bool {
    let dir = host.proc().join("spl/kstat/zfs");
    names(&dir).iter().any(|name| tree::is_dir(&dir.join(name)))
}

fn loops(host: &Host) -> Vec<(String, String)> {
    let class = host.block_class();
    let loops = names(&class).into_iter().filter(|name| name.starts_with("loop"));
    loops
        .filter_map(|name| Some((name.clone(), sysfs::read(&class.join(&name).join("loop/backing_file")).ok()?)))
        .collect()
}

/// An OSD has links to its disks, whether those are LVM volumes (which show as holders) or partitions (which do not).
fn osds(host: &Host) -> Vec<(String, String)> {
    let dir = host.ceph_osds();
    let mut found = Vec::new();
    for osd in names(&dir) {
        let links = ["block", "block.db", "block.wal", "journal"].map(|link| dir.join(&osd).join(link));
        found.extend(links.iter().filter_map(|link| Some((osd.clone(), disk_behind(host, link)?))));
    }
    found
}

fn disk_behind(host: &Host, link: &Path) -> Option<String> {
    let target = tree::read_link(link).ok()?;
    let path = host.at(target.to_str()?);
    let path = tree::canonicalize(&path).unwrap_or(path);
    Some(path.file_name()?.to_str()?.to_owned())
}

fn btrfs(host: &Host) -> Vec<(String, Vec<String>)> {
    let dir = host.btrfs();
    let look = |uuid: String| {
        let disks = names(&dir.join(&uuid).join("devices"));
        let label = sysfs::read(&dir.join(&uuid).join("label")).ok().filter(|label| !label.is_empty());
        (!disks.is_empty()).then(|| (label.unwrap_or(uuid), disks))
    };
    names(&dir).into_iter().filter_map(look).collect()
}

/// ZFS registers no holder: udev knows the label of the disk, and ZFS the names of the imported pools.
fn zfs_pool(host: &Host, number: &str) -> Option<String> {
    let udev = read_text(&host.udev_data().join(format!("b{number}"))).ok()?;
    let property = |key| udev.lines().find_map(|l| l.strip_prefix("E:")?.strip_prefix(key)?.strip_prefix('='));
    let pool = property("ID_FS_LABEL").filter(|_| property("ID_FS_TYPE") == Some("zfs_member"))?;
    let plain = !pool.contains('/') && !pool.starts_with('.');
    (plain && host.proc().join("spl/kstat/zfs").join(pool).exists()).then(|| pool.to_owned())
}
