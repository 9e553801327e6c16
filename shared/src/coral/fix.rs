//! Cures, one rung at a time: after each the Coral is looked at again, and only that is believed.

use super::{
    absent::gone,
    collect::{Wanted, collect},
    cure::{replugged, rungs},
    diagnose::diagnose,
    evidence::Evidence,
    finding::State,
    history,
    patient::Patient,
};
use crate::{
    fault::{Code, Fault},
    lock::Locks,
    session::Session,
    usb::{
        Port, UsbDevice, replug,
        reset::{Consent, Outcome, Rung, climb},
    },
};
use anyhow::{Error, Result};
use std::{
    thread,
    time::{Duration, Instant},
};

/// How long a guest may take to see what was plugged in.
const SETTLE: Duration = Duration::from_secs(10);
/// How often is looked meanwhile.
const TICK: Duration = Duration::from_secs(2);

/// The turn of one run that cures: whoever comes meanwhile waits, and looks only then, so that nothing is done twice. A dry run
/// takes none.
pub fn turn(session: &Session) -> Result<Option<Locks>> {
    if session.dry_run {
        return Ok(None);
    }
    Locks::take(&session.host, &["coral".into()], session.log.program(), &session.lock_deadline()).map(Some)
}

/// Somebody else has the turn: what there would be to do is left to him.
pub fn leave(session: &Session, patient: &mut Patient, error: &Error, force: bool) {
    let first = rungs(patient.evidence(), &patient.findings, force).first().copied();
    if let Some(rung) = first {
        let fault = fault_of(error);
        patient.note(session, word(rung), &Outcome::Refused(fault.what.clone()));
        patient.fault = Some(fault);
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
            session.would(&format!("try next, until it is cured: {}", word(*rung)));
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
        if patient.fault.as_ref().is_some_and(ends_it) {
            break;
        }
        let settle = if matches!(outcome, Outcome::Worked(_)) { SETTLE } else { Duration::ZERO };
        look_again(session, wanted, patient, settle)?;
        let there = patient.evidence().host.is_some();
        let cured = there && rungs(patient.evidence(), &patient.findings, false).is_empty();
        if cured && (!force || *rung != Rung::Power) {
            break;
        }
    }
    end(session, patient, &begun);
    Ok(())
}

/// Whether after this nothing else is to be tried. Not where a re-plug is refused for the place that the device has in QEMU,
/// which a reset from outside keeps, and a reboot as well.
pub(super) fn ends_it(fault: &Fault) -> bool {
    fault.code != Code::Problem && !fault.this_way_only
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
    // One that fell off in a cure is called back by its port.
    let Some(port) = place(evidence).filter(|_| evidence.host.is_some() || rung == Rung::Port) else {
        return Ok(Outcome::Skipped("the host does not list it".into()));
    };
    let device = UsbDevice::new(&session.host, port);
    if rung == Rung::Replug {
        let passed = replugged(evidence).and_then(|vm| vm.passed.clone());
        let Some(passed) = passed else { return Ok(Outcome::Skipped("no running VM is given it".into())) };
        replug::replug(session, &passed, &device)?;
        return Ok(Outcome::Worked(format!("VM {} {}: off and back, with a live handle", passed.vmid, passed.usb.key)));
    }
    let attempts = climb(session, &device, &[rung], &Consent::default())?;
    let last = attempts.into_iter().next_back();
    Ok(last.map_or_else(|| Outcome::Skipped("not tried".into()), |attempt| attempt.outcome))
}

pub(super) fn fault_of(error: &anyhow::Error) -> Fault {
    let what = format!("{error:#}");
    Fault::of(error).map_or_else(|| Fault::problem(&what), |inner| Fault { what: what.clone(), ..inner.clone() })
}

