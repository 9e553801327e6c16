//! The ladder of resets, from what touches one device to what touches a whole controller.

use super::UsbDevice;
use crate::session::Session;
use anyhow::Result;
use serde::Serialize;

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

/// Tries `rungs` in order and stops at the first that worked; the last attempt tells how it ended.
pub fn climb(_session: &Session, _device: &UsbDevice<'_>, _rungs: &[Rung], _consent: &Consent) -> Result<Vec<Attempt>> {
    anyhow::bail!("not built yet")
}

/// The rungs that `auto` tries on this device: by whether a VM holds it.
pub fn auto(_session: &Session, _device: &UsbDevice<'_>) -> Vec<Rung> {
    Vec::new()
}
