//! What takes two readings: how much of something went by between them.

use crate::probe::figure::Figure;
use std::time::Instant;

/// Why there is no figure after one reading.
pub(super) const TWO: &str = "needs two readings";
const ANEW: &str = "its counter began anew";

/// The reading before.
#[derive(Debug, Default)]
pub(super) struct Rate(Option<Before>);

#[derive(Debug)]
struct Before {
    source: &'static str,
    used: u64,
    all: u64,
    at: Instant,
}

impl Rate {
    /// Percent of `all` that were `used` since the reading before.
    pub fn share(&mut self, source: &'static str, used: u64, all: u64, at: Instant) -> Figure<f64> {
        let Some(before) = self.0.replace(Before { source, used, all, at }).filter(|b| b.source == source) else {
            return Figure::unknown(source, TWO);
        };
        let (Some(used), Some(all)) = (used.checked_sub(before.used), all.checked_sub(before.all)) else {
            return Figure::unknown(source, ANEW);
        };
        percent(source, used, all)
    }

    /// Percent of `processors` that were at work since the reading before; `used` is in microseconds.
    pub fn processors(&mut self, source: &'static str, used: u64, processors: f64, at: Instant) -> Figure<f64> {
        let Some(before) = self.0.replace(Before { source, used, all: 0, at }).filter(|b| b.source == source) else {
            return Figure::unknown(source, TWO);
        };
        let Some(used) = used.checked_sub(before.used) else { return Figure::unknown(source, ANEW) };
        let passed = u64::try_from(at.saturating_duration_since(before.at).as_micros()).unwrap_or(u64::MAX);
        percent(source, used, passed).map(|share| share / processors.max(0.001))
    }

    /// Forgets: what comes next belongs to something else.
    pub fn forget(&mut self) {
        self.0 = None;
    }
}

#[allow(clippy::cast_precision_loss)]
fn percent(source: &'static str, used: u64, all: u64) -> Figure<f64> {
    if all == 0 {
        return Figure::unknown(source, "no time passed between two readings");
    }
    Figure::known(source, used as f64 * 100.0 / all as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn one_reading_is_none_and_a_counter_that_goes_back_begins_anew() {
        let (mut rate, start) = (Rate::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(rate.processors("a", 1_000_000, 2.0, at(0)).reason(), Some(TWO));
        assert_eq!(rate.processors("a", 6_000_000, 2.0, at(5)).get(), Some(&50.0));
        assert_eq!(rate.processors("a", 5, 2.0, at(10)).reason(), Some(ANEW));
        assert_eq!(rate.processors("a", 5, 2.0, at(15)).get(), Some(&0.0));
        assert!(rate.processors("a", 6, 2.0, at(15)).get().is_none());
        assert_eq!(rate.processors("another", 6, 2.0, at(20)).reason(), Some(TWO));
        rate.forget();
        assert_eq!(rate.share("another", 6, 9, at(25)).reason(), Some(TWO));
        assert_eq!(rate.share("another", 7, 13, at(25)).get(), Some(&25.0));
    }
}
