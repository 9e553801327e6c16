//! Figures with a limit, sound, the guest agent, and the administrator's own checks.

use super::{Case, Found, clean};
use crate::{
    config::probe::{Class, Limits, Origin},
    probe::{
        evidence::{Agent, Fast, GuestMemory},
        verdict::{Problem, Status, Subsystem, Symptom},
    },
};

/// Looks at a VM that is on.
pub(super) fn look(case: &Case, limits: &Limits, found: &mut Found) {
    if let Some(fast) = case.fast {
        if let Some(cpu) = fast.cpu.get() {
            processor(*cpu, limits, found);
        }
        pressure(fast, limits, found);
        let sound = fast.sound.get();
        if sound.is_some_and(|sound| sound.server_running == Some(false)) {
            found.ill(Symptom::Audio, Status::Degraded, "its sound server does not run", None);
        }
    }
    if let Some((percent, whose)) = memory(case) {
        memory_use(percent, whose, limits, found);
    }
    match case.slow.and_then(|slow| slow.agent.get()) {
        // It is silent during a backup, while the guest boots, and where nobody installed it.
        Some(Agent::Silent) => found.note("the guest agent does not answer"),
        Some(Agent::Ok { frozen: Some(true), .. }) => found.note("the guest's file systems are frozen"),
        _ => {}
    }
}

pub(super) fn processor(percent: f64, limits: &Limits, found: &mut Found) {
    if percent > limits.cpu_percent {
        let text = format!("{percent:.1} % of its processors are at work (limit {} %)", limits.cpu_percent);
        found.ill(Symptom::Cpu, Status::Degraded, text, None);
    }
}

pub(super) fn memory_use(percent: f64, whose: &str, limits: &Limits, found: &mut Found) {
    if percent > limits.memory_percent {
        let text = format!("{percent:.1} % of {whose} memory is in use (limit {} %)", limits.memory_percent);
        found.ill(Symptom::Memory, Status::Degraded, text, None);
    }
}

/// How much memory is in use. What the host counts for a VM says nothing of that: a guest that has touched all of its memory
/// once has it for good. The guest itself knows, and for a container its limit counts.
fn memory(case: &Case) -> Option<(f64, &'static str)> {
    if let Some(percent) = case.deep.and_then(|deep| guest_percent(deep.guest_memory.get()?)) {
        return Some((percent, "the guest's"));
    }
    let percent = case.fast?.memory_percent.get()?;
    (case.instance.origin != Origin::Pve).then_some((*percent, "its"))
}

#[allow(clippy::cast_precision_loss)] // A percentage.
fn guest_percent(memory: &GuestMemory) -> Option<f64> {
    let total = memory.total.filter(|total| *total > 0)?;
    // Without this there is only `free`, and what the page cache has taken of it is no shortage.
    let available = memory.available?;
    Some(total.saturating_sub(available) as f64 * 100.0 / total as f64)
}

fn pressure(fast: &Fast, limits: &Limits, found: &mut Found) {
    let Some(pressure) = fast.pressure.get() else { return };
    let kinds = [("a processor", pressure.cpu), ("memory", pressure.memory), ("a disk", pressure.io)];
    let high: Vec<_> = kinds
        .into_iter()
        .filter_map(|(what, percent)| Some((what, percent.filter(|percent| *percent > limits.pressure_percent)?)))
        .map(|(what, percent)| format!("for {what} {percent:.1} %"))
        .collect();
    if !high.is_empty() {
        let text = format!("it waits {} of the time (limit {} %)", high.join(", "), limits.pressure_percent);
        found.ill(Symptom::Pressure, Status::Degraded, text, None);
    }
}

/// What the administrator's own checks said.
pub(super) fn checks(case: &Case, found: &mut Found) {
    for (name, check) in &case.evidence.checks {
        let (name, detail) = (clean(name), clean(&check.detail));
        match check.passed {
            Some(true) => {}
            None => found.note(format!("check {name}: not known: {detail}")),
            Some(false) => found.problems.push(Problem {
                symptom: Symptom::Check(name.clone()),
                class: check.class,
                subsystem: Subsystem::Check,
                status: Status::Degraded,
                text: format!("check {name} failed: {detail}"),
                next: (check.class == Class::Client).then(|| case.recover()).flatten(),
            }),
        }
    }
}
