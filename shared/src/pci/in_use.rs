//! What the host itself does with a network or storage function: what would break if it went to a VM.

use super::Device;
use crate::{
    host::{Host, names},
    sysfs::{self, link_name},
};
use std::{collections::BTreeSet, fs};

/// What uses a function, in sentences: `eno1 belongs to vmbr0`, `sda1 is mounted on /srv`. An empty list means that
/// nothing was found; disks that another program opened raw are not seen.
pub fn in_use(host: &Host, device: &Device<'_>) -> Vec<String> {
    let mut uses = Vec::new();
    for interface in interfaces(host, device) {
        interface_uses(host, &interface, &mut uses);
    }
    let disks = disks(host, device);
    if !disks.is_empty() {
        let mounts = mounts(host);
        let swaps = fs::read_to_string(host.proc().join("swaps")).unwrap_or_default();
        for disk in disks {
            disk_uses(host, &disk, &mounts, &swaps, &mut uses);
        }
    }
    uses
}

/// The entries of a class whose place in the device tree is below a function, by their links' text.
fn of_class(class: &std::path::Path, device: &Device<'_>) -> Vec<String> {
    let here = format!("/{}/", device.address);
    let below = |name: &String| fs::read_link(class.join(name)).is_ok_and(|to| to.to_string_lossy().contains(&here));
    names(class).into_iter().filter(below).collect()
}

fn interfaces(host: &Host, device: &Device<'_>) -> Vec<String> {
    of_class(&host.net_class(), device)
}

fn interface_uses(host: &Host, name: &str, uses: &mut Vec<String>) {
    let dir = host.net_class().join(name);
    let routed = default_routes(host);
    let mut tell = |carrier: &str| {
        if routed.contains(carrier) {
            uses.push(format!("the default route goes through {carrier}"));
        }
    };
    tell(name);
    let master = link_name(&dir.join("master"));
    if let Some(master) = &master {
        tell(master);
        uses.push(format!("{name} belongs to {master}"));
    }
    for upper in names(&dir).iter().filter_map(|n| n.strip_prefix("upper_")) {
        if master.as_deref() != Some(upper) {
            uses.push(format!("{name} carries {upper}"));
        }
    }
    let flags = sysfs::read(&dir.join("flags")).ok().unwrap_or_default();
    // IFF_UP
    if u32::from_str_radix(flags.trim_start_matches("0x"), 16).is_ok_and(|f| f & 1 != 0) {
        uses.push(format!("{name} is up"));
    }
}

fn default_routes(host: &Host) -> BTreeSet<String> {
    let read = |file| fs::read_to_string(host.proc().join("net").join(file)).unwrap_or_default();
    let (v4, v6) = (read("route"), read("ipv6_route"));
    let v4 = v4.lines().filter_map(default_of_v4);
    v4.chain(v6.lines().filter_map(default_of_v6)).map(str::to_owned).collect()
}

/// `eth0 00000000 0101A8C0 0003 0 0 0 00000000 …`: interface, destination, gateway, flags, …, mask
fn default_of_v4(line: &str) -> Option<&str> {
    let words: Vec<_> = line.split_ascii_whitespace().collect();
    (words.get(1) == Some(&"00000000") && words.get(7) == Some(&"00000000")).then(|| words[0])
}

/// Destination, its length, …, interface. The kernel keeps an unreachable default of its own on `lo`.
fn default_of_v6(line: &str) -> Option<&str> {
    let words: Vec<_> = line.split_ascii_whitespace().collect();
    let anywhere = words.first()?.bytes().all(|b| b == b'0') && words.get(1) == Some(&"00");
    words.last().copied().filter(|name| anywhere && *name != "lo")
}

