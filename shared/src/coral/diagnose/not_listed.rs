//! A Coral that the host does not list.

use super::{
    NO_AGENT, start,
    vm_side::{ask_agent, enable_agent},
};
use crate::coral::{
    evidence::{Evidence, Form, Guest, VmSide},
    finding::{Finding, Severity, State},
    offer::Offer,
};

pub(super) fn not_listed(evidence: &Evidence, found: &mut Vec<Finding>) {
    let whole: Vec<_> = evidence.vms.iter().filter(|vm| vm.form == Form::Controller).collect();
    if !whole.is_empty() {
        return found.push(inside_only(&whole));
    }
    let missed = &evidence.missed;
    let place = missed.port.as_deref();
    let mut text = "the host lists neither 1a6e:089a nor 18d1:9302".to_owned();
    if let Some(port) = place {
        text.push_str(&format!(" at {port}"));
    }
    let because = missed.because.as_ref().map(|because| format!(" ({because})"));
    text.push_str(&because.unwrap_or_default());
    if let Some(id) = &missed.instead {
        text.push_str(&format!("; {id} is there instead"));
    }
    let events = evidence.events.as_ref();
    if let Some(last) = events.and_then(|events| events.last.as_ref()) {
        text.push_str(&format!("; the kernel said: {last}"));
    }
    if missed.over_current.is_some_and(|count| count > 0) {
        text.push_str("; its port drew too much current");
    }
    if missed.controller.is_some() && missed.controller_driver.as_deref() == Some("vfio-pci") {
        text.push_str("; its controller is on vfio-pci, so that only a VM could see it");
    }
    if let Some(there) = missed.elsewhere.first() {
        text.push_str(&format!("; the Corals of this host are at {}", missed.elsewhere.join(", ")));
        if missed.is_elsewhere() {
            let next = format!("coral-check --port {there}");
            return found.push(Finding::new(State::HostAbsent, Severity::Critical, text).next(next));
        }
    }
    let next = if let Some((port, controller)) = evidence.below_dead_controller() {
        text.push_str(&format!("; its controller {controller} died"));
        Offer::Controller { port: port.into(), address: controller.into() }.command()
    } else if let (Some(_), Some(port), None) = (&missed.controller, place, &missed.instead) {
        format!("check cable, plug and power; then: usb-reset {port} --rung port")
    } else {
        "check cable, plug and power; then: journalctl -k -g usb -n 20".into()
    };
    found.push(Finding::new(State::HostAbsent, Severity::Critical, text).next(next));
}

/// The controller is passed through as a whole: only the guest can tell.
fn inside_only(vms: &[&VmSide]) -> Finding {
    let names =
        |vms: &[&VmSide]| vms.iter().map(|vm| format!("{} ({})", vm.title(), vm.key)).collect::<Vec<_>>().join(", ");
    let about = "a whole USB controller is passed through";
    if let Some(vm) = vms.iter().find(|vm| matches!(&vm.guest, Guest::Lists(ids) if !ids.is_empty())) {
        let text = format!("{about} to {}, and its guest lists the Coral", vm.title());
        return Finding::new(State::Ok, Severity::Ok, text);
    }
    let unknown: Vec<_> = vms.iter().filter(|vm| !matches!(vm.guest, Guest::Lists(_))).copied().collect();
    if let Some(vm) = unknown.first() {
        let (why, next) = match &vm.guest {
            _ if vm.pid.is_none() => ("it does not run", start(vm.vmid)),
            Guest::Unknown(why) => (why.as_str(), ask_agent(vm.vmid, why)),
            Guest::NoAgent => (NO_AGENT, enable_agent(vm.vmid)),
            _ => ("it was not asked", format!("coral-check --vm {}", vm.vmid)),
        };
        let text = format!("{about} to {}; whether the Coral is there is not known: {why}", names(&unknown));
        return Finding::new(State::GuestUnknown, Severity::Warning, text).next(next);
    }
    let text = format!("the host lists no Coral; {about} to {}, whose guest lists none either", names(vms));
    let next = "check cable, plug and power".to_owned();
    Finding::new(State::GuestMissing, Severity::Critical, text).next(next)
}
