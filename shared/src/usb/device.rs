//! One USB device as sysfs shows it: each method reads one thing, now.

use super::{controller::Controller, port::Port};
use crate::{
    host::{Host, names},
    proc::DevNo,
    pve::UsbSource,
    sysfs, tree,
};
use serde_json::Number;
use std::{fmt, io, path::PathBuf, time::Duration};

/// How long an attribute may take that the kernel only reads under the device's lock.
const PATIENCE: Duration = Duration::from_secs(1);
/// `bDeviceClass` of a hub.
const HUB: &str = "09";

/// A USB device of a host, present or not.
#[derive(Debug, Clone)]
pub struct UsbDevice<'h> {
    /// The host.
    pub host: &'h Host,
    /// Where it is plugged in: `3-1.4`; `usb3` for a root hub.
    pub port: String,
}

/// Vendor and product, printed as `18d1:9302`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct UsbId(pub u16, pub u16);

impl fmt::Display for UsbId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04x}:{:04x}", self.0, self.1)
    }
}

/// One interface of the active configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// `3-1.4:1.0`.
    pub name: String,
    /// `bInterfaceClass`.
    pub class: u8,
    /// The driver that it is bound to; `usbfs` where a process claimed it.
    pub driver: Option<String>,
}

impl<'h> UsbDevice<'h> {
    /// The device at a bus-port.
    pub fn new(host: &'h Host, port: impl Into<String>) -> Self {
        Self { host, port: port.into() }
    }

    /// Its directory.
    pub fn dir(&self) -> PathBuf {
        self.host.usb_devices().join(&self.port)
    }

    /// Whether the kernel lists it.
    pub fn exists(&self) -> bool {
        tree::exists(&self.dir())
    }

    /// An attribute that the kernel reads without taking the device's lock; `None` where it cannot be read.
    pub fn attribute(&self, name: &str) -> Option<String> {
        sysfs::read(&self.dir().join(name)).ok()
    }

    fn locked_attribute(&self, name: &str) -> io::Result<String> {
        sysfs::read_within(&self.dir().join(name), PATIENCE)
    }

    fn text(&self, name: &str) -> Option<String> {
        self.locked_attribute(name).ok().filter(|text| !text.is_empty())
    }

    /// Vendor and product.
    pub fn id(&self) -> Option<UsbId> {
        let id = |name: &str| u16::from_str_radix(&self.attribute(name)?, 16).ok();
        Some(UsbId(id("idVendor")?, id("idProduct")?))
    }

    /// Whether a VM's configuration means this device.
    pub fn is(&self, source: &UsbSource) -> bool {
        match source {
            UsbSource::Id { vendor, product } => self.id() == Some(UsbId(*vendor, *product)),
            UsbSource::Port { .. } => self.port == source.to_string(),
            UsbSource::Spice | UsbSource::Mapping(_) => false,
        }
    }

    /// Whether it is a hub, a root hub included.
    pub fn is_hub(&self) -> bool {
        self.attribute("bDeviceClass").as_deref() == Some(HUB)
    }

    /// Whether it is the root hub of a bus.
    pub fn is_root_hub(&self) -> bool {
        self.port.starts_with("usb")
    }

    /// The speed of its link in whole Mb/s.
    pub fn speed(&self) -> Option<u32> {
        // 1.5 for low speed.
        self.attribute("speed")?.split('.').next()?.parse().ok()
    }

    /// The same as the kernel tells it, 1.5 for low speed.
    pub fn exact_speed(&self) -> Option<Number> {
        self.attribute("speed")?.parse().ok()
    }

    /// The bus.
    pub fn bus(&self) -> Option<u16> {
        self.attribute("busnum")?.parse().ok()
    }

    /// The number that it was given on its bus; another one after every enumeration.
    pub fn devnum(&self) -> Option<u16> {
        self.attribute("devnum")?.parse().ok()
    }

    /// Its usbfs node, as the host spells it: `/dev/bus/usb/003/002`.
    pub fn node(&self) -> Option<String> {
        Some(format!("/dev/bus/usb/{:03}/{:03}", self.bus()?, self.devnum()?))
    }

    /// The number of its usbfs node.
    pub fn dev_no(&self) -> Option<DevNo> {
        self.attribute("dev")?.parse().ok()
    }

    /// `authorized`: `Some(false)` where somebody (`USBGuard`, a person) forbids its use.
    pub fn is_authorized(&self) -> Option<bool> {
        self.attribute("authorized").map(|text| text != "0")
    }

    /// The active configuration. An error of kind `TimedOut` means that its lock is held; the text is empty where the
    /// device has none, because it was refused or does not answer.
    pub fn configuration(&self) -> io::Result<String> {
        self.locked_attribute("bConfigurationValue")
    }

