//! One PCI function as sysfs shows it: each method reads one thing, now.

use super::Address;
use crate::{
    host::{Host, names},
    sysfs::{self, link_name},
    tree,
};
use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

/// A PCI function of a host, present or not.
#[derive(Debug, Clone, Copy)]
pub struct Device<'h> {
    /// The host.
    pub host: &'h Host,
    /// Where the function is.
    pub address: Address,
}

impl<'h> Device<'h> {
    /// The function at an address.
    pub fn new(host: &'h Host, address: Address) -> Self {
        Self { host, address }
    }

    /// Its directory.
    pub fn dir(&self) -> PathBuf {
        self.host.pci_device(self.address)
    }

    /// Whether the kernel lists it. A card that fell off the bus is still listed: ask [`Self::config_id`] too.
    pub fn exists(&self) -> bool {
        tree::exists(&self.dir())
    }

    /// An attribute's text without its line end; `None` where it cannot be read. Some block while another process
    /// holds the device's lock (`driver_override` does on older kernels, as do all that wake it up): not for those.
    pub fn attribute(&self, name: &str) -> Option<String> {
        sysfs::read(&self.dir().join(name)).ok()
    }

    /// The bound driver. The link appears before the driver's probe and vanishes before its remove has ended, so it
    /// proves nothing while a write is under way.
    pub fn driver(&self) -> Option<String> {
        link_name(&self.dir().join("driver"))
    }

    /// `driver_override` as read plainly, `None` if it is not set or cannot be read. This read may block for as long
    /// as a hung unbind does: use it on devices that are known to be well.
    pub fn driver_override(&self) -> Option<String> {
        self.attribute("driver_override").filter(|name| !name.is_empty() && name != "(null)")
    }

    /// The class, as in `0x030000`; 0 where it cannot be read.
    pub fn class(&self) -> u32 {
        self.number("class")
    }

    /// The vendor's id; 0 where it cannot be read. The kernel remembers it for a device that is gone.
    pub fn vendor(&self) -> u16 {
        self.id("vendor")
    }

    /// The device's id; 0 where it cannot be read.
    pub fn device_id(&self) -> u16 {
        self.id("device")
    }

    /// The ids of the subsystem: vendor and device.
    pub fn subsystem(&self) -> (u16, u16) {
        (self.id("subsystem_vendor"), self.id("subsystem_device"))
    }

    /// What kernel modules are looked up by: `pci:v000010DEd…`.
    pub fn modalias(&self) -> Option<String> {
        self.attribute("modalias").filter(|alias| !alias.is_empty())
    }

    /// The number of its IOMMU group; `None` without an IOMMU.
    pub fn iommu_group(&self) -> Option<u32> {
        link_name(&self.dir().join("iommu_group"))?.parse().ok()
    }

    /// Whether it is a bridge, which never moves with its group.
    pub fn is_bridge(&self) -> bool {
        self.class() >> 16 == 0x06
    }

    /// Whether it is a display controller of any kind.
    pub fn is_display(&self) -> bool {
        self.class() >> 16 == 0x03
    }

    /// Whether the firmware shows its console on it.
    pub fn boot_vga(&self) -> bool {
        self.attribute("boot_vga").as_deref() == Some("1")
    }

    /// Whether it is an SR-IOV virtual function.
    pub fn is_virtual_function(&self) -> bool {
        tree::symlink_metadata(&self.dir().join("physfn")).is_ok()
    }

    /// How many virtual functions it has enabled. While there are any, vfio-pci refuses it.
    pub fn virtual_functions(&self) -> u32 {
        self.attribute("sriov_numvfs").and_then(|n| n.parse().ok()).unwrap_or(0)
    }

    /// The first 64 bytes of the configuration space, fewer if there are fewer. Reading wakes up a sleeping device,
    /// and so may block on a wedged one.
    pub fn config_header(&self) -> io::Result<Vec<u8>> {
        self.config(64)
    }

    /// Vendor and device as the device itself answers now: `0xffff_ffff` if it is gone, `None` if it cannot be read.
    /// May block as [`Self::config_header`] does.
    pub fn config_id(&self) -> Option<u32> {
        Some(u32::from_le_bytes(self.config(4).ok()?.try_into().ok()?))
    }

