//! What is known of one Coral, layer by layer. Nothing here looks at anything.

use super::is_coral;
use crate::{pve::Usb, usb::UsbId};
use serde::{Serialize, Serializer};

/// What is known of one Coral, or of the place where one is missing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Evidence {
    /// The host's view; `None` where the host does not list it.
    pub host: Option<HostSide>,
    /// Where it is looked for, while the host does not list it.
    pub missed: Missed,
    /// The VMs that are given it, the one that matters most first.
    pub vms: Vec<VmSide>,
    /// A VM that was asked about and is not given it, and its next free key: `usb1`.
    pub not_given_to: Option<(u32, Option<String>)>,
    /// The VMs that are given it, where another one was asked about.
    pub given_to: Vec<VmSide>,
    /// Where no VM is given it: VMs that name an empty socket, and may mean it.
    pub candidates: Vec<VmSide>,
    /// Why not every configuration could be read, and the next command.
    pub unread: Option<(String, String)>,
    /// What the kernel logged in the last hour; `None` where the log cannot be read.
    pub events: Option<Events>,
    /// How many resets an hour are no fault.
    pub resets_allowed: u32,
}

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

/// Where a Coral is looked for that the host does not list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Missed {
    /// The bus-port: the last one known, or the one that a VM's configuration names.
    pub port: Option<String>,
    /// What is known to hang there instead: `046d:c31c`.
    pub instead: Option<String>,
    /// How it is known that there should be one.
    pub because: Option<String>,
    /// The controller of that port, if it is there.
    pub controller: Option<String>,
    /// The controller's driver.
    pub controller_driver: Option<String>,
    /// How often that port drew too much current since the boot.
    pub over_current: Option<u32>,
    /// Where Corals are, while another place was asked about.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub elsewhere: Vec<String>,
}

/// How a VM's configuration names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// By port: follows both ids.
    #[default]
    Port,
    /// By a name of `/etc/pve/mapping/usb.cfg`.
    Mapping,
    /// By id: loses it when the id changes.
    Id,
    /// The whole controller is passed through.
    Controller,
}

/// One VM's view.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VmSide {
    /// The VM.
    pub vmid: u32,
    /// Its name.
    pub name: String,
    /// `usb0`, or `hostpci0` for a controller.
    pub key: String,
    /// How it is named.
    pub form: Form,
    /// What the configuration says: `18d1:9302`, `2-3`, `mapping=coral`.
    pub source: String,
    /// Whether the line carries `usb3=1`.
    pub usb3: bool,
    /// All lines of the VM that mean it, in their order, where there are several: the key, and whether `usb3=1` is there.
    pub lines: Vec<(String, bool)>,
    /// What the line means: the port or id behind a mapping; the error says why it means nothing.
    pub means: Option<Result<String, String>>,
    /// Whether it means the Coral as it is now, rather than its other id or the other half of its socket.
    pub fits: bool,
    /// The id that the mapping carries.
    pub mapping_id: Option<UsbId>,
    /// The operation that has the VM locked.
    pub lock: Option<String>,
    /// QEMU's process, while it runs.
    pub pid: Option<i32>,
    /// What QEMU says; the error says why that is unknown.
    pub qemu: Option<Result<QemuSide, String>>,
    /// QEMU's handle.
    pub handle: HandleSide,
    /// What the guest lists.
    pub guest: Guest,
    /// How many Corals it is given.
    pub given: usize,
}

impl VmSide {
    /// Whether it is named by the other half of the socket where the Coral is now.
    pub fn is_at_peer(&self, host: Option<&HostSide>) -> bool {
        self.form == Form::Port && host.and_then(|host| host.peer.as_ref()) == Some(&self.source)
    }

    /// How it is called.
    pub fn title(&self) -> String {
        if self.name.is_empty() { format!("VM {}", self.vmid) } else { format!("VM {} ({})", self.vmid, self.name) }
    }

