//! `check` and `report`: VMs are looked at once, and judged.

use super::listing::{chosen, listed};
use crate::table;
use anyhow::Result;
use passthrough::{
    config::probe::{Class, Limits},
    probe::{
        classify::classify,
        container, document,
        evidence::Evidence,
        instance::Instance,
        look::{self, Want},
        now,
        recover::{self, Context},
        service::Reading,
        verdict::{FailureType, Problem, Status, Subsystem, Symptom, Verdict},
    },
    session::Session,
    tree,
};
use serde_json::json;
use std::sync::Arc;

/// What half a second saw of a processor or a counter says nothing: the daemon judges those, after several rounds.
fn calm(limits: Limits) -> Limits {
    let never = f64::INFINITY;
    Limits { cpu_percent: never, errors_per_second: never, drops_per_second: never, ..limits }
}

/// Looks at some of them, and judges.
pub(super) fn readings(session: &Session, instances: &[Arc<Instance>], want: Want) -> Result<Vec<Reading>> {
    let mut settings = session.config.probe.clone();
    if want.slow {
        (settings.frames, settings.audio, settings.agent, settings.memory) = (true, true, true, true);
    }
    let all = look::all(&session.host, &settings, instances, want, &session.deadline)?;
    let limits = calm(settings.limits);
    let judged: Vec<_> = all
        .into_iter()
        .map(|evidence| {
            let mut verdict = classify(&evidence, &limits, now());
            left_undone(session, &evidence, &mut verdict);
            (evidence, verdict)
        })
        .collect();
    let ill_at_once = judged.iter().filter(|(_, verdict)| verdict.status == Status::Unhealthy).count();
    let context = Context::person(ill_at_once);
    let reading = |(evidence, verdict)| {
        let recovery = recover::preview(session, &evidence, &verdict, &context);
        Reading { evidence, verdict, recovery }
    };
    Ok(judged.into_iter().map(reading).collect())
}

fn is_well(reading: &Reading) -> bool {
    matches!(reading.verdict.status, Status::Healthy | Status::Stopped)
}

/// A VM that a recovery stopped, and was killed before it started it again, is off as nobody wants it.
fn left_undone(session: &Session, evidence: &Evidence, verdict: &mut Verdict) {
    let id = &evidence.instance.id;
    let Some(text) = recover::intent::unfinished(&session.host, id) else { return };
    if verdict.status != Status::Stopped {
        verdict.notes.push(text);
        return;
    }
    verdict.problems.push(Problem {
        symptom: Symptom::ProcessGone,
        class: Class::Qemu,
        subsystem: Subsystem::Qemu,
        status: Status::Unhealthy,
        text: format!("it is off: {text}"),
        next: Some(format!("vm-probe recover {id} --apply")),
    });
    (verdict.status, verdict.failure_type) = (Status::Unhealthy, FailureType::Qemu);
}

pub(super) fn check(session: &Session, ids: &[String], slow: bool) -> Result<u8> {
    session.warn_unless_root();
    let listing = listed(session)?;
    let readings = readings(session, &chosen(&listing, ids)?, Want { slow, agent: true, checks: true })?;
    if session.output.is_json() {
        let vms: Vec<_> = readings.iter().map(|reading| document::vm(reading, now())).collect();
        session.output.json(&json!({ "vms": vms, "source": listing.origin, "stale": listing.stale, "stands_in_for": listing.stands_in_for }))?;
    } else {
        let verbosity = session.log.verbosity();
        let detail = !ids.is_empty() && verbosity >= 0 || verbosity > 0;
        let told: Vec<_> = readings.iter().filter(|reading| verbosity >= 0 || !is_well(reading)).collect();
        if verbosity >= 0 || !told.is_empty() {
            session.output.text(&table::check(&told, &listing, detail, &session.output, now()));
        }
    }
    Ok(u8::from(!readings.iter().all(is_well)))
}

/// Whether this is a host with VMs of its own, rather than what is around one QEMU. `/etc/pve` may hang: it is not opened.
fn no_container(session: &Session) -> bool {
    let host = &session.host;
    let pve = || tree::read_dir(&host.at("etc")).is_ok_and(|all| all.flatten().any(|entry| entry.file_name() == "pve"));
    container::find(host, &session.config.probe).is_err() && pve()
}

pub(super) fn report(session: &Session) -> Result<u8> {
    if no_container(session) {
        session.log.info("this is a Proxmox VE host, no container with one QEMU; next: vm-probe check");
    }
    let instance = Arc::new(container::instance(&session.host, &session.config.probe)?);
    let want = Want { slow: true, agent: false, checks: false };
    let all = readings_as_configured(session, &instance, want)?;
    let report = document::report(&all, now());
    session.output.text(&format!("{report:#}"));
    Ok(u8::from(report["overall_status"] != "healthy"))
}

/// Only the costly probes that are switched on: a report is asked for often.
fn readings_as_configured(session: &Session, instance: &Arc<Instance>, want: Want) -> Result<Reading> {
    let settings = &session.config.probe;
    let mut all = look::all(&session.host, settings, std::slice::from_ref(instance), want, &session.deadline)?;
    let evidence = all.pop().unwrap_or_else(|| Evidence::new(Arc::clone(instance)));
    let verdict = classify(&evidence, &calm(settings.limits), now());
    Ok(Reading { evidence, verdict, recovery: passthrough::probe::service::Recovery::default() })
}
