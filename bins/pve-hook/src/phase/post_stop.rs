//! QEMU has ended: every unit goes home. One that fails does not keep the others.

use crate::guard;
use anyhow::{Context, Result};
use passthrough::{
    fault::{Code, Fault},
    gpu::{
        detach::Outcome,
        operation::{self, Operation},
        policy::being_started,
        reconcile::go_home,
        record::{Record, recorded},
        target::ours,
        unit::Unit,
        world::LazyWorld,
    },
    pve::{self, VmConfig},
    session::Session,
};

/// Returns what the VM had.
pub fn run(session: &Session, vmid: u32, config: Result<VmConfig>) -> Result<()> {
    let mut result = Ok(());
    let units = match devices(session, vmid, config) {
        Ok(units) => units,
        Err(error) => {
            // What was taken is on record, whatever has become of the configuration.
            let taken = taken_for(session, vmid);
            if taken.is_empty() || pve::vm_ids(&session.host).contains(&vmid) {
                result = Err(error);
            } else {
                session.log.info(&format!("{error:#}; going by what was taken for it"));
            }
            taken
        }
    };
    if units.is_empty() {
        return result;
    }
    session.require_root()?;
    let world = LazyWorld::new(&session.host);
    for unit in units {
        let address = unit.address;
        let outcome = home(session, unit, vmid, &world);
        if let Err(error) = outcome {
            if Fault::code_of(&error) == Code::Busy {
                guard::leave(session, vmid);
            }
            session.log.warn(&format!("{address} did not come back: {error:#}"));
            result = result.and(Err(error));
        }
    }
    result
}

/// What this VM had: what its configuration names, and what was taken for it.
fn devices(session: &Session, vmid: u32, config: Result<VmConfig>) -> Result<Vec<Unit>> {
    let mut units = taken_for(session, vmid);
    let config = config?;
    for device in pve::passthroughs(&session.host, &config)? {
        // Of several alternatives it had the one on record; the others may be somebody else's.
        if device.keep || device.mdev || device.alternatives.len() > 1 {
            continue;
        }
        for unit in device.functions().into_iter().filter_map(|address| ours(session, address)) {
            if !units.iter().any(|u| u.key() == unit.key()) {
                units.push(unit);
            }
        }
    }
    Ok(units)
}

fn taken_for(session: &Session, vmid: u32) -> Vec<Unit> {
    let taken = recorded(&session.host).into_iter().filter(|(_, record)| record.vmid == Some(vmid));
    taken.map(|(unit, _)| ours(session, unit.address).unwrap_or(unit)).collect()
}

fn home(session: &Session, unit: Unit, vmid: u32, world: &LazyWorld) -> Result<()> {
    let other = world.vms.iter().find(|vm| vm.vmid != vmid && vm.runs_with(&unit));
    if let Some(vm) = other {
        session.log.info(&format!("{} stays on vfio-pci: {} runs with it", unit.address, vm.title()));
        return Ok(());
    }
    let mut access = operation::lock(session, std::slice::from_ref(&unit), &format!("post-stop {vmid}"))?;
    let record = Record::load(&session.host, &unit);
    if let Some(other) = record.vmid.filter(|other| *other != vmid) {
        // Whose start failed has it no more, and no phase of its will come.
        if let Some(pid) = being_started(session, &unit, &record, world) {
            let start = format!("was taken for VM {other} meanwhile, which is being started (pid {pid})");
            session.log.info(&format!("{} {start}; left alone", unit.address));
            return Ok(());
        }
    }
    let mut op = Operation::new(session, &mut access, unit, "post-stop");
    let patience = session.deadline.remaining();
    let outcome = go_home(&mut op, world, patience).with_context(|| format!("VM {vmid}"))?;
    if outcome == Outcome::Unchanged {
        session.log.detail("nothing to return");
    }
    Ok(())
}
