//! Ids that PVE has taught vfio-pci and never takes back.

use super::{
    detach::Outcome,
    observe::Observation,
    operation::Operation,
    plan::{Step, VFIO},
};
use crate::{
    host::{Host, names},
    pci::{Address, Device, Reservations},
    pve::{self, config_lock},
    tree,
};
use anyhow::Result;
use std::cell::Cell;

/// The ids that vfio-pci may forget: PVE leaves them behind, and a re-probe would then go to vfio-pci. Not those of another
/// device that is on vfio-pci or that PVE is just binding, nor those that were reserved at boot: `remove_id` drops these as
/// well.
pub fn forgettable(op: &Operation, seen: &Observation) -> Vec<(u16, u16)> {
    let host = &op.session.host;
    let bound = names(&host.pci_driver(VFIO)).into_iter().filter_map(|name| name.parse::<Address>().ok());
    let others: Vec<_> =
        bound.chain(being_bound(host)).filter(|address| !op.unit.functions.contains(address)).collect();
    let reservations = Reservations::read(host);
    let mut ids: Vec<_> = Vec::new();
    for f in seen.functions.iter().filter(|f| f.present && f.id.0 != 0) {
        let shared = others.iter().map(|other| Device::new(host, *other)).any(|o| (o.vendor(), o.device_id()) == f.id);
        if !shared && !ids.contains(&f.id) && reservations.of(&Device::new(host, f.address)).is_none() {
            ids.push(f.id);
        }
    }
    if tree::is_dir(&host.pci_driver(VFIO)) { ids } else { Vec::new() }
}

/// Takes the ids of a unit that is on the host away from vfio-pci. Whether one was there is only told by the kernel's answer.
pub fn forget(op: &mut Operation, seen: &Observation) -> Result<Outcome> {
    let ids = forgettable(op, seen);
    if op.session.dry_run {
        would_forget(op, &ids);
        return Ok(Outcome::Unchanged);
    }
    let mut outcome = Outcome::Unchanged;
    for id in ids {
        let step = Step::RemoveId(VFIO.into(), id);
        let (path, value) = step.write(&op.session.host);
        let absent = Cell::new(false);
        let is_absent = |errno| {
            absent.set(step.tolerates(errno));
            absent.get()
        };
        op.write(&path, &value, is_absent)?;
        if !absent.get() {
            op.done(&format!("attached: vfio-pci kept the id {:04x}:{:04x} and has forgotten it", id.0, id.1));
            outcome = Outcome::Changed;
        }
    }
    Ok(outcome)
}

/// A dry run cannot know whether there is one to be forgotten.
fn would_forget(op: &Operation, ids: &[(u16, u16)]) {
    let Some(id) = ids.first() else { return };
    let (path, _) = Step::RemoveId(VFIO.into(), *id).write(&op.session.host);
    let ids = ids.iter().map(|(vendor, device)| format!("{vendor:04x}:{device:04x}")).collect::<Vec<_>>().join(", ");
    op.session.would(&format!("forget {ids} by {}, where vfio-pci kept one", op.session.host.shown(&path)));
}

/// Devices of VMs that PVE is just starting: between its `new_id` and its `bind`, the id must stay.
fn being_bound(host: &Host) -> Vec<Address> {
    let locks = names(&host.qemu_lock());
    let vmids = locks.iter().filter_map(|name| name.strip_prefix("lock-")?.strip_suffix(".conf")?.parse().ok());
    let locked: Vec<u32> = vmids.filter(|vmid| config_lock::locked_by(host, *vmid).is_some()).collect();
    let configs = locked.iter().filter_map(|vmid| pve::load(host, *vmid).ok());
    let devices = configs.filter_map(|config| pve::passthroughs(host, &config).ok()).flatten();
    devices.flat_map(|device| device.functions()).collect()
}
