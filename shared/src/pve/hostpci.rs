//! `hostpciN`: a PCI device that a VM is given.

use super::property::{MOST, Properties, boolean};
use crate::pci::Prefix;
use anyhow::{Result, bail};
use std::fmt;

/// The highest `hostpciN` is below this (`$MAX_HOSTPCI_DEVICES` in `PVE::QemuServer::PCI`).
pub const MAX: usize = 16;

/// All keys of the newest format; older releases know fewer.
const KNOWN: [&str; 13] = [
    "host",
    "mapping",
    "driver",
    "mdev",
    "pcie",
    "x-vga",
    "rombar",
    "romfile",
    "legacy-igd",
    "vendor-id",
    "device-id",
    "sub-vendor-id",
    "sub-device-id",
];

/// One `hostpciN` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPci {
    /// `hostpci0` and so on.
    pub key: String,
    /// Which device.
    pub source: Source,
    /// `driver=keep`: PVE neither binds nor resets it, and neither do we.
    pub keep: bool,
    /// The type of mediated device, when the VM gets a part of the device only.
    pub mdev: Option<String>,
    /// What concerns the guest's side only, as written.
    pub others: Vec<(String, String)>,
}

/// How a configuration names a PCI device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// By address: all of them together.
    Host(Vec<Prefix>),
    /// By a name in `/etc/pve/mapping/pci.cfg`.
    Mapping(String),
}

impl HostPci {
    /// Reads the value of `key`; what is merely strange goes to `warnings`.
    pub fn parse(key: &str, value: &str, warnings: &mut Vec<String>) -> Result<Self> {
        let properties = Properties::parse(value, Some("host"))?;
        warnings.extend(properties.unknown(&KNOWN).map(|unknown| format!("unknown key {unknown:?}")));
        let source = match (properties.get("host"), properties.get("mapping")) {
            (Some(host), None) => Source::Host(prefixes(host)?),
            (None, Some(mapping)) => Source::Mapping(mapping.to_owned()),
            (Some(_), Some(_)) => bail!("both \"host\" and \"mapping\" are given"),
            (None, None) => bail!("neither \"host\" nor \"mapping\" is given"),
        };
        let keep = match properties.get("driver") {
            None | Some("vfio") => false,
            Some("keep") => true,
            Some(other) => bail!("driver={other}: expected vfio or keep"),
        };
        let own = |key: &str| matches!(key, "host" | "mapping" | "driver" | "mdev");
        let others = properties.iter().filter(|(k, _)| !own(k)).map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
        Ok(Self { key: key.to_owned(), source, keep, mdev: properties.get("mdev").map(str::to_owned), others })
    }

    /// The name of the mapping, if it is one.
    pub fn mapping(&self) -> Option<&str> {
        match &self.source {
            Source::Mapping(name) => Some(name),
            Source::Host(_) => None,
        }
    }

    /// Whether it is the guest's primary display.
    pub fn is_primary(&self) -> bool {
        self.others.iter().any(|(key, value)| key == "x-vga" && boolean(value) == Some(true))
    }
}

/// A list of addresses as configurations and mappings write it: `0000:01:00.0;0000:01:00.1`.
pub fn prefixes(text: &str) -> Result<Vec<Prefix>> {
    let mut prefixes = Vec::with_capacity(1);
    for id in text.split(';') {
        if prefixes.len() == MOST {
            bail!("more than {MOST} addresses");
        }
        let prefix = id.parse()?;
        if !prefixes.contains(&prefix) {
            prefixes.push(prefix);
        }
    }
    Ok(prefixes)
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mapping(name) => write!(f, "mapping={name}"),
            Self::Host(prefixes) => prefixes.iter().enumerate().try_for_each(|(n, prefix)| {
                let separator = if n == 0 { "" } else { ";" };
                write!(f, "{separator}{prefix}")
            }),
        }
    }
}

impl fmt::Display for HostPci {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.source)?;
        if self.keep {
            f.write_str(",driver=keep")?;
        }
        if let Some(mdev) = &self.mdev {
            write!(f, ",mdev={mdev}")?;
        }
        self.others.iter().try_for_each(|(key, value)| write!(f, ",{key}={value}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(value: &str) -> Result<HostPci> {
        HostPci::parse("hostpci0", value, &mut Vec::new())
    }

    #[test]
    fn every_spelling_that_pve_takes_is_understood() {
        for (value, printed) in [
            ("01:00,pcie=1,x-vga=1", "0000:01:00,pcie=1,x-vga=1"),
            ("pcie=1,host=0000:0A:00.0", "0000:0a:00.0,pcie=1"),
            ("01:00.0;01:00.1;01:00.0", "0000:01:00.0;0000:01:00.1"),
            ("10000:01:00.0,driver=vfio", "10000:01:00.0"),
            ("mapping=gpu,driver=keep", "mapping=gpu,driver=keep"),
            ("00:02.0,rombar=0,mdev=i915-GVTg_V5_4", "0000:00:02.0,mdev=i915-GVTg_V5_4,rombar=0"),
        ] {
            assert_eq!(parse(value).unwrap().to_string(), printed, "{value}");
        }
    }

    #[test]
    fn what_names_no_device_is_an_error() {
        for (value, why) in [
            ("pcie=1", "neither \"host\" nor \"mapping\" is given"),
            ("01:00,mapping=gpu", "both \"host\" and \"mapping\" are given"),
            ("01:00,pcie=1,pcie=1", "duplicate key \"pcie\""),
            ("01:00,driver=nvidia", "driver=nvidia: expected vfio or keep"),
            ("01:0", "\"01:0\" is no PCI address (expected 0000:01:00.0, 01:00.0 or 01:00)"),
            ("01:00.0;", "\"\" is no PCI address (expected 0000:01:00.0, 01:00.0 or 01:00)"),
        ] {
            assert_eq!(parse(value).unwrap_err().to_string(), why, "{value}");
        }
    }

    #[test]
    fn a_key_of_the_future_is_a_warning() {
        let mut warnings = Vec::new();
        let device = HostPci::parse("hostpci3", "01:00,future=1", &mut warnings).unwrap();
        assert_eq!(warnings, ["unknown key \"future\""]);
        assert_eq!(device.others, [("future".to_owned(), "1".to_owned())]);
    }

    proptest! {
        #[test]
        fn no_input_makes_it_panic(text in "\\PC*") {
            let _ = parse(&text);
            let _ = prefixes(&text);
        }

        #[test]
        fn what_is_printed_is_parsed_back(
            host in "([0-9a-f]{4,6}:)?[0-9a-fA-F]{2}:[01][0-9a-f](\\.[0-7])?(;[0-9a-f]{2}:0[0-9a-f]){0,2}",
            mapped in any::<bool>(), keep in any::<bool>(), mdev in proptest::option::of("[a-z0-9-]{1,9}"), pcie in "(,pcie=[01])?"
        ) {
            let source = if mapped { "mapping=my-gpu".to_owned() } else { host };
            let driver = if keep { ",driver=keep" } else { "" };
            let mdev = mdev.map(|m| format!(",mdev={m}")).unwrap_or_default();
            let device = parse(&format!("{source}{driver}{mdev}{pcie}")).unwrap();
            prop_assert_eq!(parse(&device.to_string()).unwrap(), device);
        }
    }
}
