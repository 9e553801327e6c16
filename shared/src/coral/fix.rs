//! Cures, one rung at a time: after each the Coral is looked at again, and only that is believed.

use super::{
    collect::{Case, Wanted, collect},
    cure::{replugged, rungs},
    diagnose::diagnose,
    evidence::Evidence,
    finding::{Finding, Severity, State, worst},
    history,
};
use crate::{
    fault::{Code, Fault},
    session::Session,
    usb::{
        UsbDevice, replug,
        reset::{Consent, Outcome, Rung, climb},
    },
};
use anyhow::Result;
use serde::{Deserialize, Serialize};
use std::{
    thread,
    time::{Duration, Instant},
};

/// How long a guest may take to see what was plugged in.
const SETTLE: Duration = Duration::from_secs(10);
/// How often is looked meanwhile.
const TICK: Duration = Duration::from_secs(2);

/// Something that was done, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    /// A rung of the ladder, or `vm-reboot`.
    pub rung: String,
    /// `worked`, `failed`, `refused`, `skipped`.
    pub result: String,
    /// How that is known, or why.
    pub detail: String,
}

/// One Coral, with what was found and done.
#[derive(Debug, Default)]
pub struct Patient {
    /// What is known, now.
    pub case: Case,
    /// What that means.
    pub findings: Vec<Finding>,
    /// What was done.
    pub actions: Vec<Action>,
    /// The state before anything was done.
    pub before: Option<State>,
    /// The error that a cure ended with.
    pub fault: Option<Fault>,
}

impl Patient {
    /// A Coral that was just looked at.
    pub fn new(case: Case) -> Self {
        let findings = diagnose(&case.evidence);
        Self { case, findings, ..Self::default() }
    }

    /// What is known of it.
    pub fn evidence(&self) -> &Evidence {
        &self.case.evidence
    }

    /// The worst that was found.
    pub fn state(&self) -> (State, Severity) {
        worst(&self.findings)
    }

    /// What it is called.
    pub fn name(&self) -> String {
        let evidence = self.evidence();
        let port = evidence.host.as_ref().map(|host| &host.port).or(evidence.missed.port.as_ref());
        let vm = || evidence.vms.first().map(|vm| format!("vm{}", vm.vmid));
        port.cloned().or_else(vm).unwrap_or_else(|| "usb".into())
    }

    pub(super) fn note(&mut self, session: &Session, rung: &str, outcome: &Outcome) {
        let (result, detail) = match outcome {
            Outcome::Worked(how) => ("worked", how),
            Outcome::Failed(why) => ("failed", why),
            Outcome::Refused(why) => ("refused", why),
            Outcome::Skipped(why) => ("skipped", why),
        };
        session.log.info(&format!("{}: {rung} {result}: {detail}", self.name()));
        self.actions.push(Action { rung: rung.into(), result: result.into(), detail: detail.clone() });
    }
}

/// Cures with what touches only the Coral; `force` although nothing was found. Afterwards the patient is as it is then.
pub fn cure(session: &Session, wanted: &Wanted, patient: &mut Patient, force: bool) -> Result<()> {
    let plan = rungs(patient.evidence(), &patient.findings, force);
    if plan.is_empty() {
        return Ok(());
    }
    let begun = begin(patient);
    for (n, rung) in plan.iter().enumerate() {
        if session.deadline.expired() {
            patient.note(session, word(*rung), &Outcome::Skipped("no time is left".into()));
            break;
        }
        if session.dry_run && n > 0 && *rung != Rung::Power && plan[n - 1] != Rung::Power {
            let rest: Vec<_> = plan[n..].iter().map(|rung| word(*rung)).collect();
            session.would(&format!("try next, until it is cured: {}", rest.join(", ")));
            break;
        }
        let outcome = match climb_one(session, patient, *rung) {
            Ok(outcome) => outcome,
            Err(error) => {
                let fault = fault_of(&error);
                let refused = matches!(fault.code, Code::Refused | Code::Busy);
                let text = fault.what.clone();
                if session.dry_run {
                    session.would(&format!("try {}, which cannot be done now: {text}", word(*rung)));
                }
                patient.fault = Some(fault);
                if refused { Outcome::Refused(text) } else { Outcome::Failed(text) }
            }
        };
        if session.dry_run {
            continue;
        }
        patient.note(session, word(*rung), &outcome);
        // The kernel does not answer, somebody else is at work on it, or it would harm: the next rung would be no better.
        if patient.fault.as_ref().is_some_and(|fault| fault.code != Code::Problem) {
            break;
        }
        let settle = if matches!(outcome, Outcome::Worked(_)) { SETTLE } else { Duration::ZERO };
        look_again(session, wanted, patient, settle)?;
        let cured = rungs(patient.evidence(), &patient.findings, false).is_empty();
        if cured && (!force || *rung != Rung::Power) {
            break;
        }
    }
    end(session, patient, &begun);
    Ok(())
}

