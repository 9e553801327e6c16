//! Corals on USB: what each layer knows of them (host, QEMU, guest), what that means, and the least that cures it.
//!
//! [`evidence`] is plain data, [`diagnose`] a pure function of it; [`collect`] is the only one that looks, [`fix`] the only
//! one that changes something.

mod absent;
pub mod budget;
pub mod collect;
pub mod configuration;
pub mod consent;
pub mod cure;
pub mod diagnose;
pub mod evidence;
pub mod finding;
pub mod fix;
mod guests;
pub mod history;
mod host_side;
pub mod inside;
pub mod left;
mod lines;
pub mod metrics;
pub mod nagios;
pub mod notify;
pub mod offer;
pub mod patient;
pub mod pcie;
pub mod persistence;
pub mod reboot;
pub mod report;
mod screen;
mod seen;
mod whole;

use crate::{session::Session, usb::UsbId};
use patient::Patient;

/// What it is before its firmware is loaded: normal until it is used for the first time.
pub const BLANK: UsbId = UsbId(0x1a6e, 0x089a);
/// What it is once its firmware is loaded.
pub const READY: UsbId = UsbId(0x18d1, 0x9302);
/// The speed that it is made for, in Mb/s.
pub const FULL_SPEED: u32 = 5000;

/// Whether an id is one of a Coral's two.
pub fn is_coral(id: UsbId) -> bool {
    id == BLANK || id == READY
}

/// Remembers where these Corals are, for the day on which one is missing.
pub fn remember(session: &Session, patients: &[Patient]) {
    seen::remember(session, patients.iter().map(Patient::evidence));
}
