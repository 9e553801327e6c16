//! Whether a VM is on at all, and whether it ought to be.

use super::{Case, Found, clean};
use crate::{
    config::probe::Origin,
    probe::{
        evidence::{ProcessState, Qmp},
        instance::{Power, Reported},
        verdict::{Status, Symptom},
    },
};

/// What is looked at in one go is not looked at in one moment, in milliseconds.
const ABOUT: u64 = 1000;

/// How far a VM is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// It is off, as it should be.
    Off,
    /// It is coming up.
    Starting,
    /// It ought to run and does not.
    Gone,
    /// It does not run here, and whether it ought to is not known.
    Unknown,
    /// It runs, or whether it does cannot be told.
    On,
}

/// Decides, and says why.
pub(super) fn of(case: &Case, found: &mut Found) -> Stage {
    let instance = case.instance;
    if let Some(work) = case.at_work() {
        found.note(work);
    }
    if let Some(told) = case.reported.filter(|told| told.node_online == Some(false)) {
        return out_of_sight(case, told, found);
    }
    if is_off(case) == Some(false) || (is_off(case).is_none() && !told_off(case)) {
        return on(case, found);
    }
    if instance.is_unread() {
        instance.notes.iter().for_each(|note| found.doubt(clean(note)));
        return Stage::Unknown;
    }
    if instance.template {
        found.note("a template");
        return Stage::Off;
    }
    if instance.power == Power::Starting {
        return starting(found);
    }
    // Whoever has it locked may just be stopping it.
    let Some(why) = why_it_ought_to_run(case).filter(|_| case.at_work().is_none()) else {
        hint(case, found);
        return Stage::Off;
    };
    found.ill(Symptom::ProcessGone, Status::Unhealthy, why, case.qm("start"));
    Stage::Gone
}

/// Its node is offline. A VM that was off there is off; of any other nobody can tell, and no failure of the VM is seen. Checks
/// of the administrator's own may still reach it.
fn out_of_sight(case: &Case, told: &Reported, found: &mut Found) -> Stage {
    let node = case.instance.node.as_deref().map(clean).unwrap_or_default();
    let last = clean(&told.status);
    if case.instance.template {
        found.note(format!("a template; its node {node} is offline"));
        return Stage::Off;
    }
    if told.status == "stopped" {
        found.note(format!("node {node} is offline; last told: {last}"));
        return Stage::Off;
    }
    found.doubt(format!("node {node} is offline: whether the VM runs is not known (last told: {last}); pvecm status"));
    Stage::On
}

/// Somebody may have stopped it for good reason, and nothing says that nobody did; what the next boot does is worth a word.
/// PVE leaves those of its HA manager out of that.
fn hint(case: &Case, found: &mut Found) {
    if case.instance.onboot && case.instance.ha.is_none() && case.at_work().is_none() {
        let next = case.qm("start").map_or_else(String::new, |command| format!("; to start it now: {command}"));
        found.note(format!("it is off, and the host starts it at boot (onboot: 1){next}"));
    }
}

fn on(case: &Case, found: &mut Found) -> Stage {
    if case.instance.power == Power::Starting && !case.answered() { starting(found) } else { Stage::On }
}

fn starting(found: &mut Found) -> Stage {
    found.note("it is starting");
    Stage::Starting
}

/// Whether its process is gone; `None` where nobody looked. Who answers later than that lives after all.
fn is_off(case: &Case) -> Option<bool> {
    let fast = case.fast?;
    let state = case.process()?;
    let later = answers_about(case, fast.at);
    Some(state == ProcessState::Gone && !later)
}

/// Whether its monitor answered at about that time or later: then it lives, whatever its pid file says.
pub(super) fn answers_about(case: &Case, at: u64) -> bool {
    case.deep.is_some_and(|deep| deep.qmp == Qmp::Ok && deep.at.saturating_add(ABOUT) > at)
}

/// Whether, where no process can be looked at, the source says that it is off.
fn told_off(case: &Case) -> bool {
    let told = case.reported.map(|told| told.status == "stopped");
    let answers = case.deep.is_some_and(|deep| deep.qmp == Qmp::Ok);
    told.unwrap_or(case.instance.power == Power::Stopped && !answers) || failed_pod(case)
}

fn failed_pod(case: &Case) -> bool {
    case.instance.pod.as_ref().is_some_and(|pod| pod.phase == "Failed")
}

/// Why a VM without process is ill rather than off.
fn why_it_ought_to_run(case: &Case) -> Option<String> {
    let instance = case.instance;
    // In any other state than this and `error` the HA manager is just at work on it, such as `started (migrate)`.
    if let Some(wanted) = instance.ha.as_deref().filter(|wanted| matches!(*wanted, "started" | "started (error)")) {
        return Some(format!("no QEMU runs, and PVE's HA manager wants it {wanted}"));
    }
    if failed_pod(case) {
        return Some("its pod has failed".into());
    }
    let pid = case.fast.and_then(|fast| fast.process.get()).map_or(0, |process| process.pid);
    match instance.origin {
        // PVE removes both when it has stopped a VM, and a VM without them was stopped by somebody.
        Origin::Pve if pid > 0 => Some(format!("QEMU (pid {pid}) has ended, and its pid file is still there")),
        Origin::Pve if case.deep.is_some_and(|deep| deep.qmp == Qmp::Refused) => {
            Some("QEMU has ended, and its monitor's socket is still there".into())
        }
        Origin::Pve | Origin::Api => None,
        // A container, a pod and a line of a list are there for their QEMU.
        Origin::Container => Some("no QEMU runs in this container".into()),
        Origin::Kubernetes | Origin::File => {
            (instance.power == Power::Running).then(|| "it ought to run, and no QEMU does".into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{classify, samples},
        *,
    };
    use crate::{
        config::probe::Limits,
        probe::{
            evidence::{Process, Vnc},
            figure::Figure,
        },
    };

    #[test]
    fn one_whose_configuration_cannot_be_read_is_not_called_stopped() {
        // Also where its pid file was left behind.
        for pid in [0, 4711] {
            let evidence = samples::evidence(|i, f, d| {
                f.process = Figure::known("test", Process { pid, state: ProcessState::Gone });
                (i.power, i.hardware) = (Power::Unknown, None);
                i.lock = Some("unknown: its configuration cannot be read".into());
                i.notes = vec!["its configuration cannot be read: Permission denied (os error 13)".into()];
                (d.qmp, d.vnc) = (Qmp::Absent, Vnc::Absent);
            });
            let verdict = classify(&evidence, &Limits::default(), samples::NOW);
            assert_eq!((verdict.status, verdict.problems.len(), verdict.recovery_needed), (Status::Unknown, 0, false));
            let why = "its configuration cannot be read: Permission denied (os error 13)";
            assert_eq!(verdict.notes, ["locked: unknown: its configuration cannot be read", why]);
        }
    }
}
