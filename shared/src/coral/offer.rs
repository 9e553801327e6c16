//! What touches more than the Coral, and so is only offered; and what to type after all.

use super::{
    evidence::{Evidence, HostSide, VmSide},
    finding::{Finding, State},
};
use crate::usb::XHCI;

/// Something that a person may agree to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Offer {
    /// Reset everything below a controller.
    Controller {
        /// A port below it: the Coral's.
        port: String,
        /// The controller.
        address: String,
    },
    /// Reboot a VM.
    Reboot {
        /// Which.
        vmid: u32,
    },
}

impl Offer {
    /// The command that does it.
    pub fn command(&self) -> String {
        match self {
            Self::Controller { port, address } => format!("usb-reset {port} --rung controller --controller {address}"),
            Self::Reboot { vmid } => format!("qm reboot {vmid}"),
        }
    }

    /// The question.
    pub fn question(&self) -> String {
        match self {
            Self::Controller { address, .. } => {
                format!("Reset the controller {address} with everything that hangs on it?")
            }
            Self::Reboot { vmid } => format!("Reboot VM {vmid}?"),
        }
    }
}

/// The running VM that has lost it, or has one that hangs. What is merely unknown is no loss.
fn loser<'e>(evidence: &'e Evidence, findings: &[Finding]) -> Option<&'e VmSide> {
    let host = evidence.host.as_ref()?;
    let vm = evidence.vms.first().filter(|vm| vm.pid.is_some())?;
    let elsewhere = host.holders.iter().any(|holder| holder.vmid.is_some_and(|vmid| vmid != vm.vmid));
    let found = findings.iter().any(|finding| finding.state == State::Hung || finding.is_lost());
    (found && !elsewhere).then_some(vm)
}

/// What a reboot of the VM would cure, as its configuration is now.
pub fn reboot_cures(evidence: &Evidence, findings: &[Finding]) -> Option<u32> {
    let vm = loser(evidence, findings)?;
    keeps_out(evidence, vm).is_none().then_some(vm.vmid)
}

/// Why a reboot would leave the VM that lost it without it, or even off; `None` where it would not, or none has lost it.
pub fn reboot_is_vain(evidence: &Evidence, findings: &[Finding]) -> Option<String> {
    let vm = loser(evidence, findings)?;
    Some(format!("VM {} is not rebooted: {}", vm.vmid, keeps_out(evidence, vm)?))
}

/// What the configuration says against it.
fn keeps_out(evidence: &Evidence, vm: &VmSide) -> Option<String> {
    let host = evidence.host.as_ref()?;
    if let Some(id) = vm.mapping_id.filter(|id| *id != host.id) {
        return Some(format!(
            "{} expects {id} while it is {} now, and PVE would not start the VM again",
            vm.line(),
            host.id
        ));
    }
    (!vm.fits).then(|| format!("{} does not mean {} at {}", vm.line(), host.id, host.port))
}

/// What is offered, the lesser first.
pub fn offers(evidence: &Evidence, findings: &[Finding]) -> Vec<Offer> {
    let has = |state| findings.iter().any(|finding| finding.state == state);
    let mut offers = Vec::new();
    let hung = |host: &&HostSide| has(State::Hung) && host.controller_driver.as_deref() == Some(XHCI);
    let place = match &evidence.host {
        Some(host) => Some(host).filter(hung).and_then(|host| Some((host.port.as_str(), host.controller.as_deref()?))),
        None => evidence.below_dead_controller().filter(|_| has(State::HostAbsent)),
    };
    if let Some((port, address)) = place {
        offers.push(Offer::Controller { port: port.into(), address: address.into() });
    }
    offers.extend(reboot_cures(evidence, findings).map(|vmid| Offer::Reboot { vmid }));
    offers
}

