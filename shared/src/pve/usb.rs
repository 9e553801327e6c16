//! `usbN`: a USB device or port that a VM is given.

use super::property::Properties;
use anyhow::{Result, anyhow, bail};
use serde::{Serialize, Serializer};
use std::{fmt, str::FromStr};

/// The highest `usbN` is below this (`$MAX_USB_DEVICES` in `PVE::QemuServer::USB`).
pub const MAX: usize = 14;

/// One `usbN` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usb {
    /// `usb0` and so on.
    pub key: String,
    /// Which device.
    pub source: UsbSource,
    /// Whether the guest sees it on a USB 3 controller; newer machine types always do.
    pub usb3: bool,
}

/// How a configuration names a USB device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UsbSource {
    /// Whatever carries these ids: `18d1:9302`.
    Id {
        /// The vendor.
        vendor: u16,
        /// The product.
        product: u16,
    },
    /// Whatever is plugged in there: `3-1.4`.
    Port {
        /// The bus.
        bus: u8,
        /// The port on each hub, from the root hub outwards.
        ports: Vec<u8>,
    },
    /// A device at the viewer's end, none of the host's.
    Spice,
    /// A name in `/etc/pve/mapping/usb.cfg`.
    Mapping(String),
}

impl Usb {
    /// Reads the value of `key`; what is merely strange goes to `warnings`.
    pub fn parse(key: &str, value: &str, warnings: &mut Vec<String>) -> Result<Self> {
        let properties = Properties::parse(value, Some("host"))?;
        warnings
            .extend(properties.unknown(&["host", "mapping", "usb3"]).map(|unknown| format!("unknown key {unknown:?}")));
        let source = match (properties.get("host"), properties.get("mapping")) {
            (Some(host), None) => host.parse()?,
            (None, Some(mapping)) => UsbSource::Mapping(mapping.to_owned()),
            (Some(_), Some(_)) => bail!("both \"host\" and \"mapping\" are given"),
            (None, None) => bail!("neither \"host\" nor \"mapping\" is given"),
        };
        Ok(Self { key: key.to_owned(), source, usb3: properties.flag("usb3")?.unwrap_or(false) })
    }

    /// The name of the mapping, if it is one.
    pub fn mapping(&self) -> Option<&str> {
        match &self.source {
            UsbSource::Mapping(name) => Some(name),
            _ => None,
        }
    }
}

impl FromStr for UsbSource {
    type Err = anyhow::Error;

    /// What follows `host=`; a mapping is never meant here.
    fn from_str(text: &str) -> Result<Self> {
        let source = match text.split_once([':', '-']) {
            _ if text.eq_ignore_ascii_case("spice") => Some(Self::Spice),
            Some((vendor, product)) if text.contains(':') => {
                id(vendor).zip(id(product)).map(|(vendor, product)| Self::Id { vendor, product })
            }
            Some((bus, ports)) => {
                let ports: Option<Vec<_>> = ports.split('.').map(decimal).collect();
                decimal(bus).zip(ports).map(|(bus, ports)| Self::Port { bus, ports })
            }
            None => None,
        };
        source.ok_or_else(|| anyhow!("{text:?} is no USB device (expected 18d1:9302, 3-1.4 or spice)"))
    }
}

fn id(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let plain = digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    plain.then(|| u16::from_str_radix(digits, 16).ok()).flatten()
}

fn decimal(text: &str) -> Option<u8> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

impl fmt::Display for UsbSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id { vendor, product } => write!(f, "{vendor:04x}:{product:04x}"),
            Self::Port { bus, ports } => ports.iter().enumerate().try_for_each(|(n, port)| match n {
                0 => write!(f, "{bus}-{port}"),
                _ => write!(f, ".{port}"),
            }),
            Self::Spice => f.write_str("spice"),
            Self::Mapping(name) => write!(f, "mapping={name}"),
        }
    }
}

impl Serialize for UsbSource {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl fmt::Display for Usb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.source, if self.usb3 { ",usb3=1" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(value: &str) -> Result<Usb> {
        Usb::parse("usb0", value, &mut Vec::new())
    }

    #[test]
    fn every_spelling_that_pve_takes_is_understood() {
        for (value, printed) in [
            ("host=3-1,usb3=1", "3-1,usb3=1"),
            ("3-1.4.2", "3-1.4.2"),
            ("usb3=0,0x18D1:0x9302", "18d1:9302"),
            ("host=1a6e:089a,usb3=yes", "1a6e:089a,usb3=1"),
            ("SPICE", "spice"),
            ("mapping=coral", "mapping=coral"),
        ] {
            assert_eq!(parse(value).unwrap().to_string(), printed, "{value}");
        }
    }

    #[test]
    fn what_names_no_device_is_an_error() {
        for value in [
            "",
            "usb3=1",
            "18d1",
            "18d1:930",
            "18d1:93022",
            "3-",
            "-1",
            "3-1.",
            "3-256",
            "3-1,mapping=a",
            "+3-1",
            "3-1:1.0",
        ] {
            assert!(parse(value).is_err(), "{value}");
        }
    }

    proptest! {
        #[test]
        fn no_input_makes_it_panic(text in "\\PC*") {
            let _ = parse(&text);
            let _ = text.parse::<UsbSource>();
        }

        #[test]
        fn what_is_printed_is_parsed_back(
            vendor in any::<u16>(), product in any::<u16>(), bus in any::<u8>(), usb3 in any::<bool>(),
            ports in proptest::collection::vec(any::<u8>(), 1..6), name in "[a-z][a-z0-9_-]{1,9}"
        ) {
            let sources = [
                UsbSource::Id { vendor, product }, UsbSource::Port { bus, ports }, UsbSource::Spice, UsbSource::Mapping(name),
            ];
            for source in sources {
                let usb = Usb { key: "usb0".to_owned(), source, usb3 };
                prop_assert_eq!(parse(&usb.to_string()).unwrap(), usb);
            }
        }
    }
}
