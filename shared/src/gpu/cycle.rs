//! Off the host and back again, under one lock: what brings a screen back that stays black.

use super::{
    attach::attach,
    detach::{Consent, Outcome, detach},
    operation::Operation,
    world::LazyWorld,
};
use anyhow::Result;
use std::time::Duration;

/// Detaches, then attaches.
pub fn cycle(op: &mut Operation, world: &LazyWorld, consent: Consent) -> Result<Outcome> {
    super::release::wait_until_released(op, world, Duration::ZERO)?;
    detach(op, None, consent)?;
    attach(op, world, Duration::ZERO, consent)
}
