//! What was seen once may be a hiccup. A verdict is steadied over several rounds, in two ways.
//!
//! Shown is at once what is a fact (a process that has ended, a disk that failed), and until a round says otherwise: one that
//! could not look, because somebody else had the monitor, does not. What is a rate or a share (processor, memory, pressure,
//! errors on an interface) is shown when three rounds in a row saw it, and until two in a row did not.
//!
//! Acted is upon nothing that three rounds in a row did not see; one good round in between does not make it start anew, two
//! do. A round counts once, however often it is folded in, and one that could not look counts neither way. How long to wait
//! between two recoveries is a matter of the books ([`super::recover`]), which outlive this.

#[cfg(test)]
mod tests;

use super::{
    classify::{self, Patience},
    evidence::{Evidence, Qmp, Vnc},
    verdict::{Problem, Status, Symptom, Verdict},
};
use crate::config::probe::Limits;
use std::{cmp::Reverse, collections::BTreeMap};

/// So many bad rounds make a symptom settled.
pub const BAD: u32 = 3;
/// So many good ones clear it.
pub const GOOD: u32 = 2;

/// What was seen of one instance so far.
#[derive(Debug, Clone, Default)]
pub struct Damper {
    patience: Patience,
    tracks: BTreeMap<Symptom, Track>,
}

#[derive(Debug, Clone)]
struct Track {
    bad: u32,
    good: u32,
    settled: bool,
    /// When the evidence was taken that was counted last.
    counted: Option<u64>,
    problem: Problem,
}

impl Damper {
    /// One that knows how old figures may be.
    pub fn new(patience: Patience) -> Self {
        Self { patience, tracks: BTreeMap::new() }
    }

    /// Figures may be older or younger from now on; what was counted stays.
    pub fn bear(&mut self, patience: Patience) {
        self.patience = patience;
    }

    /// Takes the verdict of one round in, and returns the steadied one.
    pub fn fold(&mut self, evidence: &Evidence, verdict: Verdict, now: u64) -> Verdict {
        if verdict.status == Status::Stopped {
            self.tracks.clear();
            return verdict;
        }
        self.count(evidence, &verdict);
        self.steadied(evidence, verdict, now)
    }

    /// Whether something that a recovery treats was seen often enough, and still is; if not, why not.
    pub fn ready_to_act(&self) -> Result<(), String> {
        let treatable = self.tracks.values().filter(|track| track.good == 0 && classify::is_treatable(&track.problem));
        let Some(oldest) = treatable.max_by_key(|track| (track.settled, track.bad)) else {
            return Err("nothing is seen now that a recovery treats".into());
        };
        if oldest.settled {
            return Ok(());
        }
        Err(format!("{} was seen in {} of {BAD} rounds in a row", oldest.problem.symptom, oldest.bad))
    }

    fn count(&mut self, evidence: &Evidence, verdict: &Verdict) {
        for problem in &verdict.problems {
            let at = stamp(&problem.symptom, evidence);
            let track = self.tracks.entry(problem.symptom.clone()).or_insert_with(|| Track {
                bad: 0,
                good: 0,
                settled: false,
                counted: None,
                problem: problem.clone(),
            });
            track.problem.clone_from(problem);
            if at.is_some() && at != track.counted {
                (track.bad, track.good, track.counted) = (track.bad.saturating_add(1), 0, at);
                track.settled |= track.bad >= BAD;
            }
        }
        self.tracks.retain(|symptom, track| {
            let at = stamp(symptom, evidence);
            let seen = verdict.problems.iter().any(|problem| problem.symptom == *symptom);
            if !seen && at != track.counted && looked(symptom, evidence) {
                (track.good, track.bad, track.counted) = (track.good + 1, 0, at);
            }
            track.good < GOOD && (seen || is_there(symptom, evidence))
        });
    }

    fn steadied(&self, evidence: &Evidence, verdict: Verdict, now: u64) -> Verdict {
        // Without limits there are no rates to complain of: this is how it would be without them.
        let without = Limits {
            cpu_percent: f64::INFINITY,
            memory_percent: f64::INFINITY,
            pressure_percent: f64::INFINITY,
            errors_per_second: f64::INFINITY,
            drops_per_second: f64::INFINITY,
        };
        let calm = classify::classify_by(evidence, &without, &self.patience, now);
        let (shown, waits): (Vec<_>, Vec<_>) =
            calm.problems.into_iter().partition(|problem| !is_rate(&problem.symptom));
        let mut problems = shown;
        if problems.is_empty() && waits.is_empty() && !is_at_work(evidence) {
            problems.extend(self.unrefuted(&verdict, now).cloned());
        }
        let rates = self.tracks.values().filter(|track| track.settled && is_rate(&track.problem.symptom));
        problems.extend(rates.map(|track| track.problem.clone()));
        problems.sort_by_key(|problem| Reverse(problem.status));
        Verdict {
            status: match problems.first() {
                Some(worst) => worst.status,
                None if waits.is_empty() => calm.status,
                None => Status::Healthy,
            },
            failure_type: classify::failure_type(&problems),
            recovery_needed: problems.iter().any(classify::is_treatable),
            problems,
            notes: verdict.notes,
        }
    }

