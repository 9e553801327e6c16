//! The health of VMs: where they are found ([`source`]), what is measured of each in three tiers ([`fast`], [`deep`],
//! [`slow`]), what that means ([`classify`]), and what may be done about it ([`recover`]).

pub mod alone;
pub mod checks;
pub mod classify;
pub mod container;
pub mod damping;
pub mod deep;
pub mod document;
pub mod engine;
pub mod evidence;
pub mod fast;
pub mod figure;
pub mod hardware;
pub mod history;
pub mod instance;
pub mod look;
mod may_hang;
pub mod metrics;
pub mod recover;
pub mod remote;
pub mod service;
pub mod settings;
pub mod slow;
pub mod source;
pub mod verdict;

pub use crate::clock::millis as now;
