//! Where every GPU is, who has it, and where it belongs.

use super::{
    console,
    holders::{Holder, vfio_holders},
    observe::{Function, Observation, observe},
    policy::{Belongs, being_changed, being_started, belongs, host_drivers, unsure},
    record::{Record, Side},
    unit::Unit,
    verdict::{State, judge},
    world::World,
};
use crate::{
    host::Host,
    lock,
    pci::{Address, ids},
    session::Session,
    sysfs::Access,
};
use anyhow::Result;
use serde::Serialize;
use std::collections::BTreeMap;

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
    /// Why these may not be all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vms_unknown: Option<String>,
    /// The VM that has it open.
    pub held_by: Option<Holder>,
    /// Why it is not known whether anybody has it open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_by_unknown: Option<String>,
    /// The side that it belongs to.
    pub belongs: Side,
    /// Why it belongs there.
    pub belongs_because: String,
    /// What has been begun and not finished.
    pub unfinished: Option<String>,
    /// Who is at it; `None` where whoever began it is gone.
    pub under_way: Option<String>,
    /// Whether the host's console goes with it, so that taking it from the host needs consent.
    #[serde(skip)]
    pub last_console: bool,
    /// Why it is not known whether a VM runs with it, where it is not.
    #[serde(skip)]
    pub use_unknown: Option<String>,
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
    /// The driver that it has or would get on the host; `None` where that is not known.
    host_driver: Option<String>,
    config_ok: Option<bool>,
}

impl Status {
    /// What to do about a GPU that is well but not where it belongs.
    pub fn hint(&self) -> Option<String> {
        if self.held_by.is_some() || self.unfinished.is_some() {
            return None;
        }
        match (self.state, self.belongs, &self.use_unknown) {
            // No advice to take from a VM what it may run with.
            (State::Vfio, Side::Host, Some(unknown)) => Some(format!("on vfio-pci; {unknown}")),
            (State::Vfio, Side::Host, None) => {
                Some(format!("belongs to the host ({}): gpu-bind attach {}", self.belongs_because, self.address))
            }
            (State::Host, Side::Vfio, _) => {
                let next = self.command("detach");
                Some(format!("belongs to vfio-pci ({}): {next}", self.belongs_because))
            }
            _ => None,
        }
    }

    /// The command that takes it from the host, with the consent that it needs.
    pub fn command(&self, verb: &str) -> String {
        let consent = if self.last_console { " --allow-console" } else { "" };
        format!("gpu-bind {verb} {}{consent}", self.address)
    }

    /// Whether there is nothing to complain of.
    pub fn is_consistent(&self) -> bool {
        self.state.is_consistent() && !self.is_abandoned() && self.seen.unanswered().is_empty()
    }

    /// Whether a move was begun, and nobody is at it any more.
    pub fn is_abandoned(&self) -> bool {
        self.unfinished.is_some() && self.under_way.is_none()
    }
}

