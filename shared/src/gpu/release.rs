//! Waiting until a VM lets go of a unit.

use super::{
    holders::{Holder, vfio_holders},
    operation::Operation,
    world::LazyWorld,
};
use crate::fault::Fault;
use anyhow::Result;
use std::{fs::OpenOptions, thread, time::Duration};

/// Who holds the unit through VFIO now.
pub fn current_holder(op: &Operation) -> Result<Option<Holder>> {
    if group_is_free(op) == Some(true) {
        return Ok(None);
    }
    vfio_holders(&op.session.host, std::slice::from_ref(&op.unit)).one()
}

/// A VFIO group has one user: who can open it is alone (`vfio_group_fops_open` answers EBUSY otherwise, also when one of its
/// devices is open by the newer interface). Only asked under the lock, by somebody who is about to take the group away.
fn group_is_free(op: &Operation) -> Option<bool> {
    let group = op.unit.group.filter(|_| op.session.host.is_live() && !op.session.dry_run)?;
    match OpenOptions::new().read(true).write(true).open(op.session.host.vfio_nodes().join(group.to_string())) {
        Ok(_) => Some(true),
        Err(error) if error.raw_os_error() == Some(nix::libc::EBUSY) => Some(false),
        Err(_) => None,
    }
}

/// Nothing overrides a VM that holds the device: its unbind would wait in the kernel for ever.
pub fn wait_until_released(op: &Operation, world: &LazyWorld, patience: Duration) -> Result<()> {
    let deadline = op.deadline.within(patience);
    let mut told = false;
    while let Some(holder) = current_holder(op)? {
        let title = holder.title(world);
        if deadline.expired() {
            let stop = holder.vmid.map_or_else(|| format!("ps -fp {}", holder.pid), |vmid| format!("qm stop {vmid}"));
            return Fault::busy(format!("{} is held by {title}; nothing was changed", op.unit.address))
                .next(format!("{stop}   # then: gpu-bind reconcile"))
                .fail();
        }
        if !told {
            op.session.log.info(&format!("{} is still held by {title}; waiting", op.unit.address));
            told = true;
        }
        thread::sleep(Duration::from_millis(100).min(deadline.remaining()));
    }
    Ok(())
}
