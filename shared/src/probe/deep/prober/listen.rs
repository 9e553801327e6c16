//! Its turns: what comes is read first, then what the clock brings.

use super::{Prober, address};
use crate::probe::evidence::Deep;
use nix::sys::epoll::EpollTimeout;
use std::{
    thread,
    time::{Duration, Instant},
};

/// QEMU writes its answers one by one. Whoever looks at each as it comes wakes ten times for one VM; who waits this long
/// between two looks finds several, of many VMs.
const GATHER: Duration = Duration::from_millis(5);
/// Whoever is back later than this was not run: a processor that others use, or a look at many VMs, takes less.
const LATE: Duration = Duration::from_millis(100);

impl Prober {
    /// Goes on until something is known or `wait` is over.
    pub fn poll(&mut self, wait: Duration) -> Vec<(String, Deep)> {
        let end = Instant::now() + wait;
        loop {
            self.excuse();
            if self.due.is_some_and(|due| due <= Instant::now()) {
                // Whoever was held up himself finds answers that came in time: they count before the clock does.
                self.catch_up();
                self.sweep();
            }
            let left = end.saturating_duration_since(Instant::now());
            if self.done.is_empty() {
                self.look(left);
            }
            if !self.done.is_empty() || left.is_zero() {
                return std::mem::take(&mut self.done);
            }
        }
    }

    fn look(&mut self, left: Duration) {
        let rest = GATHER.saturating_sub(self.looked.elapsed());
        if !rest.is_zero() && self.in_flight() > 0 {
            thread::sleep(rest);
        }
        let until = self.due.map_or(left, |due| left.min(due.saturating_duration_since(Instant::now())));
        // A millisecond too much rather than turning round and round in the last one.
        let millis = if until.is_zero() { 0 } else { u16::try_from(until.as_millis() + 1).unwrap_or(u16::MAX) };
        self.take_in(millis);
    }

    /// Reads what has come already.
    fn catch_up(&mut self) {
        for _ in 0..=self.flights.len() * 2 / self.events.len() {
            if self.take_in(0) < self.events.len() {
                return;
            }
        }
    }

    /// Waits for something to come, reads it, and returns of how many.
    fn take_in(&mut self, millis: u16) -> usize {
        let mut events = std::mem::take(&mut self.events);
        self.back = Instant::now() + Duration::from_millis(millis.into());
        // An interrupted wait is one in which nothing came.
        let count = self.epoll.wait(&mut events, EpollTimeout::from(millis)).unwrap_or(0);
        self.excuse();
        self.looked = Instant::now();
        for event in &events[..count] {
            let (at, side) = address(event.data());
            if let Some(mut flight) = self.flights.get_mut(at).and_then(Option::take) {
                self.hear(&mut flight, side);
                self.advance(at, &mut flight);
                self.keep(at, flight);
            }
        }
        self.events = events;
        count
    }

    /// Looks after everything that is due by the clock.
    fn sweep(&mut self) {
        self.due = None;
        let now = Instant::now();
        for at in 0..self.flights.len() {
            let Some(mut flight) = self.flights[at].take() else { continue };
            if flight.due() <= now {
                self.advance(at, &mut flight);
            }
            self.keep(at, flight);
        }
    }

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
