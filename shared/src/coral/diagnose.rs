//! What the evidence means: a pure function, layer by layer from the host to the guest. A layer that cannot work ends the
//! look at those above it; what is unknown is never taken for missing.

mod configured;
mod not_listed;
#[cfg(test)]
pub(super) mod samples;
#[cfg(test)]
mod tests;
mod vm_side;

pub(super) use vm_side::{NO_AGENT, unclaimed};

use super::{
    BLANK, FULL_SPEED,
    evidence::{Configuration, Events, Evidence, HostSide},
    finding::{Finding, Severity, State},
};
use configured::{fragile, host_only, rival};
use not_listed::not_listed;
use vm_side::vm_side;

/// Errors of the link in an hour that are more than a device that was just plugged in makes.
const LINK_ERRORS: u32 = 3;

/// Everything that is found, the gravest layer first. Never empty.
pub fn diagnose(evidence: &Evidence) -> Vec<Finding> {
    let mut found = Vec::new();
    match &evidence.host {
        None => not_listed(evidence, &mut found),
        Some(host) => present(evidence, host, &mut found),
    }
    if found.is_empty() {
        found.push(Finding::new(State::Ok, Severity::Ok, fine(evidence)));
    }
    found
}

fn fine(evidence: &Evidence) -> String {
    let vm = evidence.vms.first();
    let visible = vm.is_some_and(|vm| vm.guest.word(vm.given) == "visible");
    match vm {
        Some(vm) if visible => format!("{} has it, with a live handle, and its guest lists it", vm.title()),
        Some(vm) => format!("{} has it, with a live handle; its guest was not asked", vm.title()),
        None => "the host lists it".into(),
    }
}

fn present(evidence: &Evidence, host: &HostSide, found: &mut Vec<Finding>) {
    let port = &host.port;
    fragile(evidence, host, found);
    if host.authorized == Some(false) {
        let text = format!("{port} is not authorized: somebody (USBGuard, a udev rule, a person) forbade its use");
        let next = format!("echo 1 > /sys/bus/usb/devices/{port}/authorized");
        return found.push(Finding::new(State::Deauthorized, Severity::Critical, text).next(next));
    }
    if host.configuration == Configuration::Empty {
        let refused = evidence.events.as_ref().filter(|events| events.config_refused > 0);
        let said = refused.and_then(|events| events.last.as_ref()).map(|last| format!("; the kernel said: {last}"));
        let text = format!("{port} has no configuration: it does not answer{}", said.unwrap_or_default());
        return found.push(Finding::new(State::Hung, Severity::Critical, text).next(fix(port)));
    }
    if host.runtime_status.as_deref() == Some("suspended") {
        let control = host.power_control.as_deref().unwrap_or("not readable");
        let text = format!("{port} is asleep (power/control is {control})");
        found.push(Finding::new(State::Suspended, Severity::Warning, text).next(fix(port)));
    }
    if let Some(speed) = host.speed_mbps.filter(|speed| *speed < FULL_SPEED) {
        let text = format!(
            "{port} runs at {speed} Mb/s instead of {FULL_SPEED}: a USB 2 cable, hub or socket, or a bad contact"
        );
        found.push(Finding::new(State::WrongSpeed, Severity::Warning, text).next(faster(port)));
    }
    match evidence.vms.split_first() {
        None => host_only(evidence, host, found),
        Some((first, others)) => {
            vm_side(host, first, found);
            found.extend(others.iter().filter_map(|vm| rival(host, first, vm)));
        }
    }
    if host.id == BLANK {
        let text = "its firmware is not loaded yet: normal until it is used for the first time";
        found.push(Finding::new(State::Uninitialised, Severity::Ok, text));
    }
    found.extend(degraded(evidence, host));
}

fn start(vmid: u32) -> String {
    format!("qm start {vmid}")
}

fn fix(port: &str) -> String {
    format!("coral-check --fix --port {port}")
}

/// What brings it back to the fast half of its socket.
fn faster(port: &str) -> String {
    format!("another cable or a blue socket; or: usb-reset {port} --rung port")
}

fn degraded(evidence: &Evidence, host: &HostSide) -> Option<Finding> {
    let events: &Events = evidence.events.as_ref().unwrap_or(&const { Events::NONE });
    let mut why = Vec::new();
    if events.resets > evidence.resets_allowed {
        why.push(format!("{} resets in the last hour", events.resets));
    }
    if events.link_errors >= LINK_ERRORS {
        why.push(format!("{} errors of the link in the last hour (cable, power)", events.link_errors));
    }
    let count = host.over_current.filter(|count| *count > 0 && evidence.events.is_none());
    if events.over_current > 0 {
        why.push("its port drew too much current in the last hour".into());
    } else if let Some(count) = count {
        why.push(format!("its port drew too much current {count} times since the boot"));
    }
    if why.is_empty() {
        return None;
    }
    let last = events.last.as_ref().map(|last| format!("; the kernel said: {last}")).unwrap_or_default();
    let next = "another cable, socket or powered hub; then: journalctl -k -g usb -n 40";
    Some(Finding::new(State::Degraded, Severity::Warning, format!("{}{last}", why.join(", "))).next(next))
}
