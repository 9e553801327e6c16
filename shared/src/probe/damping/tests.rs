//! Rounds that say the same, and rounds that do not.

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
