//! Which Coral is whose: sorts the lines of the configurations by the Coral that they mean.

use super::{
    super::{
        evidence::{Evidence, Form, HandleSide, VmSide},
        host_side,
        lines::Line,
        seen,
    },
    Wanted,
};
use crate::{
    host::Host,
    usb::{
        UsbDevice,
        handle::{Handle, handle},
    },
};

/// Whether a line is known to be about this Coral, or may be.
pub(super) fn is_of(case: &Evidence, line: &Line<'_>) -> bool {
    let same = |vm: &VmSide| vm.vmid == line.config.vmid && vm.key == line.passed.usb.key;
    case.host.is_some() && case.vms.iter().chain(&case.candidates).chain(&case.given_to).any(same)
}

/// Of the only Coral that no VM is given: those that name a socket which is empty. Who has it open is who means it.
pub(super) fn candidates(
    host: &Host,
    wanted: &Wanted,
    lines: &[Line<'_>],
    all: &[UsbDevice<'_>],
    case: &Evidence,
) -> Vec<VmSide> {
    let spare = |coral: &&UsbDevice<'_>| !lines.iter().any(|line| line.means(coral) || line.meant(coral));
    let only = all.iter().filter(spare).count() == 1;
    let Some(side) = case.host.as_ref().filter(|_| only && case.vms.is_empty() && case.given_to.is_empty()) else {
        return Vec::new();
    };
    let holder = side.holders.iter().find_map(|holder| holder.vmid);
    let may_mean_it = |line: &&Line<'_>| {
        let vmid = line.config.vmid;
        line.form == Form::Port
            && wanted.vm.is_none_or(|asked| asked == vmid)
            && holder.is_none_or(|holder| holder == vmid)
            && line.port().is_some_and(|port| !UsbDevice::new(host, port).exists())
    };
    lines.iter().filter(may_mean_it).map(|line| line.vm_side(host, false)).collect()
}

/// Leaves out what other VMs are given.
pub(super) fn keep_vm(case: &mut Evidence, vmid: u32) {
    let (own, others): (Vec<_>, _) = std::mem::take(&mut case.vms).into_iter().partition(|vm| vm.vmid == vmid);
    if own.is_empty() {
        case.given_to = others;
    }
    case.vms = own;
}

/// A Coral with the lines that mean it; of a VM that names it several times, the line that fits best counts.
pub(super) fn present(
    coral: &UsbDevice<'_>,
    all: &[UsbDevice<'_>],
    lines: &[Line<'_>],
    qemus: &[i32],
) -> Option<Evidence> {
    let host = coral.host;
    let mut side = host_side::look(coral, all)?;
    let anybody = |line: &Line<'_>| all.iter().any(|other| line.means(other));
    let lost = seen::ports(host);
    // A port that is empty now and had a Coral: it was plugged in elsewhere, as long as there is only one to mistake.
    let moved = |line: &Line<'_>| {
        let empty = line.port().filter(|port| !UsbDevice::new(host, port.as_str()).exists());
        empty.is_some_and(|port| all.len() == 1 && lost.contains(&port))
    };
    // An id that no Coral carries now was that of one which nobody else is given, if there is such a one.
    let spare = |coral: &UsbDevice<'_>| !lines.iter().any(|line| line.means(coral));
    let may_be_its = |line: &Line<'_>| line.port().is_some() || spare(coral) || !all.iter().any(spare);
    let fits = |line: &Line<'_>| match line.means(coral) {
        true => Some(true),
        false if !anybody(line) && ((line.meant(coral) && may_be_its(line)) || moved(line)) => Some(false),
        false => None,
    };
    let mut found: Vec<_> = lines.iter().filter_map(|line| Some((fits(line)?, line))).collect();
    // With several Corals, lines by id may be for one each.
    let only = |(fits, line): &&(bool, &Line<'_>)| if line.form == Form::Port { *fits } else { all.len() == 1 };
    let keys: Vec<_> = found.iter().filter(only).map(|(_, line)| (line.config.vmid, &line.passed.usb)).collect();
    found.sort_by_key(|(fits, line)| (line.config.vmid, !fits, line.form));
    found.dedup_by_key(|(_, line)| line.config.vmid);
    let mut vms: Vec<_> = found
        .iter()
        .map(|(fits, line)| {
            let mut vm = line.vm_side(host, *fits);
            vm.handle = held(host, &vm, Some(coral));
            let own = keys.iter().filter(|(vmid, _)| *vmid == vm.vmid);
            vm.lines = own.map(|(_, usb)| (usb.key.clone(), usb.usb3)).collect();
            vm
        })
        .collect();
    // Where no QEMU has it, somebody else may.
    let everybody = vms.iter().all(|vm| vm.handle != HandleSide::Live);
    side.holders = host_side::holders(coral, qemus, everybody);
    vms.sort_by_key(|vm| (rank(vm), vm.vmid));
    Some(Evidence { host: Some(side), vms, ..Evidence::default() })
}

/// The one that holds it comes first, then those that run.
fn rank(vm: &VmSide) -> u8 {
    match (&vm.handle, vm.pid) {
        (HandleSide::Live, _) => 0,
        (HandleSide::Stale(_), _) => 1,
        (_, Some(_)) => 2,
        (_, None) => 3,
    }
}

pub(in crate::coral) fn held(host: &Host, vm: &VmSide, coral: Option<&UsbDevice<'_>>) -> HandleSide {
    let Some(pid) = vm.pid else { return HandleSide::None };
    match handle(host, pid, coral) {
        Handle::Live => HandleSide::Live,
        Handle::Stale(what) => HandleSide::Stale(what),
        Handle::None => HandleSide::None,
        Handle::Unknown(why) => HandleSide::Unknown(why),
    }
}

/// One line by id takes one of several Corals that carry it: those that the VM did not take are not given to it.
pub(super) fn share(cases: &mut [Evidence]) {
    let live = |vm: &VmSide| vm.handle == HandleSide::Live;
    let held = cases.iter().flat_map(|case| &case.vms).filter(|vm| live(vm));
    let taken: Vec<_> = held.map(|vm| (vm.vmid, vm.key.clone())).collect();
    for case in cases.iter_mut() {
        case.vms.retain(|vm| live(vm) || !taken.iter().any(|(vmid, key)| (*vmid, key) == (vm.vmid, &vm.key)));
    }
    let given: Vec<Vec<u32>> = cases.iter().map(|case| case.vms.iter().map(|vm| vm.vmid).collect()).collect();
    for vm in cases.iter_mut().flat_map(|case| &mut case.vms) {
        vm.given = given.iter().filter(|vmids| vmids.contains(&vm.vmid)).count();
    }
}