/// Looks again, for at most `settle` as long as something curable is found.
pub(super) fn look_again(session: &Session, wanted: &Wanted, patient: &mut Patient, settle: Duration) -> Result<()> {
    // A tree that stands in for a host does not change by itself.
    let until = session.deadline.within(if session.host.is_live() { settle } else { Duration::ZERO });
    // What a cure came to is not left unknown because the cure took all the time.
    let wanted = Wanted { closing: true, ..wanted.clone() };
    loop {
        let seen = collect(session, &wanted)?;
        let was = std::mem::take(&mut patient.evidence);
        // What is nowhere any more is gone, not as it was.
        let peer = place(&was).and_then(|port| Port::of(&session.host, &port)?.peer());
        let peer = peer.map(|peer| peer.name);
        patient.evidence = match same(seen.cases, &was, peer.as_deref(), &patient.others) {
            Some(case) => case,
            None => gone(session, was),
        };
        patient.findings = diagnose(patient.evidence());
        let open = !rungs(patient.evidence(), &patient.findings, false).is_empty() || patient.evidence().host.is_none();
        if !open || until.remaining() < TICK {
            return Ok(());
        }
        thread::sleep(TICK);
    }
}

/// Where it is, or was.
fn place(evidence: &Evidence) -> Option<String> {
    evidence.host.as_ref().map(|host| host.port.clone()).or_else(|| evidence.missed.port.clone())
}

/// The same Coral: on its port, on the other half of its socket, or the only one of the same VM.
fn same(cases: Vec<Evidence>, before: &Evidence, peer: Option<&str>, others: &[String]) -> Option<Evidence> {
    let vm = |evidence: &Evidence| evidence.vms.first().map(|vm| vm.vmid);
    let was = place(before);
    let score = |case: &Evidence| match place(case) {
        here if here.is_some() && here == was => 3,
        here if here.is_some() && here.as_deref() == peer => 2,
        Some(here) if others.contains(&here) => 0,
        _ => u8::from(vm(before).is_some() && vm(case) == vm(before)),
    };
    cases.into_iter().max_by_key(score).filter(|case| score(case) > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::Config, coral::diagnose::samples, deadline::Deadline, host::Host, log::Log, report::Output};
    use std::{fs, os::unix::fs::symlink};

    fn at(port: &str, vm: bool) -> Evidence {
        let mut evidence = samples::healthy();
        samples::host(&mut evidence).port = port.into();
        evidence.vms.retain(|_| vm);
        evidence
    }

    fn port_of(found: Option<Evidence>) -> Option<String> {
        found.and_then(|case| case.host).map(|host| host.port)
    }

    #[test]
    fn one_that_fell_off_in_a_cure_is_called_back_by_its_port() {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::new(dir.path());
        let root = host.at("sys/devices/pci0000:00/0000:03:00.0/usb2");
        let switch = host.usb_devices().join("2-0:1.0/usb2-port3/disable");
        for path in [&root, switch.parent().unwrap()] {
            fs::create_dir_all(path).unwrap();
        }
        fs::write(&switch, "0\n").unwrap();
        symlink(&root, host.usb_devices().join("usb2")).unwrap();
        let deadline = Deadline::after(Duration::from_secs(20));
        let mut session = Session::new(host, Config::default(), deadline, Log::new("test", -2), Output::new(true));
        session.dry_run = true;
        let fell_off = Patient::new(samples::absent());
        for rung in [Rung::Power, Rung::Replug, Rung::Ioctl] {
            let skipped = Outcome::Skipped("the host does not list it".into());
            assert_eq!(climb_one(&session, &fell_off, rung).unwrap(), skipped);
        }
        assert!(session.planned().is_empty());
        climb_one(&session, &fell_off, Rung::Port).unwrap();
        assert_eq!(session.planned().len(), 2, "{:?}", session.planned());
    }

    #[test]
    fn nobody_elses_health_is_taken_for_a_cure() {
        let others = ["1-1".to_owned()];
        for vm in [true, false] {
            let before = at("2-3", vm);
            let look = |cases| port_of(same(cases, &before, Some("1-3"), &others));
            assert_eq!(look(vec![at("1-1", vm), at("2-3", vm)]).as_deref(), Some("2-3"));
            assert_eq!(look(vec![at("1-1", vm)]), None);
            assert_eq!(look(vec![at("1-1", vm), at("1-3", vm)]).as_deref(), Some("1-3"));
            // A controller that was bound anew may number its buses otherwise.
            assert_eq!(look(vec![at("1-1", vm), at("4-3", vm)]).as_deref(), vm.then_some("4-3"));
        }
    }
}
