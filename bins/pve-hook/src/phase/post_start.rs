//! QEMU runs: does it really hold what it was given?

use anyhow::Result;
use passthrough::{
    deadline::Deadline,
    fault::Fault,
    gpu::{
        holders::{Holder, vfio_holders},
        record::Record,
        target::of_vm,
        unit::Unit,
    },
    pve::{self, VmConfig},
    session::Session,
    usb,
};
use std::{thread, time::Duration};

/// Opening a group takes QEMU a moment after PVE considers it started.
const PATIENCE: Duration = Duration::from_secs(5);

/// Confirms that the VM's QEMU has every unit open, and every USB device that is plugged in.
pub fn run(session: &Session, config: &VmConfig) -> Result<()> {
    let deadline = session.deadline.within(PATIENCE);
    let units = units(session, config, &deadline);
    let lost = usb::confirm(session, config, &deadline);
    units?;
    if lost.is_empty() {
        return Ok(());
    }
    Fault::problem(format!("VM {}: {}", config.vmid, lost.join("; "))).next("usb-reset list").fail()
}

fn units(session: &Session, config: &VmConfig, deadline: &Deadline) -> Result<()> {
    let all = of_vm(session, config.vmid)?;
    let taken = |unit: &&Unit| Record::load(&session.host, unit).vmid == Some(config.vmid);
    let taken: Vec<Unit> = all.iter().filter(taken).cloned().collect();
    // Where nothing is on record, pre-start was not ours: one of those that it may have is what it has to hold.
    let (units, enough) = if taken.is_empty() { (all, 1) } else { (taken.clone(), taken.len()) };
    loop {
        let holders = vfio_holders(&session.host, &units).list;
        let holds = |holder: &Option<Holder>| holder.as_ref().is_some_and(|holder| holder.vmid == Some(config.vmid));
        let (held, missing): (Vec<_>, Vec<_>) = units.iter().zip(&holders).partition(|(_, holder)| holds(holder));
        let Some((unit, _)) = missing.first().filter(|_| held.len() < enough) else {
            for (unit, _) in held {
                session.log.info(&format!("VM {} holds {}", config.vmid, unit.address));
            }
            return Ok(());
        };
        if deadline.expired() {
            let pid = pve::qemu_pid(&session.host, config.vmid);
            let process = pid.map_or_else(|| "no QEMU of it runs".into(), |pid| format!("its QEMU is pid {pid}"));
            return Fault::problem(format!("VM {} does not hold {} ({process})", config.vmid, unit.address))
                .next(format!("gpu-bind doctor {}", unit.address))
                .fail();
        }
        thread::sleep(Duration::from_millis(200));
    }
}
