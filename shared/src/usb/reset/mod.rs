//! The ladder of resets, from what touches one device to what touches a whole controller.

mod blast;
mod climb;
mod heal;
mod hub_power;
mod identity;
mod record;
mod rungs;
mod verify;

use super::{Passed, UsbDevice, in_use::in_use};
use crate::{pve, session::Session};
use anyhow::Result;
use serde::Serialize;
use std::fmt;

pub use blast::touched;
pub use climb::DRY;
pub use heal::{heal, interrupted};
pub use identity::Identity;

/// The rungs, from the least to the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rung {
    /// `power/control` = on.
    Power,
    /// Off the VM and back, by QEMU's monitor.
    Replug,
    /// `USBDEVFS_RESET`.
    Ioctl,
    /// The hub's port off and on.
    Port,
    /// The power of the hub's port off and on.
    HubPower,
    /// The whole controller off its driver and back.
    Controller,
}

impl fmt::Display for Rung {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Power => "power",
            Self::Replug => "replug",
            Self::Ioctl => "ioctl",
            Self::Port => "port",
            Self::HubPower => "hub-power",
            Self::Controller => "controller",
        })
    }
}

/// What came of a rung.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase", tag = "result", content = "detail")]
pub enum Outcome {
    /// The device came back as itself; how that was seen.
    Worked(String),
    /// It did not; why.
    Failed(String),
    /// It was not tried, because it would harm somebody; whom.
    Refused(String),
    /// It was not tried, because it does not fit; why.
    Skipped(String),
}

/// One rung that was climbed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attempt {
    /// Which.
    pub rung: Rung,
    /// What came of it.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// What the operator agreed to.
#[derive(Debug, Clone, Default)]
pub struct Consent {
    /// The controller that may be reset, spelled out: `0000:03:00.0`.
    pub controller: Option<String>,
}

/// Tries `rungs` in order and stops at the first that worked or was refused; the last attempt tells how it ended. In a dry
/// run, every rung tells what it would write and is skipped.
pub fn climb(session: &Session, device: &UsbDevice<'_>, rungs: &[Rung], consent: &Consent) -> Result<Vec<Attempt>> {
    heal(session)?;
    climb_healed(session, device, rungs, consent)
}

/// The same for who has called [`heal`] just before: what was left to another then is not waited for, nor told, once more.
pub fn climb_healed(
    session: &Session,
    device: &UsbDevice<'_>,
    rungs: &[Rung],
    consent: &Consent,
) -> Result<Vec<Attempt>> {
    climb::climb(session, device, rungs, consent)
}

/// The rungs that `auto` tries on this device: by whether a VM holds it.
pub fn auto(session: &Session, device: &UsbDevice<'_>) -> Vec<Rung> {
    if !device.exists() {
        return vec![Rung::Port];
    }
    if !given(session, device).is_empty() {
        return vec![Rung::Replug, Rung::Port, Rung::Replug];
    }
    let uses = in_use(&session.host, std::slice::from_ref(device));
    if uses.found.iter().any(|found| found.handle.is_some_and(|handle| handle.vmid.is_some())) {
        return vec![Rung::Port];
    }
    let asleep = device.runtime_status().as_deref() == Some("suspended");
    asleep.then_some(Rung::Power).into_iter().chain([Rung::Ioctl, Rung::Port]).collect()
}

/// The running VMs whose configuration names this device, each with QEMU's process.
fn given(session: &Session, device: &UsbDevice<'_>) -> Vec<(Passed, i32)> {
    let (all, _) = Passed::all(&session.host);
    let meant = all.into_iter().filter(|passed| passed.means(device));
    meant
        .filter_map(|passed| Some((pve::qemu_pid(&session.host, passed.vmid)?, passed)))
        .map(|(pid, p)| (p, pid))
        .collect()
}
