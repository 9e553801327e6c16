//! One VM's view of a Coral: its configuration, its QEMU, its guest.

use super::HostSide;
use crate::{
    coral::is_coral,
    pve::Usb,
    usb::{Passed, UsbId},
};
use serde::Serialize;

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
    /// The line itself; `None` for a whole controller.
    pub passed: Option<Passed>,
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
    pub(in crate::coral) fn take_line(&mut self, usb: &Usb) {
        self.key.clone_from(&usb.key);
        self.source = usb.source.to_string();
        self.usb3 = usb.usb3;
    }
}

/// The command that makes a line name a port.
pub(in crate::coral) fn by_port(vmid: u32, key: &str, usb3: bool, port: &str) -> String {
    format!("qm set {vmid} --{key} host={port}{}", if usb3 { ",usb3=1" } else { "" })
}

/// The command that takes a line out.
pub(in crate::coral) fn without(vmid: u32, key: &str) -> String {
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