/// The commands to type, in their order. `treated`: the cures that touch only the Coral were tried already; `worked`: one
/// of them did, so that what uses it has to begin anew.
pub fn advice(evidence: &Evidence, findings: &[Finding], treated: bool, worked: bool) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut add = |line: String| {
        if !lines.contains(&line) {
            lines.push(line);
        }
    };
    let own = |line: &&String| !(treated && line.starts_with("coral-check --fix"));
    findings.iter().filter_map(|finding| finding.next.as_ref()).filter(own).for_each(|line| add(line.clone()));
    let offers = offers(evidence, findings);
    for offer in &offers {
        add(offer.command());
    }
    // Once the configuration names it again, by the command above.
    let mended = loser(evidence, findings).filter(|vm| !vm.is_at_peer(evidence.host.as_ref()));
    if let Some(vm) = mended {
        add(Offer::Reboot { vmid: vm.vmid }.command());
    }
    let anew = worked || mended.is_some();
    if let Some(vm) = evidence.vms.first().filter(|vm| vm.pid.is_some() && anew) {
        add("docker restart frigate".into());
        add("docker logs frigate 2>&1 | tail -50 | grep -i edgetpu".into());
        add(format!("coral-check --vm {}", vm.vmid));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coral::{
        BLANK,
        diagnose::{diagnose, samples},
        evidence::{Configuration, Events, Form, Guest, HandleSide},
    };

    fn advised(evidence: &Evidence, treated: bool) -> Vec<String> {
        advice(evidence, &diagnose(evidence), treated, false)
    }

    #[test]
    fn the_reboot_comes_last_and_then_what_to_do_after_it() {
        let mut evidence = samples::healthy();
        assert!(advised(&evidence, false).is_empty());
        evidence.vms[0].handle = HandleSide::Stale("x".into());
        let after =
            ["docker restart frigate", "docker logs frigate 2>&1 | tail -50 | grep -i edgetpu", "coral-check --vm 275"];
        let first = ["coral-check --fix --port 2-3", "qm reboot 275"];
        assert_eq!(advised(&evidence, false), [&first[..], &after].concat());
        assert_eq!(advised(&evidence, true), [&first[1..], &after].concat());
    }

    #[test]
    fn a_reboot_is_never_offered_for_what_is_unknown_or_elsewhere() {
        let mut evidence = samples::healthy();
        evidence.vms[0].guest = Guest::Unknown("no agent".into());
        assert_eq!(offers(&evidence, &diagnose(&evidence)), []);
        evidence.vms[0].handle = HandleSide::Unknown("hidepid".into());
        assert_eq!(offers(&evidence, &diagnose(&evidence)), []);
        evidence.vms[0].handle = HandleSide::None;
        samples::host(&mut evidence).holders = vec![samples::holder(276)];
        assert_eq!(offers(&evidence, &diagnose(&evidence)), []);
        // One that its configuration does not give the Coral, or with which PVE would not start it, is not helped by a reboot.
        let mut evidence = samples::healthy();
        evidence.vms[0].handle = HandleSide::Stale("x".into());
        evidence.vms[0].mapping_id = Some(BLANK);
        evidence.vms[0].form = Form::Mapping;
        assert_eq!(offers(&evidence, &diagnose(&evidence)), []);
        let why = reboot_is_vain(&evidence, &diagnose(&evidence)).unwrap();
        assert!(why.ends_with("PVE would not start the VM again"), "{why}");
        assert_eq!(advised(&evidence, true)[..2], ["qm set 275 --usb0 host=2-3", "qm reboot 275"]);
        evidence.vms[0] = VmSide { fits: false, handle: HandleSide::None, source: "1-3".into(), ..samples::vm(275) };
        assert_eq!(offers(&evidence, &diagnose(&evidence)), []);
        // On the other half of its socket it is not to be given to the VM from there.
        assert_eq!(advised(&evidence, false), ["another cable or a blue socket; or: usb-reset 2-3 --rung port"]);
        assert_eq!(reboot_is_vain(&samples::healthy(), &diagnose(&samples::healthy())), None);
        // A second VM that is given it too is no reason to reboot the one that has it.
        let mut evidence = samples::healthy();
        evidence.vms.push(samples::vm(276));
        evidence.vms[1].handle = HandleSide::None;
        assert_eq!(offers(&evidence, &diagnose(&evidence)), []);
    }

    #[test]
    fn a_controller_is_offered_where_it_is_at_fault_and_an_xhci() {
        let mut evidence = samples::healthy();
        samples::host(&mut evidence).configuration = Configuration::Empty;
        let controller = Offer::Controller { port: "2-3".into(), address: "0000:03:00.0".into() };
        assert_eq!(offers(&evidence, &diagnose(&evidence)), [controller.clone(), Offer::Reboot { vmid: 275 }]);
        samples::host(&mut evidence).controller_driver = Some("ehci-pci".into());
        assert_eq!(offers(&evidence, &diagnose(&evidence)), [Offer::Reboot { vmid: 275 }]);
        let mut evidence = samples::absent();
        assert_eq!(offers(&evidence, &diagnose(&evidence)), []);
        evidence.events = Some(Events { controller_died: 1, ..Events::default() });
        assert_eq!(offers(&evidence, &diagnose(&evidence)), [controller]);
    }
}
