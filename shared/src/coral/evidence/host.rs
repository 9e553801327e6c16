//! The host's view of a Coral.

use crate::usb::UsbId;
use serde::{Serialize, Serializer};

/// The host's view.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct HostSide {
    /// Its bus-port.
    pub port: String,
    /// Vendor and product.
    #[serde(serialize_with = "shown")]
    pub id: UsbId,
    /// The speed of its link.
    pub speed_mbps: Option<u32>,
    /// Its number on the bus.
    pub devnum: Option<u16>,
    /// `power/control`: `on` or `auto`.
    pub power_control: Option<String>,
    /// `power/runtime_status`.
    pub runtime_status: Option<String>,
    /// `authorized`.
    pub authorized: Option<bool>,
    /// Its configuration.
    pub configuration: Configuration,
    /// Its serial number.
    pub serial: Option<String>,
    /// The drivers of its interfaces; `None` for one without.
    pub drivers: Vec<Option<String>>,
    /// How often its port drew too much current since the boot.
    pub over_current: Option<u32>,
    /// The controller, `0000:03:00.0`.
    pub controller: Option<String>,
    /// The controller's driver.
    pub controller_driver: Option<String>,
    /// The same socket on the bus of the other speed.
    pub peer: Option<String>,
    /// How many other Corals carry the same id now.
    pub twins: usize,
    /// Who has it open.
    pub holders: Vec<HolderSide>,
}

/// The active configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Configuration {
    /// This one.
    Value(String),
    /// None: refused, or the device does not answer.
    Empty,
    /// Not told: somebody holds the device's lock, or it cannot be read.
    #[default]
    Unknown,
}

impl Serialize for Configuration {
    /// As sysfs has it; `null` where that is not known.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Value(value) => serializer.serialize_str(value),
            Self::Empty => serializer.serialize_str(""),
            Self::Unknown => serializer.serialize_none(),
        }
    }
}

/// A process that has it open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HolderSide {
    /// The process.
    pub pid: i32,
    /// What it is.
    pub command: String,
    /// The VM that it is QEMU for.
    pub vmid: Option<u32>,
}

impl HolderSide {
    /// How it is called.
    pub fn title(&self) -> String {
        match self.vmid {
            Some(vmid) => format!("VM {vmid} (pid {})", self.pid),
            None => format!("pid {} ({})", self.pid, self.command),
        }
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn shown<S: Serializer>(id: &UsbId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(id)
}
