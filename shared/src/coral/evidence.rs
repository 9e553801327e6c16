//! What is known of one Coral, layer by layer. Nothing here looks at anything.

mod host;
mod vm;

pub use host::{Configuration, HolderSide, HostSide};
pub use vm::{Form, Guest, HandleSide, QemuSide, VmSide};
pub(super) use vm::{by_port, without};

use crate::usb::XHCI;
use serde::Serialize;

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

impl Evidence {
    /// The bus-port where one is missing because its controller died, and that controller, where a reset of it is what
    /// helps: not of one that has something else working on that port, that is on another driver than those which are
    /// reset, or on which nobody expects a Coral while there are some elsewhere.
    pub fn below_dead_controller(&self) -> Option<(&str, &str)> {
        let died = self.host.is_none() && self.events.as_ref().is_some_and(|events| events.controller_died > 0);
        let Missed { port, controller, controller_driver, instead, .. } = &self.missed;
        let helps = controller_driver.as_deref() == Some(XHCI) && instead.is_none() && !self.missed.is_elsewhere();
        Some((port.as_deref()?, controller.as_deref()?)).filter(|_| died && helps)
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

impl Missed {
    /// Whether there are Corals elsewhere, and nothing but the question says that there should be one here.
    pub fn is_elsewhere(&self) -> bool {
        !self.elsewhere.is_empty() && self.because.is_none()
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

impl Events {
    /// Nothing happened.
    pub const NONE: Self =
        Self { resets: 0, link_errors: 0, config_refused: 0, over_current: 0, controller_died: 0, last: None };
}
