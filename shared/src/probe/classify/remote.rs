//! What a VM reports of itself, and what a cluster's list says of it. `null` means unknown, and so does an answer that is
//! none; only a VM that cannot be reached is a failure of the way there.

use super::{Case, Found, clean, figures};
use crate::{
    config::probe::{Class, Limits, Origin},
    probe::{
        evidence::Vnc,
        verdict::{Problem, Status, Subsystem, Symptom},
    },
};
use serde_json::Value;

/// Looks at a VM that is on.
pub(super) fn look(case: &Case, limits: &Limits, found: &mut Found) {
    list(case, limits, found);
    let Some(remote) = case.remote else { return unasked(case, found) };
    let url = clean(&remote.url);
    match &remote.report {
        Ok(report) => told(report, limits, found),
        Err(why) if remote.unreachable => {
            let seen = case.deep.is_some_and(|deep| matches!(deep.vnc, Vnc::Banner(_)));
            let status = if seen { Status::Degraded } else { Status::Unhealthy };
            let text = format!("{url} cannot be reached: {}", clean(why));
            found.ill(Symptom::Unreachable, status, text, Some(format!("curl -v {url}")));
        }
        Err(why) => found.doubt(format!("{url} says nothing of its health: {}", clean(why))),
    }
}

/// A line of a list without any address: nobody can tell how that is.
fn unasked(case: &Case, found: &mut Found) {
    let instance = case.instance;
    let other = instance.qmp.is_some() || instance.vnc.is_some() || instance.reported.is_some();
    if instance.origin == Origin::File && instance.health_url.is_none() && !other {
        found.doubt("its list names no healthUrl, so there is nothing to ask");
    }
}

/// The cluster's list, which knows no more than that a process lives.
#[allow(clippy::cast_precision_loss)] // Percentages.
fn list(case: &Case, limits: &Limits, found: &mut Found) {
    let Some(told) = case.reported.filter(|told| told.node_online != Some(false)) else { return };
    match told.status.as_str() {
        "running" => found.note("as PVE's list has it; QEMU itself was not asked"),
        other => found.doubt(format!("PVE calls its state {:?}", clean(other))),
    }
    if let Some(cpu) = told.cpu.filter(|cpu| cpu.is_finite()) {
        figures::processor(cpu * 100.0, limits, found);
    }
    // More than all of it is the host's account of QEMU, which tells nothing of the guest.
    let percent = told.memory.zip(told.memory_total).filter(|(used, total)| *total > 0 && used <= total);
    if let Some((used, total)) = percent {
        figures::memory_use(used as f64 * 100.0 / total as f64, "its", limits, found);
    }
}

fn flag(report: &Value, pointer: &str) -> Option<bool> {
    report.pointer(pointer).and_then(Value::as_bool)
}

/// Whether the report says in so many words that all is well.
pub(super) fn is_well(case: &Case) -> bool {
    let Some(Ok(report)) = case.remote.map(|remote| &remote.report) else { return false };
    match report.pointer("/overall_status").and_then(Value::as_str) {
        Some(word) => word == "healthy",
        None => flag(report, "/qemu_healthy") == Some(true),
    }
}

fn told(report: &Value, limits: &Limits, found: &mut Found) {
    let before = found.problems.len();
    let bad = |pointer: &str| flag(report, pointer) == Some(false);
    if bad("/qemu_healthy") {
        ill(found, "qemu", Class::Qemu, Subsystem::Qemu, Status::Unhealthy, "it reports that its QEMU is not healthy");
    }
    if bad("/video/vnc_available") {
        ill(found, "video", Class::Qemu, Subsystem::Video, Status::Degraded, "it reports that its VNC server is gone");
    }
    // Without PulseAudio there is none to fail.
    let backend = report.pointer("/audio/audio_backend").and_then(Value::as_str).unwrap_or_default();
    if bad("/audio/pulse_running") && backend.starts_with("pulse") {
        let text = "it reports that its sound server does not run";
        ill(found, "audio", Class::Qemu, Subsystem::Audio, Status::Degraded, text);
    }
    let down: Vec<_> =
        [("/network/tap_up", "tap"), ("/network/bridge_up", "bridge")].into_iter().filter(|(at, _)| bad(at)).collect();
    if !down.is_empty() {
        let names: Vec<_> = down.iter().map(|(_, name)| *name).collect();
        let text = format!("it reports that its {} is down", names.join(" and its "));
        ill(found, "network", Class::Network, Subsystem::Network, Status::Unhealthy, &text);
    }
    let number = |pointer: &str| report.pointer(pointer).and_then(Value::as_f64);
    if let Some(percent) = number("/performance/cpu_usage") {
        figures::processor(percent, limits, found);
    }
    if let Some(percent) = number("/performance/memory_usage") {
        figures::memory_use(percent, "its", limits, found);
    }
    if found.problems.len() > before {
        return;
    }
    // It may know more than it tells.
    let text = |word: &str| format!("it reports that it is {word}, and not why");
    match report.pointer("/overall_status").and_then(Value::as_str) {
        Some("unhealthy") => {
            ill(found, "overall", Class::Qemu, Subsystem::Qemu, Status::Unhealthy, &text("unhealthy"));
        }
        Some("degraded") => ill(found, "overall", Class::Qemu, Subsystem::Qemu, Status::Degraded, &text("degraded")),
        Some("healthy") => {}
        Some(other) => found.doubt(format!("it reports its state as {:?}", clean(other))),
        None if flag(report, "/qemu_healthy").is_none() => found.doubt("its report says nothing of its health"),
        None => {}
    }
}

fn ill(found: &mut Found, word: &str, class: Class, subsystem: Subsystem, status: Status, text: &str) {
    let symptom = Symptom::Reported(word.into());
    found.problems.push(Problem { symptom, class, subsystem, status, text: text.into(), next: None });
}
