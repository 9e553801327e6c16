//! What speaks against taking a unit from the host.

use super::{
    console,
    detach::Consent,
    holders,
    observe::{Function, Observation},
    unit::Unit,
};
use crate::{
    fault::Fault,
    host::Host,
    pci::{Address, Asked, Device, in_use},
    proc::{self, Opener},
    session::Session,
    tree,
};
use anyhow::Result;
use std::{thread, time::Duration};

/// How long udev is waited for.
const UDEV: Duration = Duration::from_secs(5);
const TICK: Duration = Duration::from_millis(100);

/// Everything that speaks against taking the unit from the host, before anything is written.
pub(super) fn allowed(
    session: &Session,
    unit: &Unit,
    seen: &Observation,
    leaving: &[Unit],
    consent: Consent,
) -> Result<()> {
    let host = &session.host;
    let gpu = unit.address;
    if unit.group.is_none() {
        return Fault::problem(format!("{gpu} has no IOMMU group, so no VM can be given it"))
            .next("enable the IOMMU: intel_iommu=on (Intel) on the kernel command line and VT-d or AMD-Vi in the firmware")
            .fail();
    }
    for function in &unit.functions {
        let device = Device::new(host, *function);
        let virtual_functions = device.virtual_functions();
        if virtual_functions > 0 {
            return Fault::refused(format!("{function} has {virtual_functions} SR-IOV virtual functions enabled"))
                .next(format!("echo 0 > /sys/bus/pci/devices/{function}/sriov_numvfs   # only when no VM uses one"))
                .fail();
        }
    }
    let on_host = |function: &&Address| !seen.function(**function).is_some_and(Function::on_vfio);
    // What its units use of it, they will leave.
    let units = units(session, unit);
    let now = |function: &&Address| function.slot != gpu.slot || units.is_empty();
    unit.functions.iter().filter(on_host).filter(now).try_for_each(|function| not_needed(session, unit, *function))?;
    last_console(session, unit, seen, leaving, consent)
}

/// The units of systemd that are stopped for a unit of functions.
pub fn units(session: &Session, unit: &Unit) -> Vec<String> {
    session.config.device(unit.address).units.unwrap_or_default()
}

/// Fails when the host needs a function. What came back a moment ago is still looked at by udev, so that more is known soon.
pub(super) fn not_needed(session: &Session, unit: &Unit, function: Address) -> Result<()> {
    let host = &session.host;
    let settled = session.deadline.within(UDEV);
    let mut looked = false;
    loop {
        let Some((what, next)) = needed_by_host(host, unit, function) else { return Ok(()) };
        let waits = !looked || tree::exists(&host.udev_queue());
        if !waits || settled.expired() {
            return Fault::refused(format!("{what}; nothing was changed")).next(next).fail();
        }
        looked = true;
        thread::sleep(TICK.min(settled.remaining()));
    }
}

/// What the host loses with a function of a unit and needs, in a sentence, and what helps.
pub fn needed_by_host(host: &Host, unit: &Unit, function: Address) -> Option<(String, &'static str)> {
    let device = Device::new(host, function);
    let own = function.slot == unit.address.slot;
    // Nothing hangs below a screen or a sound card.
    if own && matches!(device.class() >> 16, 0x03 | 0x04) {
        return None;
    }
    let uses = match in_use(host, &device, if own { Asked::ByName } else { Asked::No }) {
        Ok(uses) if uses.is_empty() => return None,
        Ok(uses) => uses.join(", "),
        Err(unknown) => {
            let what = format!("whether this host uses {function} is not known: {}", unknown.join(", "));
            return Some((what, "mend what cannot be read, then try again"));
        }
    };
    Some(if own {
        let next = "free it first (umount, swapoff, vgchange -an, ip link set … nomaster)";
        (format!("{function} is in use by this host: {uses}"), next)
    } else {
        let what = format!("{function} is in the IOMMU group of {} and would go with it: {uses}", unit.address);
        (what, "free it first, or put the GPU into another PCIe slot")
    })
}

fn last_console(session: &Session, unit: &Unit, seen: &Observation, leaving: &[Unit], consent: Consent) -> Result<()> {
    if !console::goes_with(&session.host, unit, seen, leaving) {
        return Ok(());
    }
    if consent.console {
        session.log.info(&format!("{}: no other GPU stays on the host; the console goes with it", unit.address));
        return Ok(());
    }
    Fault::refused(format!("{}: no other GPU would stay on a host driver, and the console with it", unit.address))
        .next("add --allow-console if you can reach this host by network")
        .fail()
}

/// Fails when a process of the host has the unit open: drivers wait for such files in the kernel, where nothing helps.
pub fn nobody_has_it_open(session: &Session, unit: &Unit, consent: Consent) -> Result<()> {
    let answer = holders::settled_openers(session, unit);
    if let (Some(why), true) = (&answer.blind, answer.found.is_empty()) {
        let what = format!("{}: cannot tell who has it open: {why}; nothing was changed", unit.address);
        return Fault::problem(what).next("ulimit -n; ls /proc").fail();
    }
    let openers = answer.found;
    if openers.is_empty() {
        return Ok(());
    }
    let list = openers.iter().map(Opener::title).collect::<Vec<_>>().join(", ");
    if consent.openers {
        session.log.warn(&format!("{}: in use, moved all the same: {list}", unit.address));
        return Ok(());
    }
    let force = if session.log.program() == "gpu-bind" { "; --force proceeds all the same" } else { "" };
    let config = session.host.shown(&session.host.config_file());
    let next = match openers.iter().find_map(|opener| proc::stop_command(&session.host, opener.pid)) {
        Some(stop) => format!("{stop}   # or name it in {config} (units = […]){force}"),
        None => format!("end those programs, or name their service in {config} (units = […]){force}"),
    };
    Fault::busy(format!("{} is in use on the host: {list}; nothing was changed", unit.address)).next(next).fail()
}
