//! One move under its locks: the observation, the record, and writes that are told, journalled, and never repeated blindly.

use super::{
    history,
    observe::{self, Observation},
    plan::Step,
    record::{Record, Stuck, now},
    unit::Unit,
};
use crate::{
    deadline::Deadline,
    fault::Fault,
    lock::Locks,
    pci::{Address, Device},
    proc,
    session::Session,
    sysfs::{self, Access, Answer},
};
use anyhow::Result;
use std::{collections::BTreeMap, io::ErrorKind, path::PathBuf, time::Instant};

/// Takes the locks of several units at once, in sorted order.
pub fn lock(session: &Session, units: &[Unit], verb: &str) -> Result<Access> {
    lock_within(session, units, verb, &session.lock_deadline())
}

/// The same by a deadline of the caller's.
pub fn lock_within(session: &Session, units: &[Unit], verb: &str, deadline: &Deadline) -> Result<Access> {
    require_sight(session, units)?;
    if session.dry_run {
        return Ok(Access::reading(&session.host));
    }
    session.require_root()?;
    let names: Vec<String> = units.iter().flat_map(Unit::lock_names).collect();
    let targets = units.iter().map(|u| u.address.to_string()).collect::<Vec<_>>().join(" ");
    let command = format!("{} {verb} {targets}", session.log.program());
    let locks = Locks::take(&session.host, &names, &command, deadline)?;
    Ok(Access::locked(&session.host, locks))
}

/// Refuses every move where it cannot be told who uses a unit: on the running machine without a usable `/proc`. A tree that
/// stands in for a machine may have none.
pub fn require_sight(session: &Session, units: &[Unit]) -> Result<()> {
    match (units.first(), proc::unseen(&session.host)) {
        (Some(unit), Some(why)) if session.host.is_live() => {
            Fault::refused(format!("{}: cannot tell who uses it: {why}; nothing was changed", unit.address))
                .next("ls /proc; mount -t proc proc /proc")
                .fail()
        }
        _ => Ok(()),
    }
}

/// Fails where it is not known whether a function answers at all: neither a working device nor a dead one is moved blindly.
pub fn require_answer(op: &Operation, seen: &Observation) -> Result<()> {
    let unanswered = seen.unanswered();
    if unanswered.is_empty() {
        return Ok(());
    }
    let next = format!("lspci -vv -s {}; gpu-bind doctor {}", op.unit.address, op.unit.address);
    Fault::problem(format!("{}; nothing was changed", unanswered.join("; "))).next(next).fail()
}

/// A move of one unit.
pub struct Operation<'a> {
    /// The run that it belongs to.
    pub session: &'a Session,
    /// What moves.
    pub unit: Unit,
    /// What is remembered of it.
    pub record: Record,
    /// What does it, for records: `gpu-bind detach`.
    pub by: String,
    /// When this move must end.
    pub deadline: Deadline,
    access: &'a mut Access,
    begun: Instant,
    /// In a dry run: what would be there after the steps so far.
    pretended: Option<Observation>,
    /// In a dry run: settings that would have been written.
    settings: BTreeMap<PathBuf, String>,
}

impl<'a> Operation<'a> {
    /// Begins a move under locks that are held.
    pub fn new(session: &'a Session, access: &'a mut Access, unit: Unit, verb: &str) -> Self {
        let record = Record::load(&session.host, &unit);
        let by = format!("{} {verb}", session.log.program());
        Self {
            session,
            unit,
            record,
            by,
            deadline: session.deadline,
            access,
            begun: Instant::now(),
            pretended: None,
            settings: BTreeMap::new(),
        }
    }

    /// Looks at the unit as it is now.
    pub fn observe(&mut self) -> Result<Observation> {
        if let Some(pretended) = &self.pretended {
            return Ok(pretended.clone());
        }
        observe::observe(&self.session.host, &self.unit, &self.record, self.access, &self.deadline)
    }

    /// The override of a function as it is now.
    pub fn driver_override(&mut self, address: Address) -> Result<Option<String>> {
        match &self.pretended {
            Some(seen) => Ok(seen.function(address).and_then(|f| f.driver_override.clone())),
            None => observe::driver_override(&self.session.host, address, self.access, &self.deadline),
        }
    }

    /// Writes the record down.
    pub fn save(&mut self) -> Result<()> {
        if self.session.dry_run {
            return Ok(());
        }
        self.record.by.clone_from(&self.by);
        self.record.at = now();
        let saved = self.record.save(&self.session.host, &self.unit);
        saved.or_else(|error| {
            let dir = self.session.host.shown(&self.session.host.run_dir());
            Fault::problem(format!("{}: no record of the way back: {error:#}", self.unit.address))
                .next(format!("findmnt -T {dir}; df -h {dir}; df -i {dir}; ulimit -f   # it must be writable"))
                .fail()
        })
    }

    /// The same on the way home, where a disk that is full must not keep a GPU from coming back.
    pub fn try_save(&mut self) {
        if let Err(error) = self.save() {
            self.session.log.warn(&format!("{error:#}; going on without"));
        }
    }

