//! The address of a PCI function, and of the slot that its siblings share.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use std::{fmt, str::FromStr};

/// The address of one PCI function: `0000:01:00.0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// The slot that the function belongs to.
    pub slot: Slot,
    /// The function's number, 0 to 7.
    pub function: u8,
}

/// Domain, bus and device: what all functions of one card share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot {
    /// The domain (segment); wider than 16 bits on some hosts (VMD).
    pub domain: u32,
    /// The bus.
    pub bus: u8,
    /// The device on the bus, 0 to 31.
    pub device: u8,
}

/// What a person or a configuration may write: a slot, or one function of it. The domain may be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix {
    /// The slot.
    pub slot: Slot,
    /// One function, or `None` for all of the slot.
    pub function: Option<u8>,
}

/// Why a text is no PCI address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadAddress(String);

impl fmt::Display for BadAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is no PCI address (expected 0000:01:00.0, 01:00.0 or 01:00)", self.0)
    }
}

impl std::error::Error for BadAddress {}

impl Slot {
    /// The address of one function of this slot.
    pub fn function(self, function: u8) -> Address {
        Address { slot: self, function }
    }
}

impl Prefix {
    /// Whether an address is meant by this prefix.
    pub fn covers(&self, address: Address) -> bool {
        self.slot == address.slot && self.function.is_none_or(|f| f == address.function)
    }
}

impl FromStr for Prefix {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Self, BadAddress> {
        let bad = || BadAddress(text.to_owned());
        let (head, function) = match text.split_once('.') {
            Some((head, f)) if f.len() == 1 => (head, Some(hex(f, 1, 1, 7).ok_or_else(bad)?)),
            Some(_) => return Err(bad()),
            None => (text, None),
        };
        let mut parts = head.rsplit(':');
        let device = parts.next().and_then(|p| hex(p, 2, 2, 0x1f)).ok_or_else(bad)?;
        let bus = parts.next().and_then(|p| hex(p, 2, 2, 0xff)).ok_or_else(bad)?;
        let domain = match parts.next() {
            Some(p) => hex(p, 4, 8, u32::MAX).ok_or_else(bad)?,
            None => 0,
        };
        if parts.next().is_some() {
            return Err(bad());
        }
        let slot = Slot { domain, bus: narrow(bus), device: narrow(device) };
        Ok(Self { slot, function: function.map(narrow) })
    }
}

impl FromStr for Address {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Self, BadAddress> {
        let prefix: Prefix = text.parse()?;
        let function = prefix.function.ok_or_else(|| BadAddress(text.to_owned()))?;
        Ok(prefix.slot.function(function))
    }
}

fn hex(text: &str, least: usize, most: usize, max: u32) -> Option<u32> {
    let plain = text.bytes().all(|b| b.is_ascii_hexdigit());
    let fits = (least..=most).contains(&text.len());
    (plain && fits).then(|| u32::from_str_radix(text, 16).ok()).flatten().filter(|n| *n <= max)
}

fn narrow(n: u32) -> u8 {
    u8::try_from(n).expect("checked against its maximum by hex()")
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04x}:{:02x}:{:02x}", self.domain, self.bus, self.device)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:x}", self.slot, self.function)
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.function {
            Some(function) => write!(f, "{}", self.slot.function(function)),
            None => write!(f, "{}", self.slot),
        }
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Prefix {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_printed_is_parsed_back(domain in any::<u32>(), bus in any::<u8>(), device in 0u8..32, function in 0u8..8) {
            let address = Slot { domain, bus, device }.function(function);
            prop_assert_eq!(address.to_string().parse::<Address>().unwrap(), address);
        }

        #[test]
        fn no_input_makes_it_panic(text in "\\PC*") {
            let _ = text.parse::<Prefix>();
            let _ = text.parse::<Address>();
        }
    }

    #[test]
    fn short_forms_mean_domain_zero_and_all_functions() {
        let prefix: Prefix = "01:00".parse().unwrap();
        assert!(prefix.covers("0000:01:00.1".parse().unwrap()));
        assert!(!prefix.covers("0001:01:00.1".parse().unwrap()));
        assert!("0000:01:00".parse::<Address>().is_err());
    }

    #[test]
    fn what_is_no_address_is_an_error() {
        for text in [
            "",
            "1:0",
            "01:20",
            "01:00.8",
            "01:00.",
            "01:00.00",
            "g1:00",
            "+1:00",
            "0:0000:01:00",
            "01:00.0 ",
            "..",
            "é1:00",
        ] {
            assert!(text.parse::<Prefix>().is_err(), "{text}");
        }
    }
}
