//! What QEMU itself says: its monitor in one short session, its VNC server by the banner. Many VMs at once in one thread, and
//! each has a deadline of its own, so that one that hangs delays none.

mod answer;
mod banner;
mod facts;
mod flight;
mod link;
mod prober;
mod questions;
mod session;
mod shapes;
#[cfg(test)]
mod tests;

pub use flight::Target;
pub use prober::Prober;

use super::evidence::Deep;
use crate::{deadline::Deadline, host::Host};
use std::time::Duration;

/// Asks all of them, `at_once` at a time, and returns what is known of each by the deadline. Those whose turn did not come
/// are unknown.
pub fn ask_all(
    host: &Host,
    targets: Vec<Target>,
    answer: Duration,
    at_once: usize,
    deadline: &Deadline,
) -> Vec<(String, Deep)> {
    let mut prober = match Prober::new(host) {
        Ok(prober) => prober,
        Err(error) => {
            return targets.into_iter().map(|target| flight::unasked(target, &format!("{error:#}"))).collect();
        }
    };
    let mut told = Vec::with_capacity(targets.len());
    let mut targets = targets.into_iter();
    loop {
        // Who is given much less than the time of an answer would seem to hang.
        while prober.in_flight() < at_once.max(1) && deadline.remaining() * 2 >= answer {
            let Some(target) = targets.next() else { break };
            prober.begin(target, answer.min(deadline.remaining()));
        }
        if prober.in_flight() == 0 {
            told.extend(
                targets.map(|target| flight::unasked(target, "too little time was left for its answer (--timeout)")),
            );
            return told;
        }
        told.append(&mut prober.poll(answer));
    }
}
