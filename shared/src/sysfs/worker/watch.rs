//! Whether a process waits for something, or only got no processor.

use crate::{host::Host, proc};
use std::time::{Duration, Instant};

/// For so long it has to wait for the same thing: on a machine that is short of memory anybody waits for a page now and then.
const SETTLED: Duration = Duration::from_millis(500);

/// A process that is looked at again and again.
pub(super) struct Watch {
    pid: i32,
    /// How often it had waited when it was last looked at, and since when that is so; `None` where it did not wait.
    waiting: Option<(u64, Instant)>,
}

impl Watch {
    /// One that was not looked at yet.
    pub fn of(pid: i32) -> Self {
        Self { pid, waiting: None }
    }

    /// Looks.
    pub fn look(&mut self) {
        let host = Host::default();
        let waits = proc::state(&host, self.pid).is_none_or(|state| matches!(state, 'D' | 'S'));
        let times = proc::voluntary_switches(&host, self.pid).unwrap_or_default();
        self.waiting = match self.waiting {
            _ if !waits => None,
            Some((before, since)) if before == times => Some((before, since)),
            _ => Some((times, Instant::now())),
        };
    }

    /// Whether it waited when it was last looked at.
    pub fn waits(&self) -> bool {
        self.waiting.is_some()
    }

    /// Whether it has waited long enough for the same thing.
    pub fn is_settled(&self) -> bool {
        self.waiting.is_some_and(|(_, since)| since.elapsed() >= SETTLED)
    }
}
