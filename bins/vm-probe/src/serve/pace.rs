//! How often something may be asked for.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

const MINUTE: Duration = Duration::from_secs(60);

/// So many times in any minute.
pub struct Pace {
    most: usize,
    times: Mutex<VecDeque<Instant>>,
}

impl Pace {
    /// `most` times in any minute.
    pub fn new(most: usize) -> Self {
        Self { most, times: Mutex::default() }
    }

    /// Once more; or in how many seconds.
    pub fn take(&self, now: Instant) -> Result<(), u64> {
        let mut times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        while times.front().is_some_and(|time| now.saturating_duration_since(*time) >= MINUTE) {
            times.pop_front();
        }
        match times.front() {
            Some(oldest) if times.len() >= self.most => {
                let left = MINUTE.saturating_sub(now.saturating_duration_since(*oldest));
                Err(left.as_secs() + 1)
            }
            _ => {
                times.push_back(now);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sixth_in_a_minute_waits_for_the_first_to_be_a_minute_old() {
        let (pace, start) = (Pace::new(5), Instant::now());
        for second in 0..5 {
            assert_eq!(pace.take(start + Duration::from_secs(second)), Ok(()));
        }
        assert_eq!(pace.take(start + Duration::from_secs(10)), Err(51));
        assert_eq!(pace.take(start + Duration::from_secs(60)), Ok(()));
        assert!(pace.take(start + Duration::from_secs(60)).is_err());
    }
}