/// The disks and partitions. With native multipath, a namespace's disk hangs at its NVM subsystem instead of the
/// controller, which only has a hidden `nvme0c1n2` for `nvme0n2` (`drivers/nvme/host/multipath.c`).
fn disks(host: &Host, device: &Device<'_>) -> Vec<String> {
    let mut disks = of_class(&host.block_class(), device);
    let controllers = device.dir().join("nvme");
    let hidden = names(&controllers).into_iter().flat_map(|c| names(&controllers.join(c)));
    let heads: BTreeSet<_> = hidden.filter_map(|name| multipath_head(&name)).collect();
    for head in heads {
        let part =
            |name: &String| name.strip_prefix(&head).is_some_and(|rest| rest.is_empty() || rest.starts_with('p'));
        disks.extend(names(&host.block_class()).into_iter().filter(part));
    }
    disks.sort();
    disks.dedup();
    disks
}

fn multipath_head(name: &str) -> Option<String> {
    let (subsystem, rest) = name.strip_prefix("nvme")?.split_once('c')?;
    let (controller, namespace) = rest.split_once('n')?;
    let numbers = [subsystem, controller, namespace];
    let plain = numbers.iter().all(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
    plain.then(|| format!("nvme{subsystem}n{namespace}"))
}

fn disk_uses(host: &Host, disk: &str, mounts: &[Mount], swaps: &str, uses: &mut Vec<String>) {
    let dir = host.block_class().join(disk);
    let number = sysfs::read(&dir.join("dev")).ok().unwrap_or_default();
    let node = format!("/dev/{disk}");
    let on: BTreeSet<_> = mounts.iter().filter(|m| m.device == number || m.source == node).map(|m| &m.on).collect();
    uses.extend(on.into_iter().map(|on| format!("{disk} is mounted on {on}")));
    if swaps.lines().any(|line| line.split_ascii_whitespace().next() == Some(&node)) {
        uses.push(format!("{disk} is swap space"));
    }
    for holder in names(&dir.join("holders")) {
        let name = sysfs::read(&host.block_class().join(&holder).join("dm/name")).ok();
        uses.push(match name {
            Some(name) => format!("{disk} is part of {holder} ({name})"),
            None => format!("{disk} is part of {holder}"),
        });
    }
    if let Some(pool) = zfs_pool(host, &number) {
        uses.push(format!("{disk} belongs to the ZFS pool {pool}"));
    }
}

/// ZFS registers no holder: udev knows the label of the disk, and ZFS the names of the imported pools.
fn zfs_pool(host: &Host, number: &str) -> Option<String> {
    let udev = fs::read_to_string(host.udev_data().join(format!("b{number}"))).ok()?;
    let property = |key| udev.lines().find_map(|l| l.strip_prefix("E:")?.strip_prefix(key)?.strip_prefix('='));
    let pool = property("ID_FS_LABEL").filter(|_| property("ID_FS_TYPE") == Some("zfs_member"))?;
    let plain = !pool.contains('/') && !pool.starts_with('.');
    (plain && host.proc().join("spl/kstat/zfs").join(pool).exists()).then(|| pool.to_owned())
}

#[derive(Debug, PartialEq, Eq)]
struct Mount {
    device: String,
    on: String,
    source: String,
}

/// What the first process sees mounted, as ours may be a namespace of its own.
fn mounts(host: &Host) -> Vec<Mount> {
    let read = |who| fs::read_to_string(host.proc().join(who).join("mountinfo"));
    let table = read("1").or_else(|_| read("self")).unwrap_or_default();
    table.lines().filter_map(mount).collect()
}

/// `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw`, see `proc_pid_mountinfo(5)`.
fn mount(line: &str) -> Option<Mount> {
    let (head, tail) = line.split_once(" - ")?;
    let mut head = head.split(' ');
    Some(Mount {
        device: head.nth(2)?.to_owned(),
        on: unescaped(head.nth(1)?),
        source: unescaped(tail.split(' ').nth(1)?),
    })
}

/// The kernel writes blanks and backslashes as three octal digits.
fn unescaped(text: &str) -> String {
    let mut parts = text.split('\\');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.get(..3).and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) => plain.extend([char::from(byte)].into_iter().chain(part[3..].chars())),
            None => plain.extend(['\\'].into_iter().chain(part.chars())),
        }
    }
    plain
}

#[cfg(test)]
#[path = "in_use_tests.rs"]
mod tests;
