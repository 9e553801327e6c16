//! Who uses USB devices: the host by disks, network interfaces and keyboards, processes by device nodes, VMs by usbfs.

use super::{Interface, UsbDevice, keyboards::keyboards};
use crate::{
    host::{Host, names},
    in_use::Users,
    proc::{self, DevNo},
    pve, sysfs, tree,
};
use std::path::Path;

/// One use of one device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    /// The device, by its bus-port.
    pub port: String,
    /// What it is, as a sentence: `sda1 is mounted on /srv`.
    pub text: String,
    /// The process that has its usbfs node open, where it is that kind of use.
    pub handle: Option<UsbHandle>,
}

/// A process that has the usbfs node of a device open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct UsbHandle {
    /// The process.
    pub pid: i32,
    /// The VM, if the process is its QEMU.
    pub vmid: Option<u32>,
}

/// The uses that were found, and whether these can be all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Uses {
    /// One after the other, by device.
    pub found: Vec<Use>,
    /// What cannot be known of their uses by the host.
    pub unknown: Vec<Use>,
    /// Why processes could not be looked at; then more may use them.
    pub blind: Option<String>,
    /// The same of a tree that stands in for a host: nothing real can be harmed there.
    pub unseen: Option<String>,
}

impl Uses {
    /// Those of one device.
    pub fn of<'a>(&'a self, port: &'a str) -> impl Iterator<Item = &'a Use> {
        self.found.iter().filter(move |found| found.port == port)
    }

    /// Why more of them may be in use than was found by looking at processes.
    pub fn not_all(&self) -> Option<&str> {
        self.blind.as_deref().or(self.unseen.as_deref())
    }
}

