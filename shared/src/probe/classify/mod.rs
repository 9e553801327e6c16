//! What the evidence means: a pure function. Unknown is never failure, busy is never broken, and what is understood (paused
//! by a person, backup, migration, a lock) is a note.
//!
//! The stage comes first: of a VM that is off or on its way nothing else is asked. One cause is one problem: a halted QEMU
//! explains the silence of its monitor and of its VNC server.

mod figures;
mod network;
mod qemu;
mod remote;
#[cfg(test)]
pub(crate) mod samples;
mod stage;
#[cfg(test)]
mod tests;

use super::{
    evidence::{Deep, Evidence, Fast, ProcessState, Qmp, Remote, Slow, Vnc},
    instance::{Instance, Reported},
    verdict::{FailureType, Problem, Status, Subsystem, Symptom, Verdict},
};
use crate::{
    clock::in_millis,
    config::{
        defaults,
        probe::{Class, Limits, Origin, Settings},
    },
    plain::plain,
};
use stage::Stage;
use std::{cmp::Reverse, time::Duration};

/// So many rounds may be missed before a figure says nothing any more.
const ROUNDS: u64 = 3;
/// What a round itself may take.
const SLACK: u64 = 5_000;

/// How old figures may be, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Those of the host's files.
    pub fast: u64,
    /// Those of QEMU, and what a VM reports of itself.
    pub deep: u64,
    /// The costly ones.
    pub slow: u64,
    /// What a list of instances says.
    pub listing: u64,
}

impl Patience {
    /// Three rounds of each, as they are configured.
    pub fn of(settings: &Settings) -> Self {
        let age = |interval: Option<Duration>, usual: Duration| {
            let millis = in_millis(interval.unwrap_or(usual));
            millis.saturating_mul(ROUNDS).saturating_add(SLACK)
        };
        Self {
            fast: age(settings.fast, defaults::FAST),
            deep: age(settings.deep, defaults::DEEP),
            slow: age(settings.slow, defaults::SLOW),
            listing: age(settings.discovery, defaults::DISCOVERY),
        }
    }
}

impl Default for Patience {
    fn default() -> Self {
        Self::of(&Settings::default())
    }
}

/// What the evidence means at `now` (milliseconds since 1970), where rounds come as often as they do by default.
pub fn classify(evidence: &Evidence, limits: &Limits, now: u64) -> Verdict {
    classify_by(evidence, limits, &Patience::default(), now)
}

/// The same with other intervals: figures that are older than `patience` are not known any more.
pub fn classify_by(evidence: &Evidence, limits: &Limits, patience: &Patience, now: u64) -> Verdict {
    let mut found = Found::default();
    let case = Case::new(evidence, patience, now, &mut found);
    let stage = stage::of(&case, &mut found);
    if stage == Stage::On {
        qemu::look(&case, &mut found);
        network::look(&case, limits, &mut found);
        figures::look(&case, limits, &mut found);
        remote::look(&case, limits, &mut found);
        figures::checks(&case, &mut found);
    }
    found.verdict(&case, stage)
}

/// The evidence, without what is too old.
struct Case<'a> {
    instance: &'a Instance,
    evidence: &'a Evidence,
    fast: Option<&'a Fast>,
    deep: Option<&'a Deep>,
    slow: Option<&'a Slow>,
    remote: Option<&'a Remote>,
    reported: Option<&'a Reported>,
}

impl<'a> Case<'a> {
    fn new(evidence: &'a Evidence, patience: &Patience, now: u64, found: &mut Found) -> Self {
        let mut fresh = |at: u64, most: u64, what: &str| {
            let age = now.saturating_sub(at);
            if age > most {
                found.note(format!("{what}: {} s old, so it says nothing any more", age / 1000));
            }
            age <= most
        };
        let fast = evidence.fast.as_deref().filter(|tier| fresh(tier.at, patience.fast, "what the host's files say"));
        let deep = evidence.deep.as_deref().filter(|tier| fresh(tier.at, patience.deep, "what QEMU says"));
        let slow = evidence.slow.as_deref().filter(|tier| now.saturating_sub(tier.at) <= patience.slow);
        let remote = evidence.remote.as_deref().filter(|tier| fresh(tier.at, patience.deep, "its own report"));
        let instance = &*evidence.instance;
        let reported = instance.reported.as_ref();
        let reported = reported.filter(|_| fresh(instance.seen_at, patience.listing, "what the cluster's list says"));
        Self { instance, evidence, fast, deep, slow, remote, reported }
    }

    fn process(&self) -> Option<ProcessState> {
        Some(self.fast?.process.get()?.state)
    }

    fn run_state(&self) -> Option<&str> {
        self.deep.filter(|deep| deep.qmp == Qmp::Ok)?.run_state.get().map(String::as_str)
    }

    /// What PVE is at work on: then QEMU may well be silent, halted or without its network for a while.
    fn at_work(&self) -> Option<String> {
        let lock = self.instance.lock.as_deref().map(|lock| format!("locked: {}", clean(lock)));
        lock.or_else(|| self.instance.task.map(|pid| format!("a task of PVE is at work on it (pid {pid})")))
    }