    /// `usb0: host=2-3`, as its configuration has it.
    pub fn line(&self) -> String {
        let source = if self.form == Form::Mapping || self.form == Form::Controller {
            self.source.clone()
        } else {
            format!("host={}", self.source)
        };
        format!("{}: {source}", self.key)
    }

    /// The command that names it by port; of several lines, the first, and the others are taken out.
    pub fn by_port(&self, port: &str) -> String {
        let own = (self.key.clone(), self.usb3);
        let (key, usb3) = self.lines.first().unwrap_or(&own);
        [by_port(self.vmid, key, *usb3, port)]
            .into_iter()
            .chain(self.without_others(key))
            .collect::<Vec<_>>()
            .join(" && ")
    }

    /// The commands that take out the other lines that mean it.
    pub fn without_others(&self, key: &str) -> Vec<String> {
        let others = self.lines.iter().filter(|(other, _)| other != key);
        others.map(|(other, _)| without(self.vmid, other)).collect()
    }

    /// Fills in what a line of the configuration says.
    pub(super) fn take_line(&mut self, usb: &Usb) {
        self.key.clone_from(&usb.key);
        self.source = usb.source.to_string();
        self.usb3 = usb.usb3;
    }
}

/// The command that makes a line name a port.
pub(super) fn by_port(vmid: u32, key: &str, usb3: bool, port: &str) -> String {
    format!("qm set {vmid} --{key} host={port}{}", if usb3 { ",usb3=1" } else { "" })
}

/// The command that takes a line out.
pub(super) fn without(vmid: u32, key: &str) -> String {
    format!("qm set {vmid} --delete {key}")
}

/// What QEMU says of its device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QemuSide {
    /// Whether there is such a device in QEMU.
    pub exists: bool,
    /// Whether it is attached to the guest's bus.
    pub attached: Option<bool>,
    /// How QEMU finds it.
    pub options: String,
}

/// QEMU's handle.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum HandleSide {
    /// On the device as it is now.
    Live,
    /// On one that is gone.
    Stale(String),
    /// None.
    #[default]
    None,
    /// Cannot be told, and why.
    Unknown(String),
}

impl HandleSide {
    /// Its word in JSON.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Stale(_) => "stale",
            Self::None => "none",
            Self::Unknown(_) => "unknown",
        }
    }
}

/// The guest's view.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Guest {
    /// Nobody asked: the VM does not run, or the question was not wanted.
    #[default]
    NotAsked,
    /// The VM's configuration enables no agent, so there is nobody to ask.
    NoAgent,
    /// It gave no answer, and why. That is not "missing".
    Unknown(String),
    /// The Corals' ids that it lists, one for each.
    Lists(Vec<UsbId>),
}

impl Guest {
    /// Of all the ids that a guest lists, those of Corals.
    pub fn listing(ids: impl IntoIterator<Item = UsbId>) -> Self {
        Self::Lists(ids.into_iter().filter(|id| is_coral(*id)).collect())
    }

    /// Its word in JSON. What is listed more seldom than given may be another one, so that it is not known.
    pub fn word(&self, given: usize) -> &'static str {
        match self {
            Self::Lists(ids) if ids.is_empty() => "missing",
            Self::Lists(ids) if ids.len() >= given => "visible",
            _ => "unknown",
        }
    }
}

/// What the kernel logged in the last hour.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Events {
    /// Resets. Every program that opens it makes one.
    pub resets: u32,
    /// Errors of the link: cable, power.
    pub link_errors: u32,
    /// Refused configurations.
    pub config_refused: u32,
    /// Too much current.
    pub over_current: u32,
    /// The controller died.
    pub controller_died: u32,
    /// The last message that is no plain reset, connect or disconnect.
    pub last: Option<String>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn shown<S: Serializer>(id: &UsbId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(id)
}

impl Events {
    /// Nothing happened.
    pub const NONE: Self =
        Self { resets: 0, link_errors: 0, config_refused: 0, over_current: 0, controller_died: 0, last: None };
}
