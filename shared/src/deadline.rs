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

    /// This deadline or `budget` from now, whichever comes first.
    #[must_use]
    pub fn within(&self, budget: Duration) -> Self {
        let other = Self::after(budget);
        if other.at < self.at { other } else { *self }
    }
}
