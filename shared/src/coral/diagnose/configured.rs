//! What the configurations of VMs say of a Coral: given to none, by what does not last, or to two.

use super::faster;
use crate::coral::{
    evidence::{Evidence, Form, HandleSide, HolderSide, HostSide, VmSide},
    finding::{Finding, Severity, State},
};

pub(super) fn host_only(evidence: &Evidence, host: &HostSide, found: &mut Vec<Finding>) {
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
    let holders: Vec<_> = host.holders.iter().map(HolderSide::title).collect();
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

pub(super) fn fragile(evidence: &Evidence, host: &HostSide, found: &mut Vec<Finding>) {
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

/// A second running VM that is given the same Coral: only one can have it.
pub(super) fn rival(host: &HostSide, first: &VmSide, vm: &VmSide) -> Option<Finding> {
    let lost = vm.pid.is_some() && vm.handle == HandleSide::None && first.handle == HandleSide::Live;
    let text = format!("{} is given {} too ({}), but {} has it", vm.title(), host.port, vm.line(), first.title());
    let next = format!("qm set {} --delete {}", vm.vmid, vm.key);
    lost.then(|| Finding::new(State::QemuDetached, Severity::Warning, text).next(next))
}
