//! What no cure is made for, why, and the command that a person may run: nothing is passed over in silence.

use super::{
    cure::replugged,
    evidence::{Evidence, Form},
    finding::{Finding, Severity, State},
};
use serde::Serialize;

/// Something that was found, and that `--fix` leaves as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Left {
    /// What.
    pub state: State,
    /// Why.
    pub why: &'static str,
    /// What a person may do about it.
    pub next: Option<String>,
}

impl Left {
    /// The sentence.
    pub fn text(&self) -> String {
        let next = self.next.as_ref().map(|next| format!("; you may: {next}")).unwrap_or_default();
        format!("{} not changed: {}{next}", self.state, self.why)
    }
}

/// What `--fix` leaves as it is. `tried`: something was done, whatever was found.
pub fn left(evidence: &Evidence, findings: &[Finding], tried: bool) -> Vec<Left> {
    let bad = findings.iter().filter(|finding| finding.severity > Severity::Ok);
    bad.filter(|finding| !(tried && finding.state == State::GuestUnknown))
        .filter_map(|finding| {
            let why = why(evidence, finding)?;
            Some(Left { state: finding.state, why, next: finding.next.clone() })
        })
        .collect()
}

/// Why there is no cure; `None` where there is one.
fn why(evidence: &Evidence, finding: &Finding) -> Option<&'static str> {
    Some(match finding.state {
        State::HostAbsent if evidence.below_dead_controller().is_some() => {
            "a controller is reset with all that hangs on it"
        }
        State::HostAbsent => "what is not there cannot be cured",
        State::Deauthorized => "somebody forbade it, and only people undo that",
        State::WrongSpeed => "what makes it faster interrupts it, or needs a hand",
        State::HostOnly | State::ConfigFragile => "what a VM is given is for people to say",
        State::GuestUnknown => "what is not known is not cured",
        State::Degraded => "no reset mends a cable, a socket or a power supply",
        State::QemuDetached if finding.severity < Severity::Critical => "which of two VMs has it is for people to say",
        State::QemuStale | State::QemuDetached | State::ClaimLost | State::GuestMissing => match evidence.vms.first() {
            _ if replugged(evidence).is_some() => return None,
            Some(vm) if vm.form == Form::Controller => "it hangs on a controller that its VM has as a whole",
            Some(vm) if !vm.fits => "a re-plug brings only what the VM's configuration means, and people change that",
            _ => "another VM has it, and none is taken from a VM",
        },
        State::Hung | State::Suspended | State::VmStopped | State::Uninitialised | State::Ok => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coral::{
        cure::rungs,
        diagnose::{diagnose, samples},
        evidence::{Configuration, Guest, HandleSide, Missed},
        offer::offers,
    };

    fn of(change: impl FnOnce(&mut Evidence)) -> Vec<String> {
        let mut evidence = samples::healthy();
        change(&mut evidence);
        let found = diagnose(&evidence);
        // Either something is tried, or it is said why nothing is.
        let told = left(&evidence, &found, false);
        let bad = found.iter().any(|finding| finding.severity > Severity::Ok);
        assert_eq!(bad, !told.is_empty() || !rungs(&evidence, &found, false).is_empty(), "{found:#?}");
        told.iter().map(Left::text).collect()
    }

    #[test]
    fn what_no_cure_is_made_for_is_told_with_why_and_the_command() {
        let fragile = "config_fragile not changed: what a VM is given is for people to say; you may: ";
        let by_id = of(|e| e.vms[0].form = Form::Id);
        assert_eq!(by_id, [format!("{fragile}qm set 275 --usb0 host=2-3")]);
        // One that is cured besides is no reason to be silent about the other.
        let both = of(|e| {
            e.vms[0].form = Form::Id;
            e.vms[0].handle = HandleSide::Stale("gone".into());
        });
        assert_eq!(both, by_id);
        let elsewhere = of(|e| {
            e.vms[0].handle = HandleSide::None;
            samples::host(e).holders = vec![samples::holder(276)];
        });
        assert!(elsewhere[0].starts_with("qemu_detached not changed: another VM has it"), "{elsewhere:?}");
        assert!(elsewhere[0].ends_with("; you may: qm config 276"), "{elsewhere:?}");
        let unfit = of(|e| (e.vms[0].fits, e.vms[0].handle) = (false, HandleSide::None));
        assert!(unfit.iter().any(|text| text.contains("only what the VM's configuration means")), "{unfit:?}");
    }

    #[test]
    fn of_every_evil_it_is_said_or_it_is_cured() {
        assert!(of(|_| {}).is_empty());
        assert!(of(|e| e.vms[0].handle = HandleSide::Stale("gone".into())).is_empty());
        assert!(of(|e| samples::host(e).configuration = Configuration::Empty).is_empty());
        for change in [
            (|e| *e = samples::absent()) as fn(&mut Evidence),
            |e| samples::host(e).authorized = Some(false),
            |e| samples::host(e).speed_mbps = Some(480),
            |e| e.vms.clear(),
            |e| e.vms[0].guest = Guest::Unknown("no agent".into()),
            |e| (e.events, samples::host(e).over_current) = (None, Some(1)),
            |e| e.vms.push(crate::coral::evidence::VmSide { handle: HandleSide::None, ..samples::vm(276) }),
        ] {
            assert_eq!(of(change).len(), 1);
        }
    }

    #[test]
    fn a_controller_that_died_is_left_for_its_neighbours() {
        let told = of(|e| {
            *e = samples::absent();
            e.events.as_mut().unwrap().controller_died = 1;
        });
        let command = "usb-reset 2-3 --rung controller --controller 0000:03:00.0";
        assert_eq!(
            told,
            [format!("host_absent not changed: a controller is reset with all that hangs on it; you may: {command}")]
        );
    }

    #[test]
    fn only_a_controller_that_is_at_fault_and_would_be_reset_is_named() {
        for change in [
            (|missed| missed.controller_driver = Some("ehci-pci".into())) as fn(&mut Missed),
            |missed| missed.controller_driver = Some("vfio-pci".into()),
            |missed| missed.controller_driver = None,
            // Something works on it.
            |missed| missed.instead = Some(samples::KEYBOARD.to_string()),
            |missed| missed.elsewhere = vec!["1-1".into()],
        ] {
            let mut evidence = samples::absent();
            evidence.events.as_mut().unwrap().controller_died = 1;
            change(&mut evidence.missed);
            let found = diagnose(&evidence);
            assert_eq!(offers(&evidence, &found), []);
            let [told] = &left(&evidence, &found, false)[..] else { panic!("{found:?}") };
            assert_eq!(told.why, "what is not there cannot be cured", "{:?}", evidence.missed);
            assert!(!told.text().contains("--rung controller"), "{}", told.text());
        }
    }

    #[test]
    fn what_was_tried_all_the_same_is_not_called_left() {
        let mut evidence = samples::healthy();
        evidence.vms[0].guest = Guest::Unknown("no agent".into());
        assert!(left(&evidence, &diagnose(&evidence), true).is_empty());
    }
}
