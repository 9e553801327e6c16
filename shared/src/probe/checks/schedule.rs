//! When a check of one VM is due: at its interval, but never all of them in the same moment.

use super::plan::Plan;
use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
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
        let interval = millis(plan.interval);
        let phase = |within: u64| {
            let mut hasher = DefaultHasher::new();
            (&plan.name, id).hash(&mut hasher);
            hasher.finish() % within.max(1)
        };
        // A clock that was set back must not make it wait until it has caught up.
        let due = match self.due {
            Some(due) if due <= now.saturating_add(interval) => due,
            _ => now + phase(interval.min(FIRST)),
        };
        self.due = Some(due);
        if now < due {
            return false;
        }
        // In step with where it began; where it has fallen behind, from now on.
        self.due = Some(if due + interval > now { due + interval } else { now + interval });
        true
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).clamp(1000, 7 * 24 * 60 * 60 * 1000)
}
