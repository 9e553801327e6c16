//! What the kernel logged about a USB device: resets, errors of the link, refused configurations, dead controllers.

use crate::host::Host;
use serde::Serialize;
use std::time::Duration;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// `reset SuperSpeed USB device`.
    Reset,
    /// `USB disconnect`.
    Disconnect,
    /// `new SuperSpeed USB device`.
    Connect,
    /// `error -71`, `-32`, `-110` and so on: cable, power, or a device that does not answer.
    LinkError,
    /// `can't set config`.
    ConfigRefused,
    /// `over-current`.
    OverCurrent,
    /// `HC died`.
    ControllerDied,
}

/// One message of the kernel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Event {
    /// What it means.
    pub what: What,
    /// Seconds since boot.
    pub at: u64,
    /// The message itself.
    pub text: String,
}

/// The events of a bus-port in the last `window`, oldest first; `None` where the log cannot be read, so that they are unknown.
pub fn events(_host: &Host, _port: &str, _window: Duration) -> Option<Vec<Event>> {
    None
}
