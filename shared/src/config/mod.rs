//! `/etc/pve-hooks/config.toml`. Every key has a default; an unknown key is an error that names its line.

pub mod defaults;
mod mistake;
pub mod probe;
mod sense;
pub mod written;

use crate::{
    fault::Fault,
    host::read_if_there,
    pci::{Address, Prefix},
};
use anyhow::Result;
use serde::{Deserialize, Deserializer, Serialize, de::Error};
use std::{collections::BTreeMap, path::Path, time::Duration};
use written::{Written, line};

/// Where a device goes when its VM has stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Return {
    /// To the driver it had; stays where it is when it is reserved for vfio-pci at boot.
    #[default]
    Auto,
    /// To the host driver, reservation or not.
    Host,
    /// Stays on vfio-pci.
    Never,
}

/// The whole configuration.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// How long a command may take in all.
    #[serde(deserialize_with = "duration")]
    pub timeout: Option<Duration>,
    /// How long to wait for a lock.
    #[serde(deserialize_with = "duration")]
    pub lock_timeout: Option<Duration>,
    /// For every device that has no section of its own.
    pub defaults: Defaults,
    /// One GPU, by address.
    pub gpu: BTreeMap<Prefix, Device>,
    /// A device that is no GPU and is to be moved all the same.
    pub pci: BTreeMap<Prefix, Device>,
    /// The hookscript.
    pub hook: Hook,
    /// The health of VMs.
    pub probe: probe::Settings,
}

/// What holds for every device.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Defaults {
    /// Where a device goes when its VM has stopped.
    #[serde(rename = "return")]
    pub back: Option<Return>,
    /// systemd units that are stopped before a device leaves the host and started when it is back.
    pub units: Option<Vec<String>>,
}

/// How one device is treated.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Device {
    /// Where it goes when its VM has stopped.
    #[serde(rename = "return")]
    pub back: Option<Return>,
    /// The driver it has on the host, when the kernel's own choice is not wanted.
    pub host_driver: Option<String>,
    /// systemd units that are stopped before it leaves the host and started when it is back.
    pub units: Option<Vec<String>>,
}

/// The hookscript.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Hook {
    /// How long one executable in hooks.d may take.
    #[serde(deserialize_with = "duration")]
    pub chain_timeout: Option<Duration>,
}

impl Config {
    /// Reads the configuration; without a file, all defaults. `required` when a person named the file.
    pub fn load(path: &Path, shown: &str, required: bool) -> Result<Self> {
        let text = read_if_there(path).map_err(|error| Fault::usage(format!("cannot read {shown}: {error}")))?;
        match text {
            Some(text) => Self::parse(&text, shown),
            None if required => Fault::usage(format!("{shown}: no such file")).fail(),
            None => Ok(Self::default()),
        }
    }

    fn parse(text: &str, shown: &str) -> Result<Self> {
        let mut config: Self = toml::from_str(text).map_err(|e: toml::de::Error| {
            let at = e.span().map_or(0, |span| span.start);
            Fault::usage(format!("{shown}:{}: {}", line(text, at), mistake::told(e.message(), text, at)))
        })?;
        config.probe.written = Written::new(text, shown);
        config.sense()?;
        Ok(config)
    }

    /// The settings for a device, its own before the defaults.
    pub fn device(&self, address: Address) -> Device {
        let own = self.gpu.iter().chain(&self.pci).find(|(prefix, _)| prefix.covers(address)).map(|(_, device)| device);
        let own = own.cloned().unwrap_or_default();
        Device {
            back: own.back.or(self.defaults.back),
            host_driver: own.host_driver,
            units: own.units.or_else(|| self.defaults.units.clone()),
        }
    }

    /// The driver that a function has on the host, as configured: in a section of its own, or in that of its slot, which means
    /// the one function that the slot is called by.
    pub fn host_driver(&self, function: Address, gives_name: bool) -> Option<String> {
        let sections = || self.gpu.iter().chain(&self.pci).filter(|(prefix, _)| prefix.covers(function));
        let named = |own: bool| {
            let mut same = sections().filter(move |(prefix, _)| prefix.function.is_some() == own);
            same.find_map(|(_, device)| device.host_driver.clone())
        };
        named(true).or_else(|| named(false).filter(|_| gives_name))
    }

    /// Whether a device that is no GPU is named and so belongs to us.
    pub fn names_pci(&self, address: Address) -> bool {
        self.pci.keys().any(|prefix| prefix.covers(address))
    }
}

fn duration<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(from)?;
    humantime::parse_duration(&text)
        .map(Some)
        .map_err(|e| D::Error::custom(format!("{text:?}: {e} (example: \"30s\")")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config> {
        Config::parse(text, "/etc/pve-hooks/config.toml")
    }

    #[test]
    fn a_device_has_its_own_settings_before_the_defaults() {
        let config = parse(
            "timeout = \"1m\"\n[defaults]\nunits = [\"a.service\"]\n[gpu.\"0000:01:00.0\"]\nreturn = \"host\"\n\
             [pci.\"04:00.0\"]\nreturn = \"never\"\n",
        )
        .unwrap();
        let gpu = config.device("0000:01:00.0".parse().unwrap());
        assert_eq!(gpu.back, Some(Return::Host));
        assert_eq!(gpu.units.unwrap(), ["a.service"]);
        assert_eq!(config.device("0000:02:00.0".parse().unwrap()).back, None);
        assert!(config.names_pci("0000:04:00.0".parse().unwrap()));
        assert_eq!(config.timeout, Some(Duration::from_secs(60)));
    }

    #[test]
    fn each_function_may_have_a_host_driver_of_its_own() {
        let config = parse(
            "[gpu.\"0000:01:00\"]\nhost_driver = \"amdgpu\"\n[gpu.\"0000:01:00.1\"]\nhost_driver = \"snd_hda_intel\"\n",
        )
        .unwrap();
        let driver = |address: &str, gives_name| config.host_driver(address.parse().unwrap(), gives_name);
        assert_eq!(driver("0000:01:00.0", true).as_deref(), Some("amdgpu"));
        assert_eq!(driver("0000:01:00.1", false).as_deref(), Some("snd_hda_intel"));
        assert_eq!(driver("0000:01:00.2", false), None, "the slot's driver is the display's");
        assert_eq!(driver("0000:02:00.0", true), None);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        for (text, line, word) in [
            ("timeout = \"1m\"\nretrun = 1\n", 2, "retrun"),
            ("[gpu.\"0000:01:00.0\"]\nreturn = \"maybe\"\n", 2, "maybe"),
            ("[gpu.\"nonsense\"]\nreturn = \"host\"\n", 1, "nonsense"),
            ("\n\ntimeout = \"soon\"\n", 3, "soon"),
            ("\ntimeout = 60\n", 2, "timeout: a string is expected, not integer `60` (example: timeout = \"60s\")"),
            ("[defaults]\nhost_driver = \"amdgpu\"\n", 2, "host_driver"),
            ("[gpu\n", 1, ""),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.starts_with(&format!("/etc/pve-hooks/config.toml:{line}: ")), "{error}");
            assert!(error.contains(word), "{error}");
        }
    }
}
