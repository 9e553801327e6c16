//! The steps of a move, computed from what was observed. Pure: nothing here touches the host.

use super::observe::Function;
use crate::{host::Host, pci::Address};
use std::{collections::BTreeMap, path::PathBuf};

/// The driver that hands devices to VMs.
pub const VFIO: &str = "vfio-pci";

/// One write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Keep the function awake, or restore its setting: `power/control`.
    PowerControl(Address, String),
    /// Whether it may lose power: `d3cold_allowed`.
    D3Cold(Address, String),
    /// Which driver may bind it; `None` clears.
    Override(Address, Option<String>),
    /// Take it from its driver.
    Unbind(Address, String),
    /// Give it to a driver.
    Bind(Address, String),
    /// Make a driver forget an id that was added at run time.
    RemoveId(String, (u16, u16)),
    /// Take a virtual console off the framebuffer, or put it back.
    Console(String, bool),
}

impl Step {
    /// The attribute and what is written to it.
    pub fn write(&self, host: &Host) -> (PathBuf, String) {
        let device = |address: &Address, attribute: &str| host.pci_device(*address).join(attribute);
        let driver = |name: &str, attribute: &str| host.pci_driver(name).join(attribute);
        match self {
            Self::PowerControl(address, value) => (device(address, "power/control"), value.clone()),
            Self::D3Cold(address, value) => (device(address, "d3cold_allowed"), value.clone()),
            // An empty write reaches no store; a newline clears.
            Self::Override(address, name) => {
                (device(address, "driver_override"), name.clone().unwrap_or_else(|| "\n".into()))
            }
            Self::Unbind(address, name) => (driver(name, "unbind"), address.to_string()),
            Self::Bind(address, name) => (driver(name, "bind"), address.to_string()),
            Self::RemoveId(name, (vendor, id)) => (driver(name, "remove_id"), format!("{vendor:04x} {id:04x}")),
            Self::Console(name, on) => (host.vtconsole_class().join(name).join("bind"), u8::from(*on).to_string()),
        }
    }

    /// Errors that do not matter to the goal.
    pub fn tolerates(&self, errno: i32) -> bool {
        use nix::libc::{ENODEV, ENOENT};
        match self {
            Self::PowerControl(..) | Self::D3Cold(..) | Self::Console(..) => true,
            Self::RemoveId(..) => matches!(errno, ENODEV | ENOENT),
            Self::Override(..) | Self::Unbind(..) | Self::Bind(..) => false,
        }
    }

    /// Whether the kernel got there on its own, so that a refusal of this step is none: bound or unbound meanwhile.
    pub fn is_reached(&self, driver: impl Fn(Address) -> Option<String>) -> bool {
        match self {
            Self::Unbind(address, name) => driver(*address).as_ref() != Some(name),
            Self::Bind(address, name) => driver(*address).as_ref() == Some(name),
            _ => false,
        }
    }

    /// What the step would make of an observation, for dry runs.
    pub fn pretend(&self, seen: &mut [Function]) {
        let (Self::Override(address, _) | Self::Unbind(address, _) | Self::Bind(address, _)) = self else { return };
        for f in seen.iter_mut().filter(|f| f.address == *address) {
            match self {
                Self::Override(_, name) => f.driver_override.clone_from(name),
                Self::Bind(_, name) => f.driver = Some(name.clone()),
                _ => f.driver = None,
            }
            f.screen = f.display && f.host_driver().is_some();
        }
    }
}

/// Keeps a function out of sleep while it changes hands.
fn pin(seen: &[Function], steps: &mut Vec<Step>) {
    for f in seen {
        steps.push(Step::PowerControl(f.address, "on".into()));
        steps.push(Step::D3Cold(f.address, "0".into()));
    }
}

/// The way to vfio-pci: overrides first, then down in reverse order, then up.
pub fn to_vfio(seen: &[Function], consoles: &[String]) -> Vec<Step> {
    let moving: Vec<_> = seen.iter().filter(|f| !f.on_vfio()).collect();
    let mut steps = Vec::new();
    pin(&moving.iter().copied().cloned().collect::<Vec<_>>(), &mut steps);
    steps.extend(consoles.iter().map(|name| Step::Console(name.clone(), false)));
    steps.extend(moving.iter().map(|f| Step::Override(f.address, Some(VFIO.into()))));
    for f in moving.iter().rev() {
        steps.extend(f.driver.as_ref().map(|driver| Step::Unbind(f.address, driver.clone())));
    }
    steps.extend(moving.iter().map(|f| Step::Bind(f.address, VFIO.into())));
    steps
}

/// The way to the host drivers in `wanted`. `forget` are dynamic ids that vfio-pci must not keep.
pub fn to_host(seen: &[Function], wanted: &BTreeMap<Address, Option<String>>, forget: &[(u16, u16)]) -> Vec<Step> {
    let goal = |f: &Function| wanted.get(&f.address).cloned().flatten();
    let moving: Vec<_> = seen.iter().filter(|f| f.driver != goal(f)).collect();
    let mut steps = Vec::new();
    pin(&moving.iter().copied().cloned().collect::<Vec<_>>(), &mut steps);
    steps.extend(forget.iter().map(|id| Step::RemoveId(VFIO.into(), *id)));
    steps.extend(moving.iter().map(|f| Step::Override(f.address, goal(f))));
    for f in moving.iter().rev() {
        steps.extend(f.driver.as_ref().map(|driver| Step::Unbind(f.address, driver.clone())));
    }
    steps.extend(moving.iter().filter_map(|f| Some(Step::Bind(f.address, goal(f)?))));
    steps
}

/// What is left to do once a unit is verified on the host: no override, no pin, consoles back.
pub fn settle(
    overridden: &[Address],
    power: &BTreeMap<Address, (Option<String>, Option<String>)>,
    consoles: &[String],
) -> Vec<Step> {
    let mut steps: Vec<_> = overridden.iter().map(|address| Step::Override(*address, None)).collect();
    for (address, (control, d3cold)) in power {
        steps.extend(d3cold.iter().map(|value| Step::D3Cold(*address, value.clone())));
        steps.extend(control.iter().map(|value| Step::PowerControl(*address, value.clone())));
    }
    steps.extend(consoles.iter().map(|name| Step::Console(name.clone(), true)));
    steps
}
