//! Whether the host's configuration reserves a device for VMs from boot on: it then belongs there when no VM runs.

use super::Device;
use crate::{
    host::{Host, read_text},
    modprobe_d::{Sentence, kernel_parameters, plain, sentences},
    modules::is_vfio,
};

/// What the host's configuration says of vfio-pci and pci-stub; read once for as many devices as there are.
pub struct Reservations<'h> {
    host: &'h Host,
    /// Where a list of ids stands, and the list.
    lists: Vec<(String, String)>,
}

/// Where it says that a device is reserved: `/etc/modprobe.d/vfio.conf:3` or `kernel command line`.
pub fn reserved(host: &Host, device: &Device<'_>) -> Option<String> {
    Reservations::read(host).of(device)
}

impl<'h> Reservations<'h> {
    /// Reads the kernel command line and modprobe.d.
    pub fn read(host: &'h Host) -> Self {
        let takes = |name: &str| name.strip_suffix(".ids").is_some_and(takes_ids);
        let parameters = kernel_parameters(host).into_iter().filter(|(name, _)| takes(name));
        let mut lists: Vec<_> = parameters.map(|(_, list)| ("kernel command line".to_owned(), list)).collect();
        for Sentence { place, words } in sentences(host) {
            let [command, module, options @ ..] = words.as_slice() else { continue };
            if command == "options" && takes_ids(module) {
                let ids = options.iter().filter_map(|option| option.strip_prefix("ids="));
                lists.extend(ids.map(|list| (place.clone(), list.trim_matches('"').to_owned())));
            }
        }
        Self { host, lists }
    }

    /// Where it says that this device is reserved.
    pub fn of(&self, device: &Device<'_>) -> Option<String> {
        self.by_list(device).or_else(|| by_driverctl(self.host, device))
    }

    fn by_list(&self, device: &Device<'_>) -> Option<String> {
        if self.lists.is_empty() {
            return None;
        }
        let this = Identity::of(device);
        self.lists.iter().find(|(_, list)| list_covers(list, &this)).map(|(place, _)| place.clone())
    }
}

/// driverctl keeps one file per device, whose name newer versions begin with the bus.
fn by_driverctl(host: &Host, device: &Device<'_>) -> Option<String> {
    let names = [device.address.to_string(), format!("pci-{}", device.address)];
    let mut paths = names.iter().map(|name| host.driverctl_d().join(name));
    let path = paths.find(|path| read_text(path).is_ok_and(|driver| is_vfio(driver.trim())))?;
    Some(host.shown(&path))
}

fn takes_ids(module: &str) -> bool {
    matches!(plain(module).as_str(), "vfio_pci" | "pci_stub")
}

/// What an entry of such a list is compared with.
#[derive(Debug, Clone, Copy)]
struct Identity {
    ids: [u32; 4],
    class: u32,
}

impl Identity {
    fn of(device: &Device<'_>) -> Self {
        let (subvendor, subdevice) = device.subsystem();
        let ids = [device.vendor(), device.device_id(), subvendor, subdevice].map(u32::from);
        Self { ids, class: device.class() }
    }
}

const ANY: u32 = u32::MAX;

fn list_covers(list: &str, this: &Identity) -> bool {
    list.split(',').any(|entry| covers(entry, this) == Some(true))
}

/// Whether an entry `vendor:device[:subvendor:subdevice[:class[:mask]]]` means this device; `None` if it is malformed.
/// As in `vfio_pci_fill_ids` (`drivers/vfio/pci/vfio_pci.c`), what is left out matches anything.
fn covers(entry: &str, this: &Identity) -> Option<bool> {
    let parse = |part: &str| u32::from_str_radix(part.trim().trim_start_matches("0x"), 16).ok();
    let parts: Vec<u32> = entry.split(':').map(parse).collect::<Option<_>>()?;
    if !(2..=6).contains(&parts.len()) {
        return None;
    }
    let part = |n: usize, default| parts.get(n).copied().unwrap_or(default);
    let ids = (0..4).all(|n| [ANY, this.ids[n]].contains(&part(n, ANY)));
    let (class, mask) = (part(4, 0), part(5, 0));
    Some(ids && (class ^ this.class) & mask == 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fs;

    const GPU: Identity = Identity { ids: [0x10de, 0x2204, 0x1458, 0x403b], class: 0x03_0000 };

    #[test]
    fn entries_are_compared_as_the_kernel_does() {
        for (entry, expected) in [
            ("10de:2204", Some(true)),
            ("10DE:2204", Some(true)),
            ("10de:ffffffff", Some(true)),
            ("10de:2205", Some(false)),
            ("10de:2204:1458:403b", Some(true)),
            ("10de:2204:1458:0001", Some(false)),
            ("10de:ffffffff:ffffffff:ffffffff:00030000:ffff00ff", Some(true)),
            ("10de:ffffffff:ffffffff:ffffffff:00040300:ffff00ff", Some(false)),
            ("10de", None),
            ("", None),
            ("10de:2204:x", None),
            ("1:2:3:4:5:6:7", None),
        ] {
            assert_eq!(covers(entry, &GPU), expected, "{entry}");
        }
    }

    #[test]
    fn every_place_is_looked_at_and_named() {
        for (file, text, expected) in [
            ("proc/cmdline", "quiet vfio_pci.ids=1:2,10de:2204\n", Some("kernel command line")),
            ("proc/cmdline", "pci-stub.ids=10de:2204\n", Some("kernel command line")),
            ("proc/cmdline", "other.ids=10de:2204\n", None),
            (
                "etc/modprobe.d/vfio.conf",
                "#\n\noptions vfio-pci disable_vga=1 ids=10de:2204",
                Some("/etc/modprobe.d/vfio.conf:3"),
            ),
            ("usr/lib/modprobe.d/v.conf", "options vfio_pci \\\n ids=10de:2204", Some("/usr/lib/modprobe.d/v.conf:1")),
            ("etc/modprobe.d/vfio.conf", "# options vfio-pci ids=10de:2204", None),
            ("etc/modprobe.d/vfio.conf", "options vfio-pci ids=10de:2205", None),
            ("etc/driverctl.d/0000:01:00.0", "vfio-pci\n", Some("/etc/driverctl.d/0000:01:00.0")),
            ("etc/driverctl.d/pci-0000:01:00.0", "vfio-pci\n", Some("/etc/driverctl.d/pci-0000:01:00.0")),
            ("etc/driverctl.d/0000:01:00.0", "nvidia\n", None),
        ] {
            let root = tempfile::tempdir().unwrap();
            let host = Host::new(root.path());
            let device = Device::new(&host, "01:00.0".parse().unwrap());
            fs::create_dir_all(device.dir()).unwrap();
            fs::write(device.dir().join("vendor"), "0x10de\n").unwrap();
            fs::write(device.dir().join("device"), "0x2204\n").unwrap();
            let path = host.at(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
            assert_eq!(reserved(&host, &device).as_deref(), expected, "{file}: {text}");
        }
    }

    proptest! {
        #[test]
        fn no_list_makes_it_panic(text in "\\PC*", near in "[0-9a-fx:,]*") {
            let _ = (list_covers(&text, &GPU), list_covers(&near, &GPU));
        }
    }
}
