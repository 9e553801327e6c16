//! What costs something to find out.

use crate::probe::figure::Figure;

/// Costly, and only on demand.
#[derive(Debug, Clone, PartialEq)]
pub struct Slow {
    /// When, in milliseconds since 1970.
    pub at: u64,
    /// How often the picture changes, per second.
    pub frames: Figure<f64>,
    /// Whether the picture changed at all, or is anything but one colour.
    pub display: Figure<Display>,
    /// Root mean square of a short recording, 0 to 1.
    pub audio_level: Figure<f64>,
    /// Whether the guest agent answers.
    pub agent: Figure<Agent>,
    /// Memory that QEMU has to itself (PSS), in bytes.
    pub memory: Figure<u64>,
}

/// A picture.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Display {
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Whether it is all of one colour.
    pub blank: bool,
    /// Whether it changed while it was looked at.
    pub changed: bool,
}

/// The guest agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Agent {
    /// It answers.
    Ok {
        /// Whether the guest's file systems are frozen.
        frozen: Option<bool>,
        /// The guest's addresses.
        addresses: Vec<String>,
    },
    /// It does not.
    Silent,
    /// Somebody else talks to it.
    Busy,
}
