//! How a USB device is named on a command line.

use super::{Passed, UsbDevice, devices, in_use::UsbHandle};
use crate::{
    fault::Fault,
    host::Host,
    pve::{self, UsbSource},
};
use anyhow::Result;
use std::{fmt, str::FromStr};

/// What can be typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// `18d1:9302`
    Id(UsbSource),
    /// `3-1.4`, or `usb3` for a root hub
    Port(String),
    /// `/dev/bus/usb/003/002`, `003/002` or `3/2`
    Node(u16, u16),
    /// `vm:111`
    Vm(u32),
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let root_hub = |text: &str| text.strip_prefix("usb").is_some_and(|bus| bus.parse::<u8>().is_ok());
        if let Some(vmid) = text.strip_prefix("vm:") {
            return crate::cli::vmid(vmid).map(Self::Vm);
        }
        // lsusb has the numbers alone: "Bus 003 Device 002".
        if let Some((bus, device)) = text.strip_prefix("/dev/bus/usb/").unwrap_or(text).split_once('/') {
            let number = |text: &str| text.parse().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit()));
            let node = number(bus).and_then(|bus| Some(Self::Node(bus, number(device)?)));
            return node.ok_or_else(|| expected(text));
        }
        if root_hub(text) {
            return Ok(Self::Port(text.to_owned()));
        }
        match text.parse() {
            Ok(source @ UsbSource::Id { .. }) => Ok(Self::Id(source)),
            Ok(source @ UsbSource::Port { .. }) => Ok(Self::Port(source.to_string())),
            _ => Err(expected(text)),
        }
    }
}

fn expected(text: &str) -> String {
    format!("{text:?} names no USB device: expected 18d1:9302, 3-1.4, 003/002, /dev/bus/usb/003/002 or vm:111")
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(source) => write!(f, "{source}"),
            Self::Port(port) => f.write_str(port),
            Self::Node(bus, device) => write!(f, "/dev/bus/usb/{bus:03}/{device:03}"),
            Self::Vm(vmid) => write!(f, "vm:{vmid}"),
        }
    }
}

impl Target {
    /// The one device that is meant. A bus-port may be empty: what fell off it is called by it.
    pub fn resolve<'h>(&self, host: &'h Host) -> Result<UsbDevice<'h>> {
        let found: Vec<_> = match self {
            Self::Port(port) => {
                let device = UsbDevice::new(host, port.clone());
                let known = device.exists() || device.hub_port().is_some();
                Some(device).filter(|_| known).into_iter().collect()
            }
            Self::Id(source) => devices(host).into_iter().filter(|device| device.is(source)).collect(),
            Self::Node(bus, number) => {
                let here = |d: &UsbDevice<'_>| d.bus() == Some(*bus) && d.devnum() == Some(*number);
                let all = super::root_hubs(host).into_iter().chain(devices(host));
                all.filter(here).collect()
            }
            Self::Vm(vmid) => {
                let passed = Passed::of(host, &pve::load(host, *vmid)?);
                if passed.is_empty() {
                    return Fault::usage(format!("VM {vmid} is given no USB device")).next("usb-reset list").fail();
                }
                if let Some((key, error)) = passed.iter().find_map(|p| Some((&p.usb.key, p.source.as_ref().err()?))) {
                    return Fault::usage(format!("VM {vmid} {key}: {error}")).fail();
                }
                let all = devices(host).into_iter().filter(|device| passed.iter().any(|p| p.means(device)));
                let found: Vec<_> = all.collect();
                if found.is_empty() {
                    return absent(host, *vmid, &passed).fail();
                }
                found
            }
        };
        match found.as_slice() {
            [one] => Ok(one.clone()),
            [] => Fault::problem(format!("{self}: no such device is plugged in")).next("usb-reset list").fail(),
            _ => {
                let ports: Vec<_> = found.iter().map(|device| device.port.as_str()).collect();
                let next = format!("usb-reset {}   # or another of them", ports[0]);
                let what = format!("{self} means {} devices: {}; name one by its port", ports.len(), ports.join(", "));
                Fault::usage(what).next(next).fail()
            }
        }
    }
}

/// What a VM is given and is not there, by its names. What is given by its port can be switched off and on there.
fn absent(host: &Host, vmid: u32, passed: &[Passed]) -> Fault {
    let named = |p: &Passed| Some((p.usb.key.clone(), p.source.as_ref().ok()?.to_string()));
    let names: Vec<_> = passed.iter().filter_map(named).collect();
    let told: Vec<_> = names.iter().map(|(key, source)| format!("{source} ({key})")).collect();
    let socket = names.iter().find(|(_, port)| UsbDevice::new(host, port.as_str()).hub_port().is_some());
    let next =
        socket.map_or("usb-reset list".into(), |(_, port)| format!("usb-reset {port}   # its socket off and on"));
    Fault::problem(format!("VM {vmid}: not plugged in: {}", told.join(", "))).next(next)
}

impl fmt::Display for UsbHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.vmid {
            Some(vmid) => write!(f, "VM {vmid}"),
            None => write!(f, "pid {}", self.pid),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn targets_are_read_as_typed_and_printed_back() {
        for text in ["18d1:9302", "3-1.4", "/dev/bus/usb/003/002", "vm:111", "usb3"] {
            assert_eq!(text.parse::<Target>().unwrap().to_string(), text);
        }
        for text in ["003/002", "3/2"] {
            assert_eq!(text.parse::<Target>().unwrap(), Target::Node(3, 2));
        }
        for text in [
            "3/",
            "/2",
            "3/2/1",
            "+3/2",
            "",
            "usb",
            "usbx",
            "vm:",
            "vm:0",
            "/dev/bus/usb/",
            "/dev/bus/usb/3",
            "spice",
            "3",
            "gpu",
            "0000:03:00.0",
        ] {
            assert!(text.parse::<Target>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC*", near in "(vm:|usb|/dev/bus/usb/)?[0-9a-f.:/-]{0,12}") {
            let _ = (text.parse::<Target>(), near.parse::<Target>());
        }
    }
}
