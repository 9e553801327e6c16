//! Attributes of one operation: through a worker on the live host, directly in a tree that stands in for one.

use super::{Answer, Did, Step, Worker, step};
use crate::{deadline::Deadline, failpoint, host::Host, lock::Locks, tree};
use anyhow::{Context, Result};
use std::{fs::File, io::Read, os::unix::fs::OpenOptionsExt, path::Path, time::Duration};

/// Reads and writes attributes under the locks of the operation.
#[derive(Debug)]
pub struct Access {
    live: bool,
    // Before the locks: fields are dropped in this order, and the worker must be gone before they are free.
    worker: Option<Worker>,
    locks: Option<Locks>,
}

/// What became of several steps.
#[derive(Debug)]
pub enum Taken {
    /// What came of each.
    All(Vec<Did>),
    /// The kernel has not answered by the deadline. The worker goes on by itself.
    Stuck,
    /// The worker died: which of them were taken is unknown.
    Died,
}

impl Access {
    /// Access without locks: for looking only.
    pub fn reading(host: &Host) -> Self {
        Self { live: host.is_live(), worker: None, locks: None }
    }

    /// Access under locks, which live as long as it does, and longer while the kernel holds the worker.
    pub fn locked(host: &Host, locks: Locks) -> Self {
        Self { live: host.is_live(), worker: None, locks: Some(locks) }
    }

    /// Writes an attribute.
    pub fn write(&mut self, path: &Path, value: &str, deadline: &Deadline) -> Result<Answer> {
        if self.live {
            return Ok(self.worker()?.write(path, value, deadline));
        }
        failpoint::before_write();
        let done = step::write_plainly(path, value.as_bytes());
        Ok(done.map_or_else(Answer::Failed, Answer::Done))
    }

    /// Reads the first `length` bytes of an attribute that may block; after `patience` it is looked whether it does.
    pub fn read(&mut self, path: &Path, length: u16, patience: Duration, deadline: &Deadline) -> Result<Answer> {
        if self.live {
            return Ok(self.worker()?.read(path, length, patience, deadline));
        }
        let mut data = Vec::new();
        let mut options = File::options();
        options.read(true).custom_flags(nix::libc::O_NONBLOCK);
        let file = tree::target(path).and_then(|place| options.open(place));
        let done = file.and_then(|file| file.take(u64::from(length)).read_to_end(&mut data));
        Ok(done.map_or_else(Answer::Failed, |_| Answer::Done(data)))
    }

    /// Takes steps in order and to their end, also when this process ends before; what came of each.
    pub fn take(&mut self, steps: &[Step], deadline: &Deadline) -> Result<Taken> {
        if !self.live {
            failpoint::before_write();
            return Ok(Taken::All(step::take(steps, false)));
        }
        Ok(match self.worker()?.take(steps, deadline) {
            Answer::Done(did) => Taken::All(serde_json::from_slice(&did).context("the answer of the worker")?),
            Answer::Failed(error) => return Err(error).context("cannot ask the process that writes to sysfs"),
            Answer::Stuck | Answer::Late => Taken::Stuck,
            Answer::Died => Taken::Died,
        })
    }

    /// The worker that does not answer any more, if there is one.
    pub fn stuck_worker(&self) -> Option<i32> {
        self.worker.as_ref().filter(|w| w.is_stuck()).map(Worker::pid)
    }

    /// Leaves a stuck worker behind, so that another device can be asked.
    pub fn leave_stuck(&mut self) {
        if self.stuck_worker().is_some() {
            self.worker = None;
        }
    }

    fn worker(&mut self) -> Result<&mut Worker> {
        if self.worker.as_ref().is_none_or(Worker::is_dead) {
            let descriptors = self.locks.as_ref().map(Locks::descriptors).unwrap_or_default();
            let worker = Worker::start(&descriptors)?;
            if let Some(locks) = &mut self.locks {
                locks.name_worker(worker.pid());
            }
            self.worker = Some(worker);
        }
        Ok(self.worker.as_mut().expect("just started"))
    }
}
