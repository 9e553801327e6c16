//! What VMs' configurations say of a GPU, for the report: their PCI devices and their hookscript, and nothing else of them.

use super::status::Status;
use crate::{host::Host, pve};
use serde::Serialize;
use std::fmt;

/// What is told of one VM.
#[derive(Debug, Serialize)]
pub struct Assigned {
    /// Its number.
    pub vmid: u32,
    /// Its name; empty where it has none.
    pub name: String,
    /// Its hookscript, as the configuration names it.
    pub hookscript: Option<String>,
    /// Its PCI devices: key and value.
    pub hostpci: Vec<(String, String)>,
}

/// The VMs that pass a GPU through.
pub fn assigned(host: &Host, status: &Status) -> Vec<Assigned> {
    // It goes to terminals.
    let plain = |text: &str| text.chars().filter(|c| !c.is_control()).collect::<String>();
    // One that cannot be read is told among the problems.
    let configs = status.vms.iter().filter_map(|vmid| pve::load(host, *vmid).ok());
    let told = configs.map(|config| Assigned {
        vmid: config.vmid,
        name: config.name,
        hookscript: config.hookscript.as_deref().map(plain),
        hostpci: config.hostpci.iter().map(|device| (device.key.clone(), plain(&device.to_string()))).collect(),
    });
    told.collect()
}

impl fmt::Display for Assigned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VM {}", self.vmid)?;
        if !self.name.is_empty() {
            write!(f, " ({})", self.name)?;
        }
        self.hostpci.iter().try_for_each(|(key, value)| write!(f, "  {key}: {value}"))?;
        match &self.hookscript {
            Some(volume) => write!(f, "  hookscript: {volume}"),
            None => write!(f, "  no hookscript: pve-hook register {}", self.vmid),
        }
    }
}
