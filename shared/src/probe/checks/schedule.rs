//! When a check of one VM is due: at its interval, but never all of them in the same moment.

use super::plan::Plan;
use crate::clock::in_millis;
use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, atomic::AtomicBool},
};

/// The first run comes within this time, however long the interval is.
const FIRST: u64 = 60 * 1000;

/// One check of one VM.
#[derive(Debug, Default)]
pub(super) struct Slot {
    /// When it is due, in milliseconds since 1970; none before it was first looked at.
    due: Option<u64>,
    /// Whether it runs.
    pub(super) running: Arc<AtomicBool>,
}

impl Slot {
    /// Whether it is due, which makes it due again an interval later.
    pub(super) fn is_due(&mut self, plan: &Plan, id: &str, now: u64) -> bool {
        let interval = in_millis(plan.interval).max(1);
        let phase = |within: u64| {
            let mut hasher = DefaultHasher::new();
            (&plan.name, id).hash(&mut hasher);
            hasher.finish() % within.max(1)
        };
        // A clock that was set, either way, or a machine that slept, must neither make it wait until the clock has caught up
        // nor start all of them at once.
        let near = interval.max(FIRST);
        let due = match self.due {
            Some(due) if due <= now.saturating_add(near) && due.saturating_add(near) >= now => due,
            _ => now.saturating_add(phase(interval.min(FIRST))),
        };
        self.due = Some(due);
        if now < due {
            return false;
        }
        // In step with where it began.
        let turns = (now - due) / interval + 1;
        self.due = Some(due.saturating_add(turns.saturating_mul(interval)));
        true
    }
}