/// The status of units: one look at the VMs and one scan of all processes for all of them.
pub fn status(session: &Session, units: &[Unit], world: &World) -> Result<Vec<Status>> {
    let holders = vfio_holders(&session.host, units);
    let blind = holders.blind.or_else(|| world.blind.clone());
    if let Some(why) = blind.as_ref().filter(|_| !units.is_empty()) {
        session.log.warn(&format!("who holds a device is unknown: {why}"));
    }
    let mut access = Access::reading(&session.host);
    let mut list = Vec::with_capacity(units.len());
    for ((unit, held_by), hidden) in units.iter().zip(holders.list).zip(holders.hidden) {
        let unknown = blind.clone().or(hidden).filter(|_| held_by.is_none());
        list.push(Status { held_by_unknown: unknown, ..one(session, unit, world, &mut access, held_by)? });
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
    // A VM that holds it has taken over: nothing is left to be finished until it lets go.
    let taken = held_by.is_some() && state == State::Vfio;
    let open = |record: &Record| record.exists() && !record.done && !taken;
    let under_way = if open(&record) { at_it(session, unit, &record, world) } else { None };
    // Nobody is at it: it was left, or has just been finished.
    let left = || under_way.is_some() || open(&Record::load(host, unit));
    let unfinished = (open(&record) && left()).then(|| record.by.clone());
    if let Some(by) = &unfinished {
        let by = if by.is_empty() { "unknown" } else { by };
        match &under_way {
            Some(who) => problems.push(format!("a move is under way ({by}): {who}")),
            None if state.is_consistent() => problems.push(format!("a move began and was not finished ({by})")),
            None => {}
        }
    }
    let Belongs { side, why } = match held_by.as_ref().filter(|_| state == State::Vfio) {
        Some(holder) => Belongs { side: Side::Vfio, why: format!("{} holds it", holder.title(world)) },
        None => belongs(session, unit, &record, world, state),
    };
    let in_use = held_by.is_some() || world.user(unit).is_some();
    let use_unknown = unsure(world, state).filter(|_| !in_use);
    let mut drivers = host_drivers(session, unit, &record, &seen.functions);
    Ok(Status {
        address: unit.address,
        name: name(host, &seen, unit),
        iommu_group: unit.group,
        state,
        problems,
        drm: seen.functions.iter().flat_map(|f| f.drm.clone()).filter(|n| n.starts_with("card")).collect(),
        functions: seen.functions.iter().map(|f| FunctionStatus::new(f, &mut drivers)).collect(),
        vms: world.naming(unit).map(|vm| vm.vmid).collect(),
        vms_unknown: world.hidden.clone(),
        held_by,
        held_by_unknown: None,
        belongs: side,
        belongs_because: why,
        unfinished,
        under_way,
        use_unknown,
        last_console: console::goes_with(host, unit, &seen, &[]),
        seen,
    })
}

/// Who is just moving the unit: whoever has its lock, or PVE while it starts or stops the VM.
fn at_it(session: &Session, unit: &Unit, record: &Record, world: &World) -> Option<String> {
    let mover = unit.lock_names().iter().find_map(|name| lock::holder(&session.host, name));
    let mover = mover.map(|mover| match mover.living_pid() {
        Some(pid) => format!("{}, pid {pid}", mover.command),
        None => mover.title(),
    });
    mover.or_else(|| {
        let pid = being_started(session, unit, record, world).or_else(|| being_changed(session, unit, world))?;
        Some(format!("PVE starts or stops its VM, pid {pid}"))
    })
}

impl FunctionStatus {
    fn new(f: &Function, host_drivers: &mut BTreeMap<Address, String>) -> Self {
        Self {
            address: f.address,
            class: format!("{:06x}", f.class),
            id: format!("{:04x}:{:04x}", f.id.0, f.id.1),
            driver: f.driver.clone(),
            driver_override: f.driver_override.clone(),
            config_ok: f.config_ok(),
            host_driver: host_drivers.remove(&f.address),
        }
    }
}

fn name(host: &Host, seen: &Observation, unit: &Unit) -> String {
    let Some(function) = seen.function(unit.address) else { return String::new() };
    let (vendor, device) = function.id;
    ids::name(host, vendor, device).unwrap_or_else(|| format!("{vendor:04x}:{device:04x}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::Config, deadline::Deadline, log::Log, report::Output};
    use std::{fs, time::Duration};

    #[test]
    fn who_has_the_lock_is_at_it() {
        let dir = tempfile::tempdir().unwrap();
        let deadline = Deadline::after(Duration::from_secs(5));
        let log = Log::new("gpu-bind", 0);
        let session = Session::new(Host::new(dir.path()), Config::default(), deadline, log, Output::new(true));
        let host = &session.host;
        let address: Address = "0000:01:00.0".parse().unwrap();
        let device = host.pci_devices().join(address.to_string());
        fs::create_dir_all(&device).unwrap();
        fs::create_dir_all(host.pci_driver("vfio-pci")).unwrap();
        std::os::unix::fs::symlink(host.pci_driver("vfio-pci"), device.join("driver")).unwrap();
        let unit = Unit::of(host, address, [address], Some(13));
        let mut record = Record { to: Some(Side::Vfio), by: "gpu-bind detach".into(), ..Record::default() };
        record.save(host, &unit).unwrap();
        let look = || status(&session, std::slice::from_ref(&unit), &World::default()).unwrap().remove(0);

        let locks = lock::Locks::take(host, &unit.lock_names(), "gpu-bind detach 01:00", &deadline).unwrap();
        let seen = look();
        assert!(seen.under_way.as_ref().unwrap().contains("gpu-bind detach 01:00, pid "), "{seen:?}");
        assert_eq!((seen.state, seen.is_consistent()), (State::Vfio, true));
        assert!(seen.problems[0].starts_with("a move is under way (gpu-bind detach): "), "{:?}", seen.problems);
        drop(locks);
        unit.lock_names().iter().for_each(|name| lock::tests::freed(host, name));
        let seen = look();
        assert_eq!((seen.is_abandoned(), seen.is_consistent()), (true, false));
        assert_eq!(seen.problems, ["a move began and was not finished (gpu-bind detach)"]);
        record.done = true;
        record.save(host, &unit).unwrap();
        assert!(look().is_consistent());
    }
}
