//! How long an operation may take.

use std::time::{Duration, Instant};

/// A point in time by which an answer is due, with the budget it came from.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    at: Instant,
    budget: Duration,
}

impl Deadline {
    /// `budget` from now.
    pub fn after(budget: Duration) -> Self {
        // More than a day is for ever here, and an absurd figure must not overflow the clock.
        let budget = budget.min(Duration::from_secs(24 * 60 * 60));
        Self { at: Instant::now() + budget, budget }
    }

    /// What is left; zero when it has passed.
    pub fn remaining(&self) -> Duration {
        self.at.saturating_duration_since(Instant::now())
    }

    /// Whether it has passed.
    pub fn expired(&self) -> bool {
        self.remaining().is_zero()
    }

    /// The whole budget, for messages.
    pub fn budget(&self) -> Duration {
        self.budget
    }

    /// This deadline or `budget` from now, whichever comes last.
    #[must_use]
    pub fn at_least(&self, budget: Duration) -> Self {
        let other = Self::after(budget);
        if other.at > self.at { other } else { *self }
    }

    /// This deadline or `budget` from now, whichever comes first.
    #[must_use]
    pub fn within(&self, budget: Duration) -> Self {
        let other = Self::after(budget);
        if other.at < self.at { other } else { *self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sooner_and_the_later_of_two() {
        let (short, long) = (Duration::from_secs(1), Duration::from_secs(100));
        let left = |deadline: Deadline| deadline.remaining() > Duration::from_secs(50);
        assert!(!left(Deadline::after(long).within(short)) && left(Deadline::after(long).within(2 * long)));
        assert!(left(Deadline::after(short).at_least(long)) && left(Deadline::after(long).at_least(short)));
        assert!(Deadline::after(Duration::ZERO).at_least(Duration::ZERO).expired());
    }
}
