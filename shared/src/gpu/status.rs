//! Where every GPU is, who has it, and where it belongs.

use super::{
    holders::{Holder, vfio_holders},
    observe::{Observation, observe},
    policy::{Belongs, belongs},
    record::{Record, Side},
    unit::Unit,
    verdict::{State, judge},
    world::World,
};
use crate::{
    host::Host,
    pci::{Address, ids},
    session::Session,
    sysfs::Access,
};
use anyhow::Result;
use serde::Serialize;

/// The status of one GPU.
#[derive(Debug, Serialize)]
pub struct Status {
    /// The display function.
    pub address: Address,
    /// What it is called.
    pub name: String,
    /// The IOMMU group.
    pub iommu_group: Option<u32>,
    /// The state of all functions together.
    pub state: State,
    /// What is wrong.
    pub problems: Vec<String>,
    /// Every function.
    pub functions: Vec<FunctionStatus>,
    /// DRM nodes.
    pub drm: Vec<String>,
    /// The VMs whose configuration passes it through.
    pub vms: Vec<u32>,
    /// The VM that has it open.
    pub held_by: Option<Holder>,
    /// The side that it belongs to.
    pub belongs: Side,
    /// Why it belongs there.
    pub belongs_because: String,
    /// What has been begun and not finished.
    pub unfinished: Option<String>,
    #[serde(skip)]
    /// What it was derived from.
    pub seen: Observation,
}

/// The status of one function.
#[derive(Debug, Serialize)]
pub struct FunctionStatus {
    address: Address,
    class: String,
    id: String,
    driver: Option<String>,
    driver_override: Option<String>,
    config_ok: Option<bool>,
}

impl Status {
    /// What to do about a GPU that is well but not where it belongs.
    pub fn hint(&self) -> Option<String> {
        if self.held_by.is_some() {
            return None;
        }
        match (self.state, self.belongs) {
            (State::Vfio, Side::Host) => {
                Some(format!("belongs to the host ({}): gpu-bind attach {}", self.belongs_because, self.address))
            }
            (State::Host, Side::Vfio) => {
                Some(format!("belongs to vfio-pci ({}): gpu-bind detach {}", self.belongs_because, self.address))
            }
            _ => None,
        }
    }

    /// Whether there is nothing to complain of.
    pub fn is_consistent(&self) -> bool {
        self.state.is_consistent()
    }
}

/// The status of units: one look at the VMs and one scan of all processes for all of them.
pub fn status(session: &Session, units: &[Unit], world: &World) -> Result<Vec<Status>> {
    let holders = vfio_holders(&session.host, units);
    if let Some(why) = &holders.blind {
        session.log.warn(&format!("who holds a device is unknown: {why}"));
    }
    let mut access = Access::reading(&session.host);
    let mut list = Vec::with_capacity(units.len());
    for (unit, held_by) in units.iter().zip(holders.list) {
        list.push(one(session, unit, world, &mut access, held_by)?);
    }
    Ok(list)
}

fn one(session: &Session, unit: &Unit, world: &World, access: &mut Access, held_by: Option<Holder>) -> Result<Status> {
    let host = &session.host;
    let record = Record::load(host, unit);
    let mut seen = observe(host, unit, &record, access, &session.deadline)?;
    // Held through VFIO and yet without a driver: the link is gone, and the unbind waits for the holder.
    if let (Some(holder), Some(f)) = (&held_by, seen.functions.iter().find(|f| f.present && f.driver.is_none()))
        && seen.wedged.is_empty()
    {
        seen.wedged.push(format!("{} is being unbound while {} holds it", f.address, holder.title(world)));
    }
    let (state, mut problems) = judge(&seen);
    if !record.done && record.exists() && state.is_consistent() {
        problems.push(format!(
            "a move began and was not finished ({})",
            if record.by.is_empty() { "unknown" } else { &record.by }
        ));
    }
    let Belongs { side, why } = match held_by.as_ref().filter(|_| state == State::Vfio) {
        Some(holder) => Belongs { side: Side::Vfio, why: format!("{} holds it", holder.title(world)) },
        None => belongs(session, unit, &record, world, state),
    };
    Ok(Status {
        address: unit.address,
        name: name(host, &seen, unit),
        iommu_group: unit.group,
        state,
        problems,
        drm: seen.functions.iter().flat_map(|f| f.drm.clone()).filter(|n| n.starts_with("card")).collect(),
        functions: seen.functions.iter().map(FunctionStatus::from).collect(),
        vms: world.naming(unit).map(|vm| vm.vmid).collect(),
        held_by,
        belongs: side,
        belongs_because: why,
        unfinished: (record.exists() && !record.done).then(|| record.by.clone()),
        seen,
    })
}

impl From<&super::observe::Function> for FunctionStatus {
    fn from(f: &super::observe::Function) -> Self {
        Self {
            address: f.address,
            class: format!("{:06x}", f.class),
            id: format!("{:04x}:{:04x}", f.id.0, f.id.1),
            driver: f.driver.clone(),
            driver_override: f.driver_override.clone(),
            config_ok: f.config_ok(),
        }
    }
}

fn name(host: &Host, seen: &Observation, unit: &Unit) -> String {
    let Some(function) = seen.function(unit.address) else { return String::new() };
    let (vendor, device) = function.id;
    ids::name(host, vendor, device).unwrap_or_else(|| format!("{vendor:04x}:{device:04x}"))
}
