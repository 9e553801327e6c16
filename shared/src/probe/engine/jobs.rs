//! Work that may hang, in a pool that grows as it is needed: each piece has its own deadline, and none waits for another.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

/// So many pieces at once.
const MOST: usize = 32;
/// More than this that waits is dropped: it will be due again.
const QUEUE: usize = 4096;

type Work = Box<dyn FnOnce() + Send>;

/// The pool.
#[derive(Default, Clone)]
pub(super) struct Jobs(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    waiting: VecDeque<Work>,
    workers: usize,
}

impl Jobs {
    /// Has it done.
    pub(super) fn add(&self, work: impl FnOnce() + Send + 'static) {
        let mut state = self.state();
        if state.waiting.len() >= QUEUE {
            return;
        }
        state.waiting.push_back(Box::new(work));
        if state.workers >= MOST || state.workers >= state.waiting.len() + MOST / 2 {
            return;
        }
        let jobs = self.clone();
        let worker = thread::Builder::new().name("job".into()).stack_size(super::STACK).spawn(move || jobs.work());
        // Without another thread, those that there are do it.
        state.workers += usize::from(worker.is_ok());
    }

    fn work(&self) {
        loop {
            let mut state = self.state();
            let Some(work) = state.waiting.pop_front() else {
                state.workers -= 1;
                return;
            };
            drop(state);
            work();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        sync::mpsc,
        time::{Duration, Instant},
    };

    #[test]
    fn one_that_hangs_delays_no_other() {
        let jobs = Jobs::default();
        let (done, results) = mpsc::channel();
        let (release, hold) = mpsc::channel::<()>();
        jobs.add(move || {
            let _ = hold.recv_timeout(Duration::from_secs(20));
        });
        let begun = Instant::now();
        for n in 0..100 {
            let done = done.clone();
            jobs.add(move || done.send(n).unwrap());
        }
        let mut all: Vec<i32> = (0..100).map(|_| results.recv_timeout(Duration::from_secs(10)).unwrap()).collect();
        all.sort_unstable();
        assert_eq!(all, (0..100).collect::<Vec<_>>());
        assert!(begun.elapsed() < Duration::from_secs(10));
        drop(release);
    }
}
