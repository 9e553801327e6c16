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
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::symlink};

    fn put(host: &Host, path: &str, text: &str) {
        let path = host.at(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// A hub with a serial converter and a stick below it.
    fn tree() -> (tempfile::TempDir, Host) {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::new(dir.path());
        let hub = "sys/devices/pci0000:00/0000:03:00.0/usb3/3-1";
        for (port, place, devnum) in
            [("3-1", hub.to_owned(), 2), ("3-1.1", format!("{hub}/3-1.1"), 3), ("3-1.2", format!("{hub}/3-1.2"), 4)]
        {
            put(&host, &format!("{place}/devnum"), &format!("{devnum}\n"));
            put(&host, &format!("{place}/busnum"), "3\n");
            put(&host, &format!("{place}/dev"), &format!("189:{}\n", 255 + devnum));
            put(&host, &format!("{place}/{port}:1.0/bInterfaceClass"), "ff\n");
            fs::create_dir_all(host.usb_devices()).unwrap();
            symlink(format!("../../../../{place}"), host.usb_devices().join(port)).unwrap();
        }
        put(&host, &format!("{hub}/3-1.1/3-1.1:1.0/ttyUSB0/tty/ttyUSB0/dev"), "188:0\n");
        let disk = format!("{hub}/3-1.2/3-1.2:1.0/host2/target2:0:0/2:0:0:0/block/sda");
        put(&host, &format!("{disk}/dev"), "8:0\n");
        fs::create_dir_all(host.block_class()).unwrap();
        symlink(format!("../../../{disk}"), host.block_class().join("sda")).unwrap();
        (dir, host)
    }

    fn opens(host: &Host, pid: i32, command: &str, path: &str) {
        let dir = format!("proc/{pid}");
        put(host, &format!("{dir}/cmdline"), command);
        put(host, &format!("{dir}/stat"), &format!("{pid} (x) S 1 1 1"));
        fs::create_dir_all(host.at(&dir).join("fd")).unwrap();
        symlink(path, host.at(&dir).join("fd/7")).unwrap();
    }

    #[test]
    fn each_device_has_its_own_users_and_a_hub_has_not_those_below_it() {
        let (_dir, host) = tree();
        opens(&host, 10, "zigbee2mqtt\0", "/dev/ttyUSB0");
        opens(&host, 11, "/usr/bin/kvm\x00-id\x00111\x00", "/dev/bus/usb/003/004");
        opens(&host, 12, "dd\0", "/dev/sda");
        put(&host, "proc/1/mountinfo", "36 35 8:0 / /srv rw - ext4 /dev/sda rw\n");
        let all: Vec<_> = ["3-1", "3-1.1", "3-1.2"].map(|port| UsbDevice::new(&host, port)).into();
        let uses = in_use(&host, &all);
        let texts = |port| uses.of(port).map(|found| found.text.as_str()).collect::<Vec<_>>();
        assert!(texts("3-1").is_empty());
        assert_eq!(texts("3-1.1").len(), 1);
        assert!(texts("3-1.1")[0].contains("has /dev/ttyUSB0 open"), "{:?}", texts("3-1.1"));
        let of_stick = texts("3-1.2");
        assert_eq!(of_stick.len(), 3, "{of_stick:?}");
        assert_eq!(of_stick[0], "sda is mounted on /srv");
        assert_eq!(of_stick[1], "VM 111 (pid 11) has /dev/bus/usb/003/004 open");
        assert!(of_stick[2].contains("dd") && of_stick[2].contains("/dev/sda"));
        let handles: Vec<_> = uses.found.iter().filter_map(|found| found.handle).collect();
        assert_eq!(handles, [UsbHandle { pid: 11, vmid: Some(111) }]);
    }

    #[test]
    fn a_keyboard_counts_only_while_there_is_no_other() {
        let (_dir, host) = tree();
        let keyboard = |port: &str| {
            let place = format!("/devices/pci0000:00/0000:03:00.0/usb3/{port}/{port}:1.0/0003:1:2.1/input/input4");
            format!("N: Name=\"Keys\"\nS: Sysfs={place}\nH: Handlers=sysrq kbd\nB: KEY=fffffffffffffffe\n\n")
        };
        let one = [UsbDevice::new(&host, "3-1.1")];
        let both = ["3-1.1", "3-1.2"].map(|port| UsbDevice::new(&host, port));
        assert_eq!(last_keyboard(&host, &one), Ok(None), "nobody can type on that");
        put(&host, "proc/bus/input/devices", &keyboard("3-1.1"));
        assert_eq!(last_keyboard(&host, &one).unwrap().unwrap().text, "Keys is the last keyboard of the host");
        put(&host, "proc/bus/input/devices", &(keyboard("3-1.1") + &keyboard("3-1.2")));
        assert_eq!(last_keyboard(&host, &one), Ok(None));
        assert!(last_keyboard(&host, &both).unwrap().is_some());
    }

    #[test]
    fn a_list_of_inputs_that_cannot_be_read_matters_to_those_that_may_be_a_keyboard() {
        let (_dir, host) = tree();
        let [hub, keys] = ["3-1", "3-1.1"].map(|port| [UsbDevice::new(&host, port)]);
        put(&host, "sys/devices/pci0000:00/0000:03:00.0/usb3/3-1/3-1.1/3-1.1:1.0/bInterfaceClass", "03\n");
        for list in [None, Some(""), Some("\u{fffd}\u{1}ELF\n"), Some("N: Name=\"Keys\"\nnonsense\n")] {
            if let Some(list) = list {
                put(&host, "proc/bus/input/devices", list);
            }
            let why = last_keyboard(&host, &keys).unwrap_err();
            let told = "whether it is the last keyboard is not known: cannot read /proc/bus/input/devices: ";
            assert!(why.port == "3-1.1" && why.text.starts_with(told), "{list:?}: {why:?}");
            assert_eq!(last_keyboard(&host, &hub), Ok(None), "{list:?}");
        }
        put(&host, "proc/bus/input/devices", "I: Bus=0019\nN: Name=\"Power Button\"\nH: Handlers=kbd\n\n");
        assert_eq!(last_keyboard(&host, &keys), Ok(None));
    }

    #[test]
    fn only_who_has_a_disk_is_asked_for_mounts() {
        let (_dir, host) = tree();
        let unknown = |port: &str| {
            let uses = in_use(&host, &[UsbDevice::new(&host, port)]);
            uses.unknown.into_iter().map(|one| one.text).collect::<Vec<_>>()
        };
        assert!(unknown("3-1").is_empty() && unknown("3-1.1").is_empty());
        let told = unknown("3-1.2");
        let mounted = "whether sda is mounted is not known: cannot read /proc/1/mountinfo: No such file or directory";
        assert!(told[0].starts_with(mounted) && told[1].contains("swap space") && told.len() == 2, "{told:?}");
        // A list of disks that does not name it tells nothing either.
        put(&host, "proc/mounts", "/dev/root / ext4 rw 0 0\n");
        put(&host, "proc/swaps", "Filename Type Size Used Priority\n");
        assert!(unknown("3-1.2").is_empty());
        fs::remove_file(host.block_class().join("sda")).unwrap();
        assert!(
            unknown("3-1.2")[0].starts_with("whether sda is in use is not known: cannot read /sys/class/block/sda")
        );
    }

    #[test]
    fn processes_that_cannot_be_looked_into_are_told_of_in_a_tree_too() {
        let (_dir, host) = tree();
        // Root reads every directory; what is none cannot be read by anybody.
        put(&host, "proc/10/fd", "");
        let uses = in_use(&host, &[UsbDevice::new(&host, "3-1.1")]);
        assert_eq!(uses.not_all(), Some("1 processes cannot be looked into"));
        assert_eq!(uses.blind, None);
    }
}
