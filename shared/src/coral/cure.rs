//! The least that may cure what was found, as a list of rungs: a pure function. Only what touches nothing but the Coral.

use super::{
    evidence::{Evidence, HandleSide, VmSide},
    finding::{Finding, State},
};
use crate::usb::reset::Rung;

/// The VM that a re-plug would help: it runs, its line means this Coral, and no other VM has it.
pub fn replugged(evidence: &Evidence) -> Option<&VmSide> {
    let host = evidence.host.as_ref()?;
    let vm = evidence.vms.first().filter(|vm| vm.pid.is_some() && vm.fits)?;
    let elsewhere = host.holders.iter().any(|holder| holder.vmid.is_some_and(|vmid| vmid != vm.vmid));
    (!elsewhere).then_some(vm)
}

/// What to try, in this order and until it is cured. `force` is for a Coral that nothing was found about.
pub fn rungs(evidence: &Evidence, findings: &[Finding], force: bool) -> Vec<Rung> {
    let has = |states: &[State]| findings.iter().any(|finding| states.contains(&finding.state));
    let Some(host) = &evidence.host else { return Vec::new() };
    // Somebody forbade it on purpose.
    if has(&[State::Deauthorized]) {
        return Vec::new();
    }
    let vm = replugged(evidence);
    let held = vm.is_some_and(|vm| matches!(vm.handle, HandleSide::Live | HandleSide::Stale(_)));
    let lost = findings.iter().any(Finding::is_lost);
    let mut rungs = if has(&[State::Hung]) {
        match (held, vm) {
            (true, _) => vec![Rung::Replug, Rung::Port, Rung::Replug],
            (false, Some(_)) => vec![Rung::Ioctl, Rung::Port, Rung::Replug],
            (false, None) => vec![Rung::Ioctl, Rung::Port],
        }
    } else if lost && vm.is_some() {
        vec![Rung::Replug, Rung::Port, Rung::Replug]
    } else if force && !lost {
        vec![if vm.is_some() { Rung::Replug } else { Rung::Ioctl }]
    } else {
        Vec::new()
    };
    let dozes = has(&[State::Suspended]) || (!rungs.is_empty() && host.power_control.as_deref() == Some("auto"));
    if dozes {
        rungs.insert(0, Rung::Power);
    }
    rungs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coral::{
        diagnose::{diagnose, samples},
        evidence::Configuration,
    };

    fn of(change: impl FnOnce(&mut Evidence)) -> Vec<Rung> {
        let mut evidence = samples::healthy();
        change(&mut evidence);
        rungs(&evidence, &diagnose(&evidence), false)
    }

    #[test]
    fn a_healthy_coral_is_left_alone_unless_somebody_insists() {
        let evidence = samples::healthy();
        assert_eq!(rungs(&evidence, &diagnose(&evidence), false), []);
        assert_eq!(rungs(&evidence, &diagnose(&evidence), true), [Rung::Replug]);
    }

    #[test]
    fn each_finding_has_its_least_cure() {
        let held = [Rung::Replug, Rung::Port, Rung::Replug];
        assert_eq!(of(|e| e.vms[0].handle = HandleSide::Stale("x".into())), held);
        assert_eq!(of(|e| e.vms[0].handle = HandleSide::None), held);
        assert_eq!(of(|e| samples::host(e).configuration = Configuration::Empty), held);
        assert_eq!(of(|e| samples::host(e).drivers = vec![None]), held);
        let asleep = |e: &mut Evidence| samples::host(e).runtime_status = Some("suspended".into());
        assert_eq!(of(asleep), [Rung::Power]);
        let alone = |e: &mut Evidence| {
            e.vms.clear();
            samples::host(e).configuration = Configuration::Empty;
        };
        assert_eq!(of(alone), [Rung::Ioctl, Rung::Port]);
    }

    #[test]
    fn nothing_is_done_against_somebodys_will_or_without_hope() {
        assert_eq!(of(|e| samples::host(e).authorized = Some(false)), []);
        assert_eq!(of(|e| e.host = None), []);
        assert_eq!(of(|e| e.vms[0].guest = super::super::evidence::Guest::Unknown("agent".into())), []);
        let other_has_it = |e: &mut Evidence| {
            e.vms[0].handle = HandleSide::None;
            samples::host(e).holders = vec![samples::holder(276)];
        };
        assert_eq!(of(other_has_it), []);
        let names_another = |e: &mut Evidence| {
            e.vms[0].handle = HandleSide::None;
            e.vms[0].fits = false;
        };
        assert_eq!(of(names_another), []);
    }
}
