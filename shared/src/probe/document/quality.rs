//! What front ends ask about the quality of an instance, and about its recovery.

use super::{clean, report, timestamp, vm};
use crate::probe::service::Reading;
use serde_json::{Value, json};

/// One element of `/api/quality/deep-health`.
pub fn deep_health(reading: &Reading, now: u64) -> Value {
    let (evidence, verdict) = (&reading.evidence, &reading.verdict);
    // When it was last measured, not when somebody asked.
    let at = [
        evidence.fast.as_ref().map(|tier| tier.at),
        evidence.deep.as_ref().map(|tier| tier.at),
        evidence.remote.as_ref().map(|tier| tier.at),
        Some(evidence.instance.seen_at),
    ];
    json!({
        "instanceId": clean(&evidence.instance.id),
        "timestamp": timestamp(at.into_iter().flatten().max().unwrap_or(0)),
        "overallStatus": verdict.status,
        "deepHealth": report(reading, now),
        "failureType": verdict.failure_type,
        "recoveryNeeded": verdict.recovery_needed,
        "errors": vm::errors(reading),
        "problems": verdict.problems.iter().map(vm::problem).collect::<Vec<_>>(),
        "notes": verdict.notes.iter().map(|note| clean(note)).collect::<Vec<_>>(),
        "recovery": vm::recovery(reading),
        "name": clean(&evidence.instance.name),
        "vmid": evidence.instance.vmid,
        "node": super::maybe(evidence.instance.node.as_deref()),
        "source": evidence.instance.origin,
        "power": evidence.instance.power,
    })
}

/// One element of `/api/quality/recovery-status`.
pub fn recovery_status(reading: &Reading, history: &[Value]) -> Value {
    let recovery = &reading.recovery;
    let left = recovery.attempts_last_hour < recovery.max_attempts;
    json!({
        "attempts": recovery.attempts_last_hour,
        "maxAttempts": recovery.max_attempts,
        "canRecover": left && recovery.refused_because.is_none(),
        "needed": recovery.needed,
        "plan": recovery.plan.iter().map(|step| clean(step)).collect::<Vec<_>>(),
        "refusedBecause": super::maybe(recovery.refused_because.as_deref()),
        "history": history,
    })
}
