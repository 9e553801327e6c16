//! Which VM is given which USB device.

use super::device::{UsbDevice, devices};
use crate::{
    host::Host,
    pve::{self, Usb, UsbSource, VmConfig, mapping},
};

/// One `usbN` of a VM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passed {
    /// The VM.
    pub vmid: u32,
    /// The line of its configuration.
    pub usb: Usb,
    /// What it means, once a mapping is looked up: an id or a port. The error says why it means nothing.
    pub source: Result<UsbSource, String>,
}

impl Passed {
    /// The `usbN` lines of a VM, Spice's left out.
    pub fn of(host: &Host, config: &VmConfig) -> Vec<Self> {
        let lines = config.usb.iter().filter(|usb| usb.source != UsbSource::Spice);
        let passed = lines.map(|usb| Self {
            vmid: config.vmid,
            usb: usb.clone(),
            source: match &usb.source {
                UsbSource::Mapping(name) => mapping::usb_mapping(host, name).map_err(|error| format!("{error:#}")),
                source => Ok(source.clone()),
            },
        });
        passed.collect()
    }

    /// The same for every VM of this node, and the VMs whose configuration cannot be read.
    pub fn all(host: &Host) -> (Vec<Self>, Vec<(u32, anyhow::Error)>) {
        let (configs, errors) = pve::load_all(host);
        (configs.iter().filter(|config| !config.template).flat_map(|config| Self::of(host, config)).collect(), errors)
    }

    /// Whether it means this device.
    pub fn means(&self, device: &UsbDevice<'_>) -> bool {
        self.source.as_ref().is_ok_and(|source| device.is(source))
    }

    /// The devices that it means and that are plugged in.
    pub fn devices<'h>(&self, host: &'h Host) -> Vec<UsbDevice<'h>> {
        devices(host).into_iter().filter(|device| self.means(device)).collect()
    }
}