    /// `power/control`: `on` or `auto`.
    pub fn power_control(&self) -> Option<String> {
        self.attribute("power/control")
    }

    /// `power/runtime_status`: `active`, `suspended` and so on.
    pub fn runtime_status(&self) -> Option<String> {
        self.attribute("power/runtime_status")
    }

    /// What the device calls itself.
    pub fn product(&self) -> Option<String> {
        self.text("product")
    }

    /// Who made it.
    pub fn manufacturer(&self) -> Option<String> {
        self.text("manufacturer")
    }

    /// Its serial number.
    pub fn serial(&self) -> Option<String> {
        self.text("serial")
    }

    /// The interfaces of the active configuration.
    pub fn interfaces(&self) -> Vec<Interface> {
        let dir = self.dir();
        let prefix = format!("{}:", self.port);
        let own = names(&dir).into_iter().filter(|name| name.starts_with(&prefix));
        let look = |name: String| Interface {
            class: sysfs::read(&dir.join(&name).join("bInterfaceClass"))
                .ok()
                .and_then(|text| u8::from_str_radix(&text, 16).ok())
                .unwrap_or(0),
            driver: sysfs::link_name(&dir.join(&name).join("driver")),
            name,
        };
        own.map(look).collect()
    }

    /// The hub that it is plugged into: `3-1` for `3-1.4`, `usb3` for `3-1`; `None` for a root hub.
    pub fn parent(&self) -> Option<UsbDevice<'h>> {
        let (bus, path) = self.port.split_once('-')?;
        let hub = match path.rsplit_once('.') {
            Some((hub, _)) => format!("{bus}-{hub}"),
            None => format!("usb{bus}"),
        };
        Some(UsbDevice::new(self.host, hub))
    }

    /// The hub's port that it is plugged into; `None` for a root hub.
    pub fn hub_port(&self) -> Option<Port<'h>> {
        Port::of(self.host, &self.port)
    }

    /// The controller of its bus.
    pub fn controller(&self) -> Option<Controller<'h>> {
        Controller::of(self)
    }

    /// Whether it is plugged in somewhere below this hub.
    pub fn is_below(&self, hub: &UsbDevice<'_>) -> bool {
        match hub.port.strip_prefix("usb") {
            Some(bus) => self.port.strip_prefix(bus).is_some_and(|rest| rest.starts_with('-')),
            None => self.port.strip_prefix(hub.port.as_str()).is_some_and(|rest| rest.starts_with('.')),
        }
    }
}

/// Every USB device but root hubs, by bus and port. Interfaces are none.
pub fn devices(host: &Host) -> Vec<UsbDevice<'_>> {
    let ports = names(&host.usb_devices()).into_iter().filter(|name| !name.contains(':') && !name.starts_with("usb"));
    let mut devices: Vec<_> = ports.map(|port| UsbDevice::new(host, port)).filter(|d| d.id().is_some()).collect();
    devices.sort_by_key(|device| path_of(&device.port));
    devices
}

/// The root hubs, by bus.
pub fn root_hubs(host: &Host) -> Vec<UsbDevice<'_>> {
    let hubs = names(&host.usb_devices()).into_iter().filter(|name| name.starts_with("usb"));
    let mut hubs: Vec<_> = hubs.map(|name| UsbDevice::new(host, name)).collect();
    hubs.sort_by_key(|hub| path_of(hub.port.trim_start_matches("usb")));
    hubs
}

/// Numbers to sort by: port 10 comes behind port 9.
fn path_of(port: &str) -> Vec<u16> {
    port.split(['-', '.']).map(|part| part.parse().unwrap_or(u16::MAX)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bus_port_tells_its_hub() {
        let host = Host::default();
        for (port, hub) in [("3-1.4.2", Some("3-1.4")), ("3-1.4", Some("3-1")), ("3-1", Some("usb3")), ("usb3", None)] {
            let parent = UsbDevice::new(&host, port).parent();
            assert_eq!(parent.map(|hub| hub.port).as_deref(), hub, "{port}");
        }
        let below = |port: &str, hub: &str| UsbDevice::new(&host, port).is_below(&UsbDevice::new(&host, hub));
        assert!(below("3-1.4.2", "3-1") && below("3-1", "usb3") && below("3-1.4", "3-1"));
        assert!(!below("3-10", "3-1") && !below("3-1", "3-1") && !below("13-1", "usb3") && !below("3-1", "usb1"));
    }

    #[test]
    fn ports_sort_by_number() {
        let mut ports = vec!["3-10", "3-9.2", "3-9.10", "3-9", "10-1"];
        ports.sort_by_key(|port| path_of(port));
        assert_eq!(ports, ["3-9", "3-9.2", "3-9.10", "3-10", "10-1"]);
    }
}
