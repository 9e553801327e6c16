//! One VM, as `check --json` has it.

use super::{clean, machine, maybe, network, timestamp};
use crate::probe::{evidence::Checked, service::Reading, verdict::Problem};
use serde_json::{Map, Value, json};

/// One element of `check --json`.
pub fn vm(reading: &Reading, now: u64) -> Value {
    let (evidence, verdict) = (&reading.evidence, &reading.verdict);
    let instance = &evidence.instance;
    json!({
        "vmid": instance.vmid,
        "id": clean(&instance.id),
        "name": clean(&instance.name),
        "node": maybe(instance.node.as_deref()),
        "source": instance.origin,
        "seen_at": timestamp(instance.seen_at),
        "power": instance.power,
        "lock": maybe(instance.lock.as_deref()),
        "ha": maybe(instance.ha.as_deref()),
        "template": instance.template,
        "status": verdict.status,
        "failure_type": verdict.failure_type,
        "errors": errors(reading),
        "problems": verdict.problems.iter().map(problem).collect::<Vec<_>>(),
        "notes": verdict.notes.iter().map(|note| clean(note)).collect::<Vec<_>>(),
        "qemu": machine::qemu(evidence, now),
        "video": machine::video(evidence, now),
        "audio": machine::audio(evidence, now),
        "performance": machine::performance(evidence, now),
        "network": network::network(evidence, now),
        "disk": machine::disk(evidence, now),
        "agent": machine::agent(evidence, now),
        "checks": evidence.checks.iter().map(|(name, c)| (clean(name), check(c, now))).collect::<Map<_, _>>(),
        "recovery": recovery(reading),
    })
}

/// The sentences of what is wrong, the worst first.
pub fn errors(reading: &Reading) -> Vec<String> {
    reading.verdict.problems.iter().map(|problem| clean(&problem.text)).collect()
}

/// What is wrong, for programs.
pub fn problem(problem: &Problem) -> Value {
    json!({
        "symptom": clean(&problem.symptom.to_string()),
        "class": problem.class,
        "subsystem": problem.subsystem,
        "status": problem.status,
        "text": clean(&problem.text),
        "next": maybe(problem.next.as_deref()),
    })
}

/// What may be done about it.
pub fn recovery(reading: &Reading) -> Value {
    let recovery = &reading.recovery;
    json!({
        "needed": recovery.needed,
        "plan": recovery.plan.iter().map(|step| clean(step)).collect::<Vec<_>>(),
        "attempts_last_hour": recovery.attempts_last_hour,
        "max_attempts": recovery.max_attempts,
        "refused_because": maybe(recovery.refused_because.as_deref()),
    })
}

fn check(checked: &Checked, now: u64) -> Value {
    json!({
        "passed": checked.passed, "detail": clean(&checked.detail), "class": checked.class,
        "took_ms": checked.took, "age_seconds": now.saturating_sub(checked.at) / 1000,
    })
}