/// Who uses these devices, each for itself: a hub is not used by what hangs below it.
pub fn in_use(host: &Host, devices: &[UsbDevice<'_>]) -> Uses {
    let users = Users::look(host);
    let mut uses = Uses::default();
    let (mut nodes, mut disks) = (Vec::new(), Vec::new());
    for device in devices {
        let own = own_part(device);
        let used = |text| Use { port: device.port.clone(), text, handle: None };
        uses.found.extend(users.of(&own).into_iter().map(used));
        let disks_known = users.disks_of(&own);
        let seen = Below::of(device);
        let strays = seen.disks.iter().filter(|disk| !disks_known.contains(disk)).map(|disk| {
            let entry = host.shown(&host.block_class().join(disk));
            format!("whether {disk} is in use is not known: cannot read {entry}: it does not lead to {disk}")
        });
        uses.unknown.extend(users.unknown(&own).into_iter().chain(strays).map(used));
        let owner = |(number, path): (DevNo, String)| (device.port.clone(), number, path);
        nodes.extend(usbfs_node(device).map(owner));
        nodes.extend(seen.nodes.into_iter().map(owner));
        disks.extend(disks_known.iter().filter_map(|disk| disk_node(host, disk)).map(owner));
    }
    let wanted = |all: &[(String, DevNo, String)]| -> Vec<_> {
        all.iter().map(|(_, number, path)| (*number, path.clone())).collect()
    };
    let openers = proc::openers_of_all(host, &wanted(&nodes), &wanted(&disks));
    uses.blind = openers.blind.filter(|_| host.is_live());
    if openers.unreadable > 0 && uses.blind.is_none() {
        let why = Some(format!("{} processes cannot be looked into", openers.unreadable));
        if host.is_live() { uses.blind = why } else { uses.unseen = why }
    }
    for opener in openers.found {
        let owner = nodes.iter().chain(&disks).find(|(_, _, path)| *path == opener.path);
        let Some((port, ..)) = owner else { continue };
        let vmid = pve::vm_of(host, opener.pid);
        let text = match vmid {
            Some(vmid) => format!("VM {vmid} (pid {}) has {} open", opener.pid, opener.path),
            None => opener.title(),
        };
        let by_usbfs = opener.path.starts_with(USBFS);
        let handle = by_usbfs.then_some(UsbHandle { pid: opener.pid, vmid });
        uses.found.push(Use { port: port.clone(), text, handle });
    }
    uses
}

/// Says so where these devices include every keyboard that the host has. An error where that is not known, and one of them
/// may be a keyboard.
pub fn last_keyboard(host: &Host, devices: &[UsbDevice<'_>]) -> Result<Option<Use>, Use> {
    let told = |device: &UsbDevice<'_>, text: String| Use { port: device.port.clone(), text, handle: None };
    let keyboards = match keyboards(host) {
        Ok(keyboards) => keyboards,
        Err(why) => {
            let may_be_one = devices.iter().find(|device| is_input(device));
            let unknown = |device| told(device, format!("whether it is the last keyboard is not known: {why}"));
            return may_be_one.map_or(Ok(None), |device| Err(unknown(device)));
        }
    };
    let mut taken = None;
    for keyboard in &keyboards {
        let Some(device) = devices.iter().find(|device| keyboard.place.contains(&own_part(device))) else {
            return Ok(None);
        };
        taken = Some((device, keyboard));
    }
    Ok(taken.map(|(device, keyboard)| told(device, format!("{} is the last keyboard of the host", keyboard.name))))
}

/// Whether people may type on it: it is of the class for that, or its driver made an input of it.
fn is_input(device: &UsbDevice<'_>) -> bool {
    let interfaces = device.interfaces();
    let by_class = |i: &Interface| i.class == HID || i.driver.as_deref() == Some("usbhid");
    interfaces.iter().any(by_class) || Below::of(device).input
}

/// `bInterfaceClass` of keyboards, mice and their like.
const HID: u8 = 3;

const USBFS: &str = "/dev/bus/usb/";

/// A part of the place of everything that the drivers of its own interfaces made.
fn own_part(device: &UsbDevice<'_>) -> String {
    format!("/{0}/{0}:", device.port)
}

fn usbfs_node(device: &UsbDevice<'_>) -> Option<(DevNo, String)> {
    Some((device.dev_no()?, device.node()?))
}

fn disk_node(host: &Host, disk: &str) -> Option<(DevNo, String)> {
    let number = sysfs::read(&host.block_class().join(disk).join("dev")).ok()?.parse().ok()?;
    Some((number, format!("/dev/{disk}")))
}

/// What the drivers of its interfaces made.
#[derive(Default)]
struct Below {
    /// Character devices: `/dev/ttyUSB0`, `/dev/hidraw1`. Input events are left out, since logind and X hold them all;
    /// keyboards are looked at by themselves.
    nodes: Vec<(DevNo, String)>,
    /// Disks, without their partitions.
    disks: Vec<String>,
    /// Whether there are inputs.
    input: bool,
}

impl Below {
    fn of(device: &UsbDevice<'_>) -> Self {
        let mut below = Self::default();
        for interface in device.interfaces() {
            below.walk(&device.dir().join(&interface.name), 6);
        }
        below
    }

    fn walk(&mut self, dir: &Path, depth: u8) {
        let entries = names(dir);
        if entries.iter().any(|name| name == "dev") {
            self.nodes.extend(node(dir));
        }
        let skipped = ["input", "block", "power", "leds", "bsg", "wakeup", "queues"];
        for name in &entries {
            let below = dir.join(name);
            match name.as_str() {
                "input" => self.input = true,
                "block" => self.disks.extend(names(&below)),
                _ => {}
            }
            // A link leads elsewhere: to the driver, to the parent.
            let inside = || tree::symlink_metadata(&below).is_ok_and(|meta| meta.is_dir());
            if depth > 0 && !skipped.contains(&name.as_str()) && inside() {
                self.walk(&below, depth - 1);
            }
        }
    }
}

fn node(dir: &Path) -> Option<(DevNo, String)> {
    let number = sysfs::read(&dir.join("dev")).ok()?.parse().ok()?;
    let told = sysfs::read(&dir.join("uevent")).ok();
    let told = told.and_then(|text| text.lines().find_map(|line| line.strip_prefix("DEVNAME=").map(str::to_owned)));
    let name = told.or_else(|| Some(dir.file_name()?.to_str()?.to_owned()))?;
    Some((number, format!("/dev/{name}")))
}

#[cfg(test)]
mod tests;
