//! Why nothing is done, the weightiest reason first. Nothing overrides these but where it says so.

use super::{
    AskedBy, BACK_OFF, Context, MOST, cause,
    plan::{NO_HELPER, Plan},
    shown,
};
use crate::{
    config::probe::{Class, Origin, Recovery},
    fault::Fault,
    host::{Host, read_if_there},
    probe::{
        classify::{self, clean},
        evidence::{Agent, Evidence},
        verdict::{FailureType, Status, Verdict},
    },
    proc,
    pve::{self, config_lock},
    session::Session,
};
use std::time::Duration;

/// How long all of it may take.
const LOOK: Duration = Duration::from_secs(5);
/// So many ill VMs at once are no coincidence any more.
const MOST_AT_ONCE: usize = crate::config::defaults::MOST_AT_ONCE;

/// Why nothing is done, if so. The books are another matter.
pub(super) fn look(
    session: &Session,
    evidence: &Evidence,
    verdict: &Verdict,
    plan: &Plan,
    context: &Context,
) -> Option<Fault> {
    let settings = &session.config.probe.recovery;
    nothing(evidence, verdict, plan)
        .or_else(|| owner(&session.host, evidence))
        .or_else(|| at_work(&session.host, evidence))
        .or_else(|| state(evidence))
        .or_else(|| many(settings, context))
        .or_else(|| policy(settings, evidence, plan, context))
        .or_else(|| storage(session, plan, context))
        .or_else(|| damped(session, evidence, context))
        .or_else(|| not_root(session, evidence))
}

fn nothing(evidence: &Evidence, verdict: &Verdict, plan: &Plan) -> Option<Fault> {
    let id = shown(&evidence.instance.id);
    if !verdict.recovery_needed {
        let told: Vec<_> = verdict.problems.iter().map(|problem| problem.text.as_str()).collect();
        let what = match (told.as_slice(), verdict.status) {
            ([], Status::Unknown) => "whether anything is wrong with it is not known".into(),
            ([], _) => "nothing is wrong with it".into(),
            _ => told.join("; "),
        };
        let next = verdict.problems.iter().find_map(|problem| problem.next.clone());
        let fault = Fault::refused(format!("{id}: nothing here treats this: {what}"));
        return Some(match next {
            Some(next) => fault.next(next),
            None => fault,
        });
    }
    let why = plan.missing.as_ref().filter(|_| plan.steps.is_empty())?;
    // It is part of the package that starts VMs.
    let next =
        if why == NO_HELPER { "apt install --reinstall qemu-server".into() } else { format!("vm-probe check {id}") };
    Some(Fault::refused(format!("{id}: {why}")).next(next))
}

/// Whose the VM is.
fn owner(host: &Host, evidence: &Evidence) -> Option<Fault> {
    let instance = &*evidence.instance;
    let id = shown(&instance.id);
    if instance.template {
        return Some(Fault::refused(format!("{id} is a template")));
    }
    let listed = instance.vmid.filter(|_| instance.origin == Origin::Pve).is_some_and(|vmid| is_managed(host, vmid));
    let wanted = instance.ha.as_deref().map(clean).or_else(|| listed.then(|| "started".into()))?;
    let why = format!("{id} is looked after by PVE's HA manager (it wants: {wanted}), which this would work against");
    Some(Fault::refused(why).next("ha-manager status"))
}

/// As the file has it now: what the list of instances says may be half a minute old.
fn is_managed(host: &Host, vmid: u32) -> bool {
    let Ok(text) = read_if_there(&host.ha_resources()) else { return true };
    let text = text.unwrap_or_default();
    let mut lines = text.lines().skip_while(|line| *line != format!("vm: {vmid}"));
    let there = lines.next().is_some();
    let own = lines.take_while(|line| line.starts_with([' ', '\t']));
    there && !own.into_iter().any(|line| line.split_whitespace().eq(["state", "ignored"]))
}

/// Who is at work on it.
fn at_work(host: &Host, evidence: &Evidence) -> Option<Fault> {
    let instance = &*evidence.instance;
    let id = shown(&instance.id);
    let mut lock = instance.lock.clone();
    if let Some(vmid) = instance.vmid.filter(|_| instance.origin == Origin::Pve) {
        #[cfg(test)]
        crate::probe::may_hang::storage(host);
        match pve::load(host, vmid) {
            Ok(config) if config.template => return Some(Fault::refused(format!("{id} is a template"))),
            Ok(config) => lock = lock.or(config.lock),
            // What would say that it must not be touched cannot be read.
            Err(error) => return Some(Fault::refused(format!("{id}: {error:#}"))),
        }
        if let Some(pid) = config_lock::locked_by(host, vmid) {
            let why = format!("PVE is at work on {id} (pid {pid} holds the lock of its configuration)");
            return Some(Fault::busy(why).next(format!("ps -fp {pid}")));
        }
    }
    if let Some(lock) = lock {
        return Some(Fault::busy(format!("{id} is locked ({})", clean(&lock))).next(format!("qm config {id}")));
    }
    let pid = instance.task.filter(|pid| proc::stat(host, *pid).is_some_and(|stat| !stat.is_dead()))?;
    Some(Fault::busy(format!("a task of PVE is at work on {id} (pid {pid})")).next("pvenode task list"))
}

