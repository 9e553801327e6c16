//! Whoever was not there has heard nothing: that is nobody's silence.

use super::Prober;
use std::time::{Duration, Instant};

/// A processor that others use, or a look at many VMs, takes less.
const LATE: Duration = Duration::from_millis(100);

impl Prober {
    /// Gives back to each VM the time in which this process was not run, or had other things to do, though no more than as much
    /// again as it had: what was said meanwhile lies there and is read first.
    pub(super) fn excuse(&mut self) {
        let now = Instant::now();
        if now.saturating_duration_since(self.back) > LATE {
            for flight in self.flights.iter_mut().flatten() {
                flight.extend(now.saturating_duration_since(self.back.max(flight.begun)));
            }
        }
        self.back = now;
    }
}
