//! A Coral that a VM is given: whether its QEMU has it alive, and what its guest says.

use super::{faster, fix, start};
use crate::{
    coral::{
        evidence::{Guest, HandleSide, HostSide, VmSide},
        finding::{Finding, Severity, State},
    },
    pve::qm,
};

/// Why a guest is not asked.
pub(in crate::coral) const NO_AGENT: &str = "its agent is not enabled in the VM's configuration";

pub(super) fn vm_side(host: &HostSide, vm: &VmSide, found: &mut Vec<Finding>) {
    if vm.pid.is_none() {
        let text = format!("{} does not run", vm.title());
        return found.push(Finding::new(State::VmStopped, Severity::Ok, text).next(start(vm.vmid)));
    }
    let told = vm.qemu.as_ref().and_then(|told| told.as_ref().ok());
    match &vm.handle {
        HandleSide::Stale(what) => {
            let listed =
                if vm.guest.word(vm.given) == "visible" { "; its guest goes on listing it all the same" } else { "" };
            let text = format!("the QEMU of {} holds a dead handle: {what}{listed}", vm.title());
            return found.push(Finding::new(State::QemuStale, Severity::Critical, text).next(fix(&host.port)));
        }
        HandleSide::None => {
            let why = why_detached(host, vm);
            let text = format!("the QEMU of {} does not hold it{why}", vm.title());
            let next = match host.holders.iter().filter_map(|holder| holder.vmid).find(|vmid| *vmid != vm.vmid) {
                Some(other) => format!("qm config {other}"),
                None if vm.fits => fix(&host.port),
                None if vm.is_at_peer(Some(host)) => faster(&host.port),
                None => vm.by_port(&host.port),
            };
            return found.push(Finding::new(State::QemuDetached, Severity::Critical, text).next(next));
        }
        HandleSide::Live if told.is_some_and(|told| told.attached == Some(false)) => {
            let text = format!("the QEMU of {} has it open, but says that {} is not attached", vm.title(), vm.key);
            return found.push(Finding::new(State::QemuDetached, Severity::Critical, text).next(fix(&host.port)));
        }
        HandleSide::Live if unclaimed(host) => {
            let text =
                format!("the QEMU of {} has it open, but none of its interfaces is claimed (driver usbfs)", vm.title());
            found.push(Finding::new(State::ClaimLost, Severity::Warning, text).next(fix(&host.port)));
        }
        HandleSide::Unknown(why) => {
            let text = format!("whether the QEMU of {} holds a live handle is not known: {why}", vm.title());
            found.push(Finding::new(State::GuestUnknown, Severity::Warning, text).next("usb-reset list"));
        }
        HandleSide::Live => {}
    }
    guest_side(host, vm, found);
}

/// Whether QEMU's claim on the interfaces is gone, as after a reset from outside.
pub(in crate::coral) fn unclaimed(host: &HostSide) -> bool {
    !host.drivers.is_empty() && !host.drivers.iter().flatten().any(|driver| driver == "usbfs")
}

fn why_detached(host: &HostSide, vm: &VmSide) -> String {
    let mut why = String::new();
    if let Some(other) = host.holders.iter().find(|holder| holder.vmid.is_some_and(|vmid| vmid != vm.vmid)) {
        return format!(": {} has it", other.title());
    }
    if let Some(user) = host.holders.iter().find(|holder| holder.vmid.is_none()) {
        why.push_str(&format!(": {} has it open", user.title()));
    }
    if !vm.fits {
        why.push_str(&format!(": {} does not mean {} at {}", vm.line(), host.id, host.port));
    }
    match &vm.qemu {
        Some(Ok(told)) if !told.exists => why.push_str(&format!("; it was started without {}", vm.key)),
        Some(Err(error)) => why.push_str(&format!(" (its monitor: {error})")),
        _ => {}
    }
    why
}

fn guest_side(host: &HostSide, vm: &VmSide, found: &mut Vec<Finding>) {
    let title = vm.title();
    match &vm.guest {
        Guest::Unknown(why) => {
            let live = if vm.handle == HandleSide::Live { "QEMU's handle is live, but " } else { "" };
            let text = format!("{live}what the guest of {title} sees is not known: {why}");
            let next = ask_agent(vm.vmid, why);
            found.push(Finding::new(State::GuestUnknown, Severity::Warning, text).next(next));
        }
        // Nobody promised an answer: what QEMU says counts.
        Guest::NoAgent => {
            let live = vm.handle == HandleSide::Live;
            let has = if live { "has it, with a live handle" } else { "may have it" };
            let text = format!("{title} {has}; its guest was not asked: {NO_AGENT}");
            let severity = if live { Severity::Ok } else { Severity::Warning };
            let next = enable_agent(vm.vmid);
            found.push(Finding::new(State::GuestUnknown, severity, text).next(next));
        }
        Guest::Lists(ids) if ids.is_empty() => {
            let text = format!("the guest of {title} does not list it");
            found.push(Finding::new(State::GuestMissing, Severity::Critical, text).next(fix(&host.port)));
        }
        Guest::Lists(ids) if ids.len() < vm.given => {
            let text = format!(
                "the guest of {title} lists {} of {} Corals: which one is missing cannot be told",
                ids.len(),
                vm.given
            );
            found.push(Finding::new(State::GuestUnknown, Severity::Warning, text));
        }
        Guest::Lists(ids) if !ids.contains(&host.id) => {
            let seen = ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            let text =
                format!("the guest of {title} lists {seen}, the host {}: QEMU did not follow the change", host.id);
            found.push(Finding::new(State::QemuStale, Severity::Critical, text).next(fix(&host.port)));
        }
        Guest::NotAsked | Guest::Lists(_) => {}
    }
}

/// What gives a guest somebody to ask.
pub(super) fn enable_agent(vmid: u32) -> String {
    format!("{}   # counts from the next start of the VM", qm::enable_agent_command(vmid))
}

/// What makes a guest answer that did not.
pub(super) fn ask_agent(vmid: u32, why: &str) -> String {
    // The words of PVE.
    if why.contains("agent is not running") {
        "in the guest: systemctl start qemu-guest-agent".into()
    } else {
        format!("qm agent {vmid} ping")
    }
}