    fn config(&self, length: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(64);
        File::open(tree::target(&self.dir().join("config"))?)?.take(length).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// The bridge above it; `None` on the root bus.
    pub fn upstream(&self) -> Option<Address> {
        let real = tree::canonicalize(&self.dir()).ok()?;
        real.parent()?.file_name()?.to_str()?.parse().ok()
    }

    /// All functions below it, if it is a bridge: sorted, bridges among them included.
    pub fn below(&self) -> Vec<Address> {
        let mut found = Vec::new();
        collect(&self.dir(), &mut found);
        found.sort_unstable();
        found
    }

    fn id(&self, name: &str) -> u16 {
        u16::try_from(self.number(name)).unwrap_or(0)
    }

    fn number(&self, name: &str) -> u32 {
        self.attribute(name).and_then(|text| hex(&text)).unwrap_or(0)
    }
}

fn collect(dir: &Path, found: &mut Vec<Address>) {
    for name in names(dir) {
        let child = dir.join(&name);
        let Ok(address) = name.parse() else { continue };
        if tree::symlink_metadata(&child).is_ok_and(|m| m.is_dir()) {
            found.push(address);
            collect(&child, found);
        }
    }
}

fn hex(text: &str) -> Option<u32> {
    u32::from_str_radix(text.strip_prefix("0x").unwrap_or(text), 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pci::{devices, group_members, slot_functions};
    use proptest::prelude::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    fn tree() -> (tempfile::TempDir, Host) {
        let root = tempfile::tempdir().unwrap();
        let host = Host::new(root.path());
        let bridge = "sys/devices/pci0000:00/0000:00:01.0";
        fs::create_dir_all(host.pci_devices()).unwrap();
        for (dir, name) in [(bridge, "0000:00:01.0"), (&format!("{bridge}/0000:01:00.0"), "0000:01:00.0")] {
            fs::create_dir_all(host.at(dir)).unwrap();
            symlink(format!("../../../../{dir}"), host.pci_devices().join(name)).unwrap();
        }
        let gpu = Device::new(&host, "01:00.0".parse().unwrap()).dir();
        for (file, text) in [
            ("class", "0x030000\n"),
            ("vendor", "0x10de\n"),
            ("device", "0x2204\n"),
            ("subsystem_vendor", "0x1458\n"),
            ("subsystem_device", "0x403b\n"),
            ("modalias", "pci:v000010DE\n"),
            ("boot_vga", "1\n"),
            ("driver_override", "(null)\n"),
            ("config", "\u{10}\u{7f}\u{4}\u{22}and more"),
        ] {
            fs::write(gpu.join(file), text).unwrap();
        }
        symlink("../../../../bus/pci/drivers/nvidia", gpu.join("driver")).unwrap();
        symlink("../../../../kernel/iommu_groups/13", gpu.join("iommu_group")).unwrap();
        fs::create_dir_all(host.iommu_groups().join("13/devices/0000:01:00.0")).unwrap();
        (root, host)
    }

    #[test]
    fn each_thing_is_read_from_its_place() {
        let (_root, host) = tree();
        let address = "01:00.0".parse().unwrap();
        let gpu = Device::new(&host, address);
        assert!(gpu.exists() && gpu.is_display() && !gpu.is_bridge() && gpu.boot_vga() && !gpu.is_virtual_function());
        assert_eq!((gpu.vendor(), gpu.device_id(), gpu.subsystem()), (0x10de, 0x2204, (0x1458, 0x403b)));
        assert_eq!((gpu.driver().as_deref(), gpu.driver_override()), (Some("nvidia"), None));
        assert_eq!(gpu.modalias().as_deref(), Some("pci:v000010DE"));
        assert_eq!((gpu.iommu_group(), gpu.virtual_functions()), (Some(13), 0));
        assert_eq!((gpu.config_id(), gpu.config_header().unwrap().len()), (Some(0x2204_7f10), 12));
        assert_eq!(group_members(&host, 13), [address]);
        assert_eq!(slot_functions(&host, address.slot), [address]);
    }

    #[test]
    fn the_bus_has_a_shape() {
        let (_root, host) = tree();
        let (bridge, gpu) = ("00:01.0".parse().unwrap(), "01:00.0".parse().unwrap());
        assert_eq!(devices(&host), [bridge, gpu]);
        assert_eq!(Device::new(&host, gpu).upstream(), Some(bridge));
        assert_eq!(Device::new(&host, bridge).upstream(), None);
        assert_eq!(Device::new(&host, bridge).below(), [gpu]);
    }

    #[test]
    fn what_is_not_there_is_nothing_rather_than_an_error() {
        let (_root, host) = tree();
        let none = Device::new(&host, "05:00.0".parse().unwrap());
        assert!(!none.exists());
        assert_eq!((none.class(), none.driver(), none.config_id(), none.upstream()), (0, None, None, None));
        assert!(none.config_header().is_err());
    }

    proptest! {
        #[test]
        fn no_number_makes_it_panic(text in "\\PC*") {
            let _ = hex(&text);
        }
    }
}