    /// QEMU as people find it.
    fn qemu(&self) -> String {
        let pid = self.fast.and_then(|fast| fast.process.get()).map_or(0, |process| process.pid);
        if pid > 0 { format!("QEMU (pid {pid})") } else { "QEMU".into() }
    }

    /// A command of `qm`, where there is one.
    fn qm(&self, verb: &str) -> Option<String> {
        let here = matches!(self.instance.origin, Origin::Pve | Origin::Api);
        here.then(|| self.instance.vmid.map(|vmid| format!("qm {verb} {vmid}"))).flatten()
    }

    /// The command that shows what can be done.
    fn recover(&self) -> Option<String> {
        let here = matches!(self.instance.origin, Origin::Pve | Origin::Container);
        here.then(|| format!("vm-probe recover {}", clean(&self.instance.id)))
    }

    /// Whether something answered that only a VM that works can have said.
    fn answered(&self) -> bool {
        let deep = self.deep.is_some_and(|deep| {
            (deep.qmp == Qmp::Ok && deep.run_state.get().is_some()) || matches!(deep.vnc, Vnc::Banner(_))
        });
        let nothing_to_ask = self.instance.qmp.is_none() && self.instance.vnc.is_none();
        let lives = nothing_to_ask && self.process() == Some(ProcessState::Alive);
        deep || lives || self.reported.is_some_and(|told| told.status == "running") || remote::is_well(self)
    }
}

/// What was found so far.
#[derive(Default)]
struct Found {
    problems: Vec<Problem>,
    notes: Vec<String>,
    /// Something that keeps it from being called healthy, though nothing is known to be wrong.
    doubt: bool,
    /// QEMU is there, and its machine is off.
    off: bool,
}

impl Found {
    fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    /// A note that also says: whether it is well cannot be told.
    fn doubt(&mut self, text: impl Into<String>) {
        self.doubt = true;
        self.note(text);
    }

    fn ill(&mut self, symptom: Symptom, status: Status, text: impl Into<String>, next: Option<String>) {
        let (class, subsystem) = place(&symptom);
        self.problems.push(Problem { symptom, class, subsystem, status, text: text.into(), next });
    }

    fn verdict(mut self, case: &Case, stage: Stage) -> Verdict {
        self.problems.sort_by_key(|problem| Reverse(problem.status));
        let status = match self.problems.first() {
            Some(worst) => worst.status,
            None if stage == Stage::Off || self.off => Status::Stopped,
            None if stage == Stage::On && !self.doubt && case.answered() => Status::Healthy,
            None => Status::Unknown,
        };
        Verdict {
            status,
            failure_type: failure_type(&self.problems),
            recovery_needed: self.problems.iter().any(is_treatable),
            problems: self.problems,
            notes: self.notes,
        }
    }
}

/// Whose failure the problems are together.
pub fn failure_type(problems: &[Problem]) -> FailureType {
    let Some(first) = problems.first() else { return FailureType::None };
    match first.class {
        class if problems.iter().any(|problem| problem.class != class) => FailureType::Mixed,
        Class::Network => FailureType::Network,
        Class::Qemu => FailureType::Qemu,
        Class::Client => FailureType::Client,
    }
}

/// Whether some ladder of recoveries treats the problem. Whether it may is another question.
pub fn is_treatable(problem: &Problem) -> bool {
    match &problem.symptom {
        Symptom::QmpHung
        | Symptom::IoError
        | Symptom::NoSpace
        | Symptom::InternalError
        | Symptom::GuestPanicked
        | Symptom::InterfaceDown(_)
        | Symptom::NoPort(_) => true,
        // PVE's helper builds the firewall's links anew; a bridge of the host is the host's matter.
        Symptom::BridgeDown(name) => name.starts_with("fw"),
        Symptom::Check(_) => problem.class == Class::Client,
        _ => false,
    }
}

/// The class and the part that a symptom belongs to. A check says its class itself.
fn place(symptom: &Symptom) -> (Class, Subsystem) {
    match symptom {
        Symptom::ProcessGone
        | Symptom::ProcessHalted
        | Symptom::QmpHung
        | Symptom::QmpGone
        | Symptom::InternalError
        | Symptom::GuestPanicked
        | Symptom::ShutDown
        | Symptom::Reported(_) => (Class::Qemu, Subsystem::Qemu),
        Symptom::VncGone | Symptom::VncSilent => (Class::Qemu, Subsystem::Video),
        Symptom::IoError | Symptom::NoSpace => (Class::Qemu, Subsystem::Disk),
        Symptom::Cpu | Symptom::Memory | Symptom::Pressure => (Class::Qemu, Subsystem::Performance),
        Symptom::Audio => (Class::Qemu, Subsystem::Audio),
        Symptom::Check(_) => (Class::Qemu, Subsystem::Check),
        Symptom::TapGone(_)
        | Symptom::InterfaceDown(_)
        | Symptom::NoPort(_)
        | Symptom::BridgeDown(_)
        | Symptom::NetworkErrors(_)
        | Symptom::Unreachable => (Class::Network, Subsystem::Network),
    }
}

/// Words of somebody else: on one line, short, and without what a terminal would obey.
pub(super) fn clean(text: &str) -> String {
    plain(text, 200)
}
