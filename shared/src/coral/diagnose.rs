//! What the evidence means: a pure function, layer by layer from the host to the guest. A layer that cannot work ends the
//! look at those above it; what is unknown is never taken for missing.

use super::{
    BLANK, FULL_SPEED,
    evidence::{Configuration, Events, Evidence, Form, Guest, HandleSide, HostSide, VmSide},
    finding::{Finding, Severity, State},
};

/// Errors of the link in an hour that are more than a device that was just plugged in makes.
const LINK_ERRORS: u32 = 3;

/// Everything that is found, the gravest layer first. Never empty.
pub fn diagnose(evidence: &Evidence) -> Vec<Finding> {
    let mut found = Vec::new();
    match &evidence.host {
        None => absent(evidence, &mut found),
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

fn absent(evidence: &Evidence, found: &mut Vec<Finding>) {
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
    let died = events.is_some_and(|events| events.controller_died > 0);
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
        if missed.because.is_none() {
            let next = format!("coral-check --port {there}");
            return found.push(Finding::new(State::HostAbsent, Severity::Critical, text).next(next));
        }
    }
    let next = match (&missed.controller, place) {
        (Some(controller), Some(port)) if died => {
            text.push_str(&format!("; its controller {controller} died"));
            format!("usb-reset {port} --rung controller --controller {controller}")
        }
        (Some(_), Some(port)) if missed.instead.is_none() => {
            format!("check cable, plug and power; then: usb-reset {port} --rung port")
        }
        _ => "check cable, plug and power; then: journalctl -k -g usb -n 20".into(),
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
        let why = match &vm.guest {
            _ if vm.pid.is_none() => "it does not run",
            Guest::Unknown(why) => why.as_str(),
            Guest::NoAgent => NO_AGENT,
            _ => "it was not asked",
        };
        let text = format!("{about} to {}; whether the Coral is there is not known: {why}", names(&unknown));
        let next = if vm.pid.is_none() { start(vm.vmid) } else { ask_agent(vm.vmid, why) };
        return Finding::new(State::GuestUnknown, Severity::Warning, text).next(next);
    }
    let text = format!("the host lists no Coral; {about} to {}, whose guest lists none either", names(vms));
    let next = "check cable, plug and power".to_owned();
    Finding::new(State::GuestMissing, Severity::Critical, text).next(next)
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

fn host_only(evidence: &Evidence, host: &HostSide, found: &mut Vec<Finding>) {
    let port = &host.port;
    let vm = evidence.not_given_to.as_ref();
    let mut text = match vm {
        Some((vmid, _)) if evidence.given_to.is_empty() => format!("VM {vmid} is not given {port}"),
        Some((vmid, _)) => {
            let others: Vec<_> = evidence.given_to.iter().map(|vm| format!("{} ({})", vm.title(), vm.line())).collect();
            format!("VM {vmid} is given no Coral; {port} is given to {}", others.join(", "))
        }
        None => format!("no VM is given {port}"),
    };
    let unread = evidence.unread.as_ref().filter(|_| vm.is_none() && evidence.candidates.is_empty());
    if let Some((why, _)) = unread {
        text = format!("whether a VM is given {port} is not known: {why}");
    }
    let named: Vec<_> = evidence.candidates.iter().map(|vm| format!("{} names {}", vm.title(), vm.line())).collect();
    if !named.is_empty() {
        text.push_str(&format!("; {}, which is empty", named.join(" and ")));
    }
    let holders: Vec<_> = host.holders.iter().map(super::evidence::HolderSide::title).collect();
    // A container or a program of the host that uses it is a user as good as any.
    let elsewhere = host.holders.iter().any(|holder| holder.vmid.is_some());
    let used = !holders.is_empty() && !elsewhere && vm.is_none();
    if !holders.is_empty() {
        text.push_str(&format!("; held by {}", holders.join(", ")));
    }
    let severity = if used { Severity::Ok } else { Severity::Warning };
    let state = if unread.is_some() && !used { State::GuestUnknown } else { State::HostOnly };
    let finding = Finding::new(state, severity, text);
    let next = match vm {
        _ if used => None,
        _ if unread.is_some() => unread.map(|(_, next)| next.clone()),
        _ if evidence.candidates.len() == 1 => evidence.candidates.first().map(|vm| vm.by_port(port)),
        Some(_) if !evidence.given_to.is_empty() => {
            evidence.given_to.first().map(|vm| format!("coral-check --vm {}", vm.vmid))
        }
        _ if elsewhere => host.holders.iter().find_map(|holder| holder.vmid).map(|vmid| format!("qm config {vmid}")),
        Some((vmid, key)) => key.as_ref().map(|key| format!("qm set {vmid} --{key} host={port}")),
        None => Some(format!("qm set VMID --usbN host={port}")),
    };
    found.push(Finding { next, ..finding });
}

fn fragile(evidence: &Evidence, host: &HostSide, found: &mut Vec<Finding>) {
    for vm in &evidence.vms {
        let line = format!("{} names it by {}", vm.title(), vm.line());
        let text = match (vm.form, &vm.means) {
            (_, Some(Err(why))) => format!("{line}, which means nothing: {why}"),
            (Form::Id, _) if !vm.fits => format!("{line}, but its id is {} now: that loses it", host.id),
            (Form::Id, _) if host.twins > 0 => {
                format!("{line}, and {} Corals carry that id: which one it gets is chance", host.twins + 1)
            }
            (Form::Id, _) => format!("{line}: its id changes when its firmware is loaded, and that loses it"),
            (Form::Mapping, _) => match vm.mapping_id {
                Some(id) if id != host.id => {
                    format!("{line}, which expects {id} while it is {} now: PVE refuses the next start", host.id)
                }
                _ => format!("{line}: PVE compares ids, and refuses the next start when its id has changed"),
            },
            (Form::Port, _) if !vm.fits && vm.is_at_peer(Some(host)) => {
                format!("{line}, the other half of its socket: it is not given what comes up at {}", host.port)
            }
            (Form::Port, _) if !vm.fits => format!("{line}, which is empty, while it is at {} now", host.port),
            (Form::Port, _) if vm.lines.len() > 1 => {
                let others: Vec<_> =
                    vm.lines.iter().map(|(key, _)| key.as_str()).filter(|key| *key != vm.key).collect();
                let text = format!("{line}, and once more by {}", others.join(", "));
                let next = vm.without_others(&vm.key).join(" && ");
                found.push(Finding::new(State::ConfigFragile, Severity::Warning, text).next(next));
                continue;
            }
            (Form::Port | Form::Controller, _) => continue,
        };
        // What comes up at the wrong speed belongs back to where it was.
        let finding = Finding::new(State::ConfigFragile, Severity::Warning, &text);
        if vm.is_at_peer(Some(host)) {
            found.push(finding.next(faster(&host.port)));
            continue;
        }
        found.push(finding.next(vm.by_port(&host.port)));
    }
}

fn vm_side(host: &HostSide, vm: &VmSide, found: &mut Vec<Finding>) {
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
pub(super) fn unclaimed(host: &HostSide) -> bool {
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
            let next = ask_agent(vm.vmid, NO_AGENT);
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

/// Why a guest is not asked.
pub(super) const NO_AGENT: &str = "its agent is not enabled in the VM's configuration";

/// What makes a guest answer that did not.
fn ask_agent(vmid: u32, why: &str) -> String {
    if why.contains("not enabled") {
        format!("qm set {vmid} --agent 1   (counts from the next start of the VM)")
    } else if why.contains("not running") {
        "in the guest: systemctl start qemu-guest-agent".into()
    } else {
        format!("qm agent {vmid} ping")
    }
}

/// A second running VM that is given the same Coral: only one can have it.
fn rival(host: &HostSide, first: &VmSide, vm: &VmSide) -> Option<Finding> {
    let lost = vm.pid.is_some() && vm.handle == HandleSide::None && first.handle == HandleSide::Live;
    let text = format!("{} is given {} too ({}), but {} has it", vm.title(), host.port, vm.line(), first.title());
    let next = format!("qm set {} --delete {}", vm.vmid, vm.key);
    lost.then(|| Finding::new(State::QemuDetached, Severity::Warning, text).next(next))
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

#[cfg(test)]
#[path = "diagnose_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "samples.rs"]
pub(super) mod samples;
