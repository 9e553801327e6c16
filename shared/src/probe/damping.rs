//! What was seen once may be a hiccup. A verdict is steadied over several rounds, in two ways.
//!
//! Shown is at once what is a fact (a process that has ended, a disk that failed), and until a round says otherwise: one that
//! could not look, because somebody else had the monitor, does not. What is a rate or a share (processor, memory, pressure,
//! errors on an interface) is shown when three rounds in a row saw it, and until two in a row did not.
//!
//! Acted is upon nothing that three rounds in a row did not see; one good round in between does not make it start anew, two
//! do. A round counts once, however often it is folded in, and one that could not look counts neither way. How long to wait
//! between two recoveries is a matter of the books ([`super::recover`]), which outlive this.

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
        Symptom::NodeOffline => listed,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::{
        classify::{
            classify,
            samples::{self, NOW},
        },
        figure::Figure,
    };

    /// One round, `n` times 15 s after the first, with this run state and share of the processors.
    fn round(damper: &mut Damper, n: u64, state: &str, cpu: f64) -> Verdict {
        let now = NOW + n * 15_000;
        let evidence = samples::evidence(|_, f, d| {
            *d = samples::deep(state);
            (f.at, d.at, f.cpu) = (now, now, Figure::known("test", cpu));
            if state == "busy" {
                d.qmp = Qmp::Busy;
            }
        });
        damper.fold(&evidence, classify(&evidence, &Limits::default(), now), now)
    }

    #[test]
    fn a_fact_is_shown_at_once_and_acted_upon_after_three_rounds() {
        let mut damper = Damper::default();
        for n in 0..3 {
            assert!(damper.ready_to_act().is_err());
            assert_eq!(round(&mut damper, n, "io-error", 1.0).status, Status::Unhealthy);
        }
        damper.ready_to_act().unwrap();
        // One good round: shown as good, and nothing is done; the next bad one is enough.
        assert_eq!(round(&mut damper, 3, "running", 1.0).status, Status::Healthy);
        assert!(damper.ready_to_act().is_err());
        round(&mut damper, 4, "io-error", 1.0);
        damper.ready_to_act().unwrap();
        // Two good ones, and it starts anew.
        round(&mut damper, 5, "running", 1.0);
        round(&mut damper, 6, "running", 1.0);
        round(&mut damper, 7, "io-error", 1.0);
        assert_eq!(damper.ready_to_act().unwrap_err(), "io_error was seen in 1 of 3 rounds in a row");
    }

    #[test]
    fn the_same_round_counts_once_and_one_that_could_not_look_not_at_all() {
        let mut damper = Damper::default();
        for _ in 0..9 {
            round(&mut damper, 0, "io-error", 1.0);
        }
        assert!(damper.ready_to_act().is_err());
        // Somebody else has the monitor: what was known goes on, and as long as figures say anything at all.
        for (n, status) in [(1, Status::Unhealthy), (2, Status::Unhealthy), (4, Status::Healthy)] {
            assert_eq!(round(&mut damper, n, "busy", 1.0).status, status, "round {n}");
        }
        round(&mut damper, 3, "io-error", 1.0);
        assert_eq!(damper.ready_to_act().unwrap_err(), "io_error was seen in 2 of 3 rounds in a row");
        round(&mut damper, 4, "io-error", 1.0);
        damper.ready_to_act().unwrap();
    }

    #[test]
    fn a_rate_is_shown_after_three_rounds_until_two_were_good() {
        let mut damper = Damper::default();
        let cpu = [99.0, 99.0, 99.0, 1.0, 99.0, 1.0, 1.0, 99.0];
        let shown = [false, false, true, true, true, true, false, false];
        for (n, (cpu, shown)) in (0..).zip(cpu.into_iter().zip(shown)) {
            let verdict = round(&mut damper, n, "running", cpu);
            assert_eq!(verdict.problems.len(), usize::from(shown), "round {n}");
            assert_eq!(verdict.status == Status::Degraded, shown, "round {n}");
            assert_eq!(verdict.status == Status::Healthy, !shown, "round {n}");
        }
    }

    #[test]
    fn beside_a_fact_a_rate_still_waits() {
        let mut damper = Damper::default();
        let verdict = round(&mut damper, 0, "io-error", 99.0);
        assert_eq!(verdict.problems.len(), 1);
        round(&mut damper, 1, "io-error", 99.0);
        assert_eq!(round(&mut damper, 2, "io-error", 99.0).problems.len(), 2);
    }

    #[test]
    fn under_a_lock_a_fact_is_neither_shown_nor_forgotten() {
        let mut damper = Damper::default();
        let hung = |damper: &mut Damper, n: u64, lock: Option<&str>| {
            let now = NOW + n * 15_000;
            let evidence = samples::evidence(|i, f, d| {
                i.lock = lock.map(str::to_owned);
                (f.at, d.at, d.qmp, d.vnc) = (now, now, Qmp::Hung, Vnc::Silent);
            });
            damper.fold(&evidence, classify(&evidence, &Limits::default(), now), now).status
        };
        assert_eq!(hung(&mut damper, 0, None), Status::Unhealthy);
        assert_eq!(hung(&mut damper, 1, Some("backup")), Status::Unknown);
        assert_eq!(hung(&mut damper, 2, Some("backup")), Status::Unknown);
        hung(&mut damper, 3, None);
        assert_eq!(damper.ready_to_act().unwrap_err(), "qmp_hung was seen in 2 of 3 rounds in a row");
        hung(&mut damper, 4, None);
        damper.ready_to_act().unwrap();
    }

    #[test]
    fn a_vm_that_was_stopped_begins_anew() {
        let mut damper = Damper::default();
        for n in 0..3 {
            round(&mut damper, n, "io-error", 1.0);
        }
        let off = Verdict { status: Status::Stopped, ..Verdict::default() };
        damper.fold(&samples::evidence(|_, _, _| {}), off, NOW);
        assert!(damper.ready_to_act().is_err());
    }
}