/// One recovery: when it began, what was found then, and how much had been done before.
pub(super) struct Recovery {
    at: Instant,
    before: State,
    done: usize,
}

pub(super) fn begin(patient: &mut Patient) -> Recovery {
    let before = patient.state().0;
    patient.before.get_or_insert(before);
    Recovery { at: Instant::now(), before, done: patient.actions.len() }
}

pub(super) fn end(session: &Session, patient: &Patient, begun: &Recovery) {
    let (after, severity) = patient.state();
    let actions = patient.actions.get(begun.done..).unwrap_or_default();
    if session.dry_run || actions.is_empty() {
        return;
    }
    let before = begun.before;
    let entry = history::Entry {
        at: history::now(),
        port: Some(patient.name()),
        vmid: patient.evidence().vms.first().map(|vm| vm.vmid),
        before,
        actions: actions.to_vec(),
        after,
        severity,
        millis: u64::try_from(begun.at.elapsed().as_millis()).unwrap_or(u64::MAX),
    };
    history::append(session, &entry);
    session.log.change(&format!("{}: was {before}, is {after}", patient.name()));
}

/// A rung's word.
pub fn word(rung: Rung) -> &'static str {
    match rung {
        Rung::Power => "power",
        Rung::Replug => "replug",
        Rung::Ioctl => "ioctl",
        Rung::Port => "port",
        Rung::HubPower => "hub-power",
        Rung::Controller => "controller",
    }
}

fn climb_one(session: &Session, patient: &Patient, rung: Rung) -> Result<Outcome> {
    let evidence = patient.evidence();
    let Some(host) = &evidence.host else { return Ok(Outcome::Skipped("the host does not list it".into())) };
    let device = UsbDevice::new(&session.host, host.port.as_str());
    if rung == Rung::Replug {
        let passed = replugged(evidence).and(patient.case.passed.first().cloned().flatten());
        let Some(passed) = passed else { return Ok(Outcome::Skipped("no running VM is given it".into())) };
        replug::replug(session, &passed, &device)?;
        return Ok(Outcome::Worked(format!("VM {} {}: off and back, with a live handle", passed.vmid, passed.usb.key)));
    }
    let attempts = climb(session, &device, &[rung], &Consent::default())?;
    let last = attempts.into_iter().next_back();
    Ok(last.map_or_else(|| Outcome::Skipped("not tried".into()), |attempt| attempt.outcome))
}

pub(super) fn fault_of(error: &anyhow::Error) -> Fault {
    let mut fault = Fault::problem(format!("{error:#}"));
    if let Some(inner) = Fault::of(error) {
        fault.code = inner.code;
        fault.next.clone_from(&inner.next);
    }
    fault
}

/// Looks again, for at most `settle` as long as something curable is found.
pub(super) fn look_again(session: &Session, wanted: &Wanted, patient: &mut Patient, settle: Duration) -> Result<()> {
    // A tree that stands in for a host does not change by itself.
    let until = session.deadline.within(if session.host.is_live() { settle } else { Duration::ZERO });
    loop {
        let seen = collect(session, wanted)?;
        if let Some(case) = same(seen.cases, patient.evidence()) {
            patient.findings = diagnose(&case.evidence);
            patient.case = case;
        }
        let open = !rungs(patient.evidence(), &patient.findings, false).is_empty() || patient.evidence().host.is_none();
        if !open || until.remaining() < TICK {
            return Ok(());
        }
        thread::sleep(TICK);
    }
}

/// The same Coral: on its port, on the other half of its socket, or the only one of the same VM.
fn same(cases: Vec<Case>, before: &Evidence) -> Option<Case> {
    let port = |evidence: &Evidence| {
        evidence.host.as_ref().map(|host| host.port.clone()).or_else(|| evidence.missed.port.clone())
    };
    let vm = |evidence: &Evidence| evidence.vms.first().map(|vm| vm.vmid);
    let was = port(before);
    let peer = before.host.as_ref().and_then(|host| host.peer.clone());
    let score = |case: &Case| match port(&case.evidence) {
        here if here.is_some() && here == was => 3,
        here if here.is_some() && here == peer => 2,
        _ => u8::from(vm(&case.evidence) == vm(before)),
    };
    cases.into_iter().max_by_key(score).filter(|case| score(case) > 0)
}