    /// Facts that the last look that could see them did see, and that are not too old.
    fn unrefuted(&self, verdict: &Verdict, now: u64) -> impl Iterator<Item = &Problem> {
        let seen = |symptom: &Symptom| verdict.problems.iter().any(|problem| problem.symptom == *symptom);
        let open = move |track: &&Track| {
            let symptom = &track.problem.symptom;
            let fresh = track.counted.is_some_and(|at| now.saturating_sub(at) <= self.patience.deep);
            track.good == 0 && fresh && !is_rate(symptom) && !seen(symptom)
        };
        self.tracks.values().filter(open).map(|track| &track.problem)
    }
}

/// Whether it is a figure beyond its limit, or a socket that is not there, as happens whenever a VM starts or ends: rather
/// than a fact.
fn is_rate(symptom: &Symptom) -> bool {
    matches!(
        symptom,
        Symptom::Cpu
            | Symptom::Memory
            | Symptom::Pressure
            | Symptom::NetworkErrors(_)
            | Symptom::QmpGone
            | Symptom::VncGone
    )
}

/// When the evidence was taken that tells of a symptom.
pub(super) fn stamp(symptom: &Symptom, evidence: &Evidence) -> Option<u64> {
    let fast = evidence.fast.as_ref().map(|fast| fast.at);
    let deep = evidence.deep.as_ref().map(|deep| deep.at);
    let remote = evidence.remote.as_ref().map(|remote| remote.at);
    let listed = Some(evidence.instance.seen_at);
    match symptom {
        Symptom::QmpHung
        | Symptom::QmpGone
        | Symptom::VncGone
        | Symptom::VncSilent
        | Symptom::IoError
        | Symptom::NoSpace
        | Symptom::InternalError
        | Symptom::GuestPanicked
        | Symptom::ShutDown => deep,
        Symptom::Check(name) => check(name, evidence).map(|check| check.at),
        Symptom::Unreachable | Symptom::Reported(_) => remote,
        Symptom::Memory => deep.or(fast).or(remote).or(listed),
        _ => fast.or(remote).or(listed),
    }
}

fn check<'a>(name: &str, evidence: &'a Evidence) -> Option<&'a super::evidence::Checked> {
    evidence.checks.iter().find(|(own, _)| classify::clean(own) == name).map(|(_, check)| check)
}

/// Whether the evidence would show the symptom if it were there. While PVE is at work on a VM much of it is understood, and
/// proves neither.
pub(super) fn looked(symptom: &Symptom, evidence: &Evidence) -> bool {
    if is_at_work(evidence) {
        return false;
    }
    let deep = evidence.deep.as_deref();
    match symptom {
        Symptom::IoError | Symptom::NoSpace | Symptom::InternalError | Symptom::GuestPanicked => {
            deep.is_some_and(|deep| deep.qmp == Qmp::Ok && deep.run_state.get().is_some())
        }
        Symptom::QmpHung | Symptom::QmpGone => deep.is_some_and(|deep| matches!(deep.qmp, Qmp::Ok | Qmp::Busy)),
        Symptom::VncGone | Symptom::VncSilent => deep.is_some_and(|deep| matches!(deep.vnc, Vnc::Banner(_))),
        Symptom::ProcessGone | Symptom::ProcessHalted => {
            evidence.fast.as_deref().is_some_and(|fast| fast.process.get().is_some())
        }
        Symptom::TapGone(_) | Symptom::InterfaceDown(_) | Symptom::NoPort(_) | Symptom::BridgeDown(_) => {
            evidence.fast.as_deref().is_some_and(|fast| fast.nics.get().is_some())
        }
        Symptom::Check(name) => check(name, evidence).is_some_and(|check| check.passed.is_some()),
        _ => true,
    }
}

fn is_at_work(evidence: &Evidence) -> bool {
    evidence.instance.lock.is_some() || evidence.instance.task.is_some()
}

/// Whether what tells of it still exists: a check can be taken out of the configuration.
fn is_there(symptom: &Symptom, evidence: &Evidence) -> bool {
    stamp(symptom, evidence).is_some()
}