/// States in which a machine stands still for a good reason.
fn state(evidence: &Evidence) -> Option<Fault> {
    let id = shown(&evidence.instance.id);
    let deep = evidence.deep.as_ref();
    let why = match deep.and_then(|deep| deep.run_state.get()).map(String::as_str) {
        Some("paused") => "it was paused by a person",
        Some("debug") => "a debugger holds it",
        Some("suspended") => "its guest sleeps",
        Some("shutdown") => "it is shutting down",
        Some("prelaunch") => "its machine was not started yet",
        Some("inmigrate" | "finish-migrate" | "postmigrate" | "colo") => "it is migrating",
        Some("save-vm" | "restore-vm") => "its state is being saved or restored",
        _ if deep.is_some_and(|deep| deep.migrating.get() == Some(&true)) => "it is migrating",
        _ => {
            let agent = evidence.slow.as_ref().and_then(|slow| slow.agent.get());
            match agent {
                Some(Agent::Ok { frozen: Some(true), .. }) => "its file systems are frozen, as for a backup",
                _ => return None,
            }
        }
    };
    Some(Fault::refused(format!("{id}: {why}")))
}

fn many(settings: &Recovery, context: &Context) -> Option<Fault> {
    let most = settings.most_at_once.unwrap_or(MOST_AT_ONCE);
    let ill = context.ill_at_once;
    let why = format!("{ill} VMs are ill at once (more than {most}): that is the node's failure, not theirs");
    (ill > most).then(|| Fault::refused(why).next("vm-probe check"))
}

fn policy(settings: &Recovery, evidence: &Evidence, plan: &Plan, context: &Context) -> Option<Fault> {
    let instance = &*evidence.instance;
    let id = shown(&instance.id);
    let client_only = plan.steps.iter().all(|step| step.class == Class::Client);
    if !client_only && !matches!(instance.origin, Origin::Pve | Origin::Container) {
        let why = format!("{id} comes from {}: it can only be looked at from here", instance.origin.word());
        return Some(Fault::refused(why));
    }
    if plan.restarts() && !settings.restart {
        let why = format!("{id} needs a stop and a start, which is not switched on (restart in [probe.recovery])");
        let next = plan.commands().join(" && ");
        return Some(Fault::refused(why).next(next));
    }
    // What nothing here treats, such as a failed check, needs no policy of its own.
    let class = classify::failure_type(&plan.treats);
    let allowed = match class {
        FailureType::Network => settings.network,
        FailureType::Qemu => settings.qemu,
        FailureType::Client => settings.client,
        FailureType::Mixed => settings.mixed,
        FailureType::None => false,
    };
    let word = class.word();
    let why = format!("recovery of the class {word} is not switched on ({word} in [probe.recovery])");
    let consent = context.asked_by != AskedBy::Policy;
    (!allowed && !consent).then(|| Fault::refused(why).next(format!("vm-probe recover {id} --apply")))
}

/// A machine goes on after an I/O error only when its cause is gone. Where that cannot be told a person may know.
fn storage(session: &Session, plan: &Plan, context: &Context) -> Option<Fault> {
    if !plan.continues() {
        return None;
    }
    match cause::look(&session.host, &plan.disks, &session.deadline.within(LOOK)) {
        cause::Cause::Gone => None,
        cause::Cause::Still(why) => Some(Fault::refused(format!("the cause is still there: {why}")).next("df -h")),
        cause::Cause::Unknown(_) if context.asked_by != AskedBy::Policy => None,
        cause::Cause::Unknown(why) => Some(Fault::refused(format!("whether the cause is gone is not known: {why}"))),
    }
}

fn damped(session: &Session, evidence: &Evidence, context: &Context) -> Option<Fault> {
    if context.force || context.asked_by != AskedBy::Policy {
        return None;
    }
    if let Err(why) = &context.settled {
        return Some(Fault::refused(format!("not settled: {why}")));
    }
    let times = super::BOOK.times(&session.host, &evidence.instance.id).ok()?;
    let (last, nth) = (times.last()?, times.len().min(MOST));
    let now = crate::clock::millis() / 1000;
    let left = (last + BACK_OFF[nth.saturating_sub(1)]).saturating_sub(now);
    let why = format!("the last recovery is {} s ago; the next one in {left} s", now.saturating_sub(*last));
    (left > 0).then(|| Fault::refused(why))
}

fn not_root(session: &Session, evidence: &Evidence) -> Option<Fault> {
    let may = !session.host.is_live() || nix::unistd::geteuid().is_root();
    let id = shown(&evidence.instance.id);
    (!may).then(|| Fault::refused("only root may do this").next(format!("sudo vm-probe recover {id} --apply")))
}

/// Why the books allow nothing, as far as that can be told without taking anything out.
pub(super) fn budget(times: &Result<Vec<u64>, String>, doubt: Option<(String, String)>) -> Option<Fault> {
    match times {
        Ok(times) if times.len() < MOST => None,
        Ok(_) if doubt.is_some() => doubt.map(|(why, next)| Fault::refused(why).next(next)),
        Ok(_) => Some(Fault::refused(format!("it had {MOST} recoveries within the hour already"))),
        Err(why) => Some(Fault::refused(format!("how many recoveries it had is not known: {why}"))),
    }
}
