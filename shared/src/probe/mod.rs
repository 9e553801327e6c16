//! The health of VMs: where they are found ([`source`]), what is measured of each in three tiers ([`fast`], [`deep`],
//! [`slow`]), what that means ([`classify`]), and what may be done about it ([`recover`]).

pub mod classify;
pub mod damping;
pub mod evidence;
pub mod figure;
pub mod instance;
pub mod recover;
pub mod service;
pub mod verdict;
