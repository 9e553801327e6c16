//! USB devices as the kernel lists them.

use crate::{
    host::{Host, names},
    pve::UsbSource,
    sysfs,
};
use std::path::PathBuf;

/// One USB device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsbDevice {
    /// Where it is plugged in: `3-1.4`.
    pub port: String,
    /// Vendor and product.
    pub id: (u16, u16),
    /// Its directory.
    pub dir: PathBuf,
}

impl UsbDevice {
    /// Whether a VM's configuration means this device.
    pub fn is(&self, source: &UsbSource) -> bool {
        match source {
            UsbSource::Id { vendor, product } => self.id == (*vendor, *product),
            UsbSource::Port { .. } => self.port == source.to_string(),
            UsbSource::Spice | UsbSource::Mapping(_) => false,
        }
    }
}

/// Every USB device; interfaces and root hubs are none.
pub fn devices(host: &Host) -> Vec<UsbDevice> {
    let dir = host.usb_devices();
    let ports = names(&dir).into_iter().filter(|name| !name.contains(':') && !name.starts_with("usb"));
    ports
        .filter_map(|port| {
            let dir = dir.join(&port);
            let id = |name: &str| u16::from_str_radix(&sysfs::read(&dir.join(name)).ok()?, 16).ok();
            Some(UsbDevice { id: (id("idVendor")?, id("idProduct")?), port, dir })
        })
        .collect()
}