    /// Removes the record: the unit is where it was before. One that cannot be removed says nothing about where it is.
    pub fn forget(&mut self) {
        if self.session.dry_run {
            return;
        }
        if let Err(error) = self.record.forget(&self.session.host, &self.unit) {
            self.session.log.warn(&format!("{error:#}; going on without"));
        }
    }

    /// Takes steps in order and stops at the first that fails.
    pub fn take(&mut self, steps: &[Step]) -> Result<()> {
        if self.session.dry_run {
            let mut seen = self.observe()?;
            for step in steps {
                step.pretend(&mut seen.functions);
            }
            self.pretended = Some(seen);
        }
        steps.iter().try_for_each(|step| self.step(step))
    }

    /// Takes steps in order, also past one that fails, so that one function does not keep the others from coming back. The
    /// first error is the result; a kernel that does not answer ends it all.
    pub fn take_all(&mut self, steps: &[Step]) -> Result<()> {
        let mut result = Ok(());
        for step in steps {
            let taken = self.take(std::slice::from_ref(step));
            if taken.is_err() && (self.is_stuck() || self.deadline.expired()) {
                return taken;
            }
            result = result.and(taken);
        }
        result
    }

    fn step(&mut self, step: &Step) -> Result<()> {
        let (path, value) = step.write(&self.session.host);
        if matches!(step, Step::PowerControl(..) | Step::D3Cold(..) | Step::Console(..)) {
            // Settings, which do not block: one that is not there, or is as it shall be, needs no write.
            let now = match self.settings.get(&path) {
                Some(pretended) => Ok(pretended.clone()),
                None => sysfs::read(&path),
            };
            match now {
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
                Ok(now) if now == value => return Ok(()),
                _ if self.session.dry_run => self.settings.insert(path.clone(), value.clone()),
                _ => None,
            };
        }
        let host = &self.session.host;
        let driver = |address| Device::new(host, address).driver();
        self.write(&path, &value, |errno| step.tolerates(errno) || step.is_reached(driver))
    }

    /// One write. `tolerates` says which errors mean that the goal is reached.
    pub fn write(&mut self, path: &std::path::Path, value: &str, tolerates: impl Fn(i32) -> bool) -> Result<()> {
        let shown = self.session.host.shown(path);
        let spelled = format!("{value:?} to {shown}");
        if self.session.dry_run {
            self.session.would(&format!("write {spelled}"));
            return Ok(());
        }
        if self.deadline.expired() {
            let what = format!("{}: out of time before writing {spelled}; no further write is made", self.unit.address);
            return Fault::wedged(what).next(format!("gpu-bind status {}", self.unit.address)).fail();
        }
        self.session.log.detail(&format!("write {spelled}"));
        match self.access.write(path, value, &self.deadline)? {
            Answer::Done(_) => Ok(()),
            Answer::Failed(error) if error.raw_os_error().is_some_and(&tolerates) => {
                self.session.log.detail(&format!("write {spelled}: {error} (tolerated)"));
                Ok(())
            }
            Answer::Failed(error) => Fault::problem(format!("{}: cannot write {spelled}: {error}", self.unit.address))
                .next(format!("gpu-bind doctor {}", self.unit.address))
                .fail(),
            Answer::Died => {
                let gpu = self.unit.address;
                Fault::problem(format!(
                    "{gpu}: the process that writes {spelled} died; whether it was written is unknown"
                ))
                .next(format!(
                    "gpu-bind reconcile; gpu-bind status {gpu}   # who killed it: journalctl -k | grep -i oom"
                ))
                .fail()
            }
            Answer::Stuck | Answer::Late => self.stuck(shown, value),
        }
    }

    /// The kernel did not answer: it is written down, so that everybody sees it, and nothing more is tried.
    fn stuck(&mut self, file: String, value: &str) -> Result<()> {
        let pid = self.access.stuck_worker().unwrap_or_default();
        let start_time = proc::start_time(&self.session.host, pid).unwrap_or_default();
        let what = format!(
            "{}: the kernel has not answered the write of {value:?} to {file} by the deadline; pid {pid} waits for it and \
             keeps the lock; no further write is made",
            self.unit.address
        );
        self.record.stuck = Some(Stuck { pid, start_time, file, value: value.into(), since: now() });
        self.try_save();
        Fault::wedged(what)
            .next(format!(
                "gpu-bind doctor {}   # who uses it; once that process ends: gpu-bind reconcile",
                self.unit.address
            ))
            .fail()
    }

    /// Whether a write of this operation is still inside the kernel.
    pub fn is_stuck(&self) -> bool {
        self.access.stuck_worker().is_some()
    }

    /// Tells what was done: to syslog, to the history.
    pub fn done(&self, what: &str) {
        if self.session.dry_run {
            return;
        }
        let vm = self.record.vmid.map(|vmid| format!(" for VM {vmid}")).unwrap_or_default();
        self.session.log.change(&format!("{} {what}{vm}", self.unit.address));
        self.remember(what);
    }

    /// Writes the outcome into the history.
    pub fn remember(&self, what: &str) {
        if !self.session.dry_run {
            let millis = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
            history::append(self.session, &self.unit, &self.by, self.record.vmid, what, millis);
        }
    }
}
