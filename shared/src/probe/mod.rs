//! The health of VMs: where they are found ([`source`]), what is measured of each in three tiers ([`fast`], [`deep`],
//! [`slow`]), what that means ([`classify`]), and what may be done about it ([`recover`]).

pub mod container;
pub mod deep;
pub mod classify;
pub mod damping;
pub mod checks;
pub mod document;
pub mod evidence;
pub mod fast;
pub mod figure;
pub mod hardware;
pub mod history;
pub mod instance;
pub mod service;
pub mod source;
pub mod verdict;
