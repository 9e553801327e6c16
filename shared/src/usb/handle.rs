//! Whether QEMU's handle on a USB device is alive. A guest goes on listing a device whose handle is dead.
//!
//! When a device is enumerated anew, devtmpfs takes its node away and makes another one. The link of a descriptor that was
//! opened before then reads `… (deleted)` for good, also when the number comes round again. Such a link does not say
//! which port it belonged to, so it counts for a device only where no other device of the VM can have left it.

#[cfg(test)]
mod tests;

use super::{Passed, UsbDevice, devices};
use crate::{
    host::{Host, names},
    proc::DevNo,
    pve::{self, UsbSource},
};
use nix::sys::stat::{major, minor};
use std::{fs, io, os::unix::fs::MetadataExt, path::Path};

/// QEMU's handle on one device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Handle {
    /// QEMU has the very node open that the device has now.
    Live,
    /// QEMU holds a node that is gone, or that of an earlier enumeration; the text says which.
    Stale(String),
    /// QEMU has no node of it open.
    None,
    /// Cannot be told, and why.
    Unknown(String),
}

/// A usbfs node that a process has open.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Node {
    /// `/dev/bus/usb/004/003`, without what the kernel adds.
    path: String,
    /// The node is gone.
    deleted: bool,
    /// Its device number, where it could be asked for.
    number: Option<DevNo>,
}

impl Node {
    /// Whether it is the node that the device has now.
    fn is_of(&self, device: &UsbDevice<'_>) -> bool {
        let same_number = self.number.is_none_or(|number| device.dev_no() == Some(number));
        !self.deleted && device.node().as_ref() == Some(&self.path) && same_number
    }

    fn bus(&self) -> Option<u16> {
        self.path.rsplit('/').nth(1)?.parse().ok()
    }

    fn shown(&self) -> String {
        format!("{}{}", self.path, if self.deleted { " (deleted)" } else { "" })
    }
}

/// The handle that the QEMU of process `pid` has on `device` (as it is now; `None` when it is not plugged in).
pub fn handle(host: &Host, pid: i32, device: Option<&UsbDevice<'_>>) -> Handle {
    let nodes = match open_nodes(host, pid) {
        Ok(nodes) => nodes,
        Err(error) => return Handle::Unknown(format!("cannot look into /proc/{pid}/fd: {error}")),
    };
    if device.is_some_and(|device| nodes.iter().any(|node| node.is_of(device))) {
        return Handle::Live;
    }
    if let Some(device) = device.filter(|device| device.node().is_none()) {
        return Handle::Unknown(format!("the number of {} on its bus cannot be read", device.port));
    }
    let present = devices(host);
    let is_dead = |node: &&Node| !present.iter().any(|other| node.is_of(other));
    let dead: Vec<_> =
        nodes.iter().filter(is_dead).filter(|node| device.is_none_or(|device| may_be_of(node, device))).collect();
    if dead.is_empty() {
        return Handle::None;
    }
    let held = dead.iter().map(|node| node.shown()).collect::<Vec<_>>().join(", ");
    let rivals = rivals(host, pid, &nodes, &dead, device);
    if rivals.len() >= dead.len() {
        return Handle::Unknown(format!("QEMU holds {held}, which may as well be that of {}", rivals.join(" or ")));
    }
    match device.and_then(UsbDevice::node) {
        Some(now) => Handle::Stale(format!("QEMU holds {held}; the device is {now} now")),
        None => Handle::Stale(format!("QEMU holds {held}; the device is gone")),
    }
}

/// Whether a process claimed an interface of the device through usbfs, as QEMU does once the guest has configured it;
/// `None` where there is no interface to look at.
pub fn claimed(device: &UsbDevice<'_>) -> Option<bool> {
    let interfaces = device.interfaces();
    let by_usbfs = interfaces.iter().any(|interface| interface.driver.as_deref() == Some("usbfs"));
    (!interfaces.is_empty()).then_some(by_usbfs)
}

/// Whether a dead node can be one that the device had: on its own bus, or on the other one of its controller, as a device
/// whose link fell back to USB 2 was there before.
fn may_be_of(node: &Node, device: &UsbDevice<'_>) -> bool {
    let Some(bus) = node.bus().filter(|bus| device.bus() != Some(*bus)) else { return true };
    let place = |device: &UsbDevice<'_>| device.controller().map(|controller| controller.dir);
    let there = place(&UsbDevice::new(device.host, format!("usb{bus}")));
    there.is_some() && there == place(device)
}

/// What else of the VM's configuration may have left one of the dead nodes: what QEMU has no living node of. Each has at
/// most one.
fn rivals(host: &Host, pid: i32, nodes: &[Node], dead: &[&Node], device: Option<&UsbDevice<'_>>) -> Vec<String> {
    let config = pve::vm_of(host, pid).and_then(|vmid| pve::load(host, vmid).ok());
    let passed = config.map(|config| Passed::of(host, &config)).unwrap_or_default();
    let is_rival = |passed: &&Passed| {
        if device.is_some_and(|device| passed.means(device)) {
            return false;
        }
        let here = passed.devices(host);
        let holds = here.iter().any(|other| nodes.iter().any(|node| node.is_of(other)));
        let may_have_left = |node: &&&Node| match &passed.source {
            Ok(UsbSource::Port { bus, .. }) => node.bus() == Some(u16::from(*bus)),
            _ => here.is_empty() || here.iter().any(|other| may_be_of(node, other)),
        };
        !holds && dead.iter().any(|node| may_have_left(&node))
    };
    let mut rivals: Vec<_> = passed.iter().filter(is_rival).map(|passed| passed.usb.key.clone()).collect();
    // One of them is the device that is asked about, whichever it is.
    if device.is_none() {
        rivals.pop();
    }
    rivals
}

/// The usbfs nodes that a process has open.
fn open_nodes(host: &Host, pid: i32) -> io::Result<Vec<Node>> {
    let dir = host.process(pid).join("fd");
    fs::read_dir(&dir)?;
    Ok(names(&dir).iter().filter_map(|name| node_at(host, &dir.join(name))).collect())
}

fn node_at(host: &Host, link: &Path) -> Option<Node> {
    let text = fs::read_link(link).ok()?.to_str()?.to_owned();
    let (path, deleted) = match text.strip_suffix(" (deleted)") {
        Some(path) => (path, true),
        None => (text.as_str(), false),
    };
    if !path.starts_with("/dev/bus/usb/") {
        return None;
    }
    // Asks for the open file itself, whatever has become of its name.
    let meta = host.is_live().then(|| fs::metadata(link).ok()).flatten();
    let number = meta.and_then(|meta| {
        let part = |n: u64| u32::try_from(n).ok();
        Some(DevNo { major: part(major(meta.rdev()))?, minor: part(minor(meta.rdev()))? })
    });
    Some(Node { path: path.to_owned(), deleted, number })
}
