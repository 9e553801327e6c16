//! The host controller of a bus, with everything that hangs on it.

use super::device::{UsbDevice, devices, root_hubs};
use crate::{host::Host, pci::Address, tree};
use std::path::PathBuf;

/// The only driver whose controllers are reset.
pub const XHCI: &str = "xhci_hcd";

/// One host controller. An xHCI has two buses: one for USB 2, one for USB 3.
#[derive(Debug, Clone)]
pub struct Controller<'h> {
    /// The host.
    pub host: &'h Host,
    /// Its directory: the parent of the root hubs.
    pub dir: PathBuf,
    /// Its PCI address; `None` for one that is no PCI function (`dummy_hcd.0`, `vhci_hcd.0`).
    pub address: Option<Address>,
}

impl<'h> Controller<'h> {
    /// The controller that a device hangs on.
    pub fn of(device: &UsbDevice<'h>) -> Option<Self> {
        let host = device.host;
        let bus = device.port.strip_prefix("usb").or_else(|| Some(device.port.split_once('-')?.0))?;
        let root = tree::canonicalize(&host.usb_devices().join(format!("usb{bus}"))).ok()?;
        let dir = root.parent()?.to_owned();
        let address = dir.file_name()?.to_str()?.parse().ok();
        Some(Self { host, dir, address })
    }

    /// Every controller, by the order of their buses.
    pub fn all(host: &'h Host) -> Vec<Self> {
        let mut found: Vec<Self> = Vec::new();
        for controller in root_hubs(host).iter().filter_map(Self::of) {
            if !found.iter().any(|other| other.dir == controller.dir) {
                found.push(controller);
            }
        }
        found
    }

    /// What people call it: `0000:03:00.0`, or the name of its directory.
    pub fn name(&self) -> String {
        self.address.map_or_else(
            || self.dir.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
            |address| address.to_string(),
        )
    }

    /// Its driver.
    pub fn driver(&self) -> Option<String> {
        crate::sysfs::link_name(&self.dir.join("driver"))
    }

    /// The devices that hang on it, hubs included, root hubs not.
    pub fn devices(&self) -> Vec<UsbDevice<'h>> {
        let here = |device: &UsbDevice<'h>| Self::of(device).is_some_and(|other| other.dir == self.dir);
        devices(self.host).into_iter().filter(here).collect()
    }
}
