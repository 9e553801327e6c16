//! Where a unit belongs, and with which driver.

use super::{
    baseline::Baseline,
    observe::Function,
    record::{Record, Side},
    unit::Unit,
    verdict::State,
    world::World,
};
use crate::{
    config::Return,
    fault::Fault,
    modules,
    pci::{Address, Device, reserved},
    pve,
    session::Session,
    tree,
};
use anyhow::Result;
use std::collections::BTreeMap;

/// The driver that a function gets on the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The driver's name below `/sys/bus/pci/drivers`; `None` when only its module is known yet.
    pub driver: Option<String>,
    /// The module to load when the driver is not registered.
    pub module: Option<String>,
}

/// Where each function goes; `None` for one that no driver of this kernel knows.
pub type WantedDrivers = BTreeMap<Address, Option<Wanted>>;

/// Where a unit belongs, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Belongs {
    /// The side.
    pub side: Side,
    /// The reason, for people.
    pub why: String,
}

/// Where a unit belongs now.
pub fn belongs(session: &Session, unit: &Unit, record: &Record, world: &World, state: State) -> Belongs {
    if let Some(vm) = world.user(unit) {
        return Belongs { side: Side::Vfio, why: format!("{} runs with it", vm.title()) };
    }
    if let Some(pid) = being_started(session, unit, record, world) {
        let vmid = record.vmid.unwrap_or_default();
        return Belongs { side: Side::Vfio, why: format!("VM {vmid} is being started (pid {pid} holds its lock)") };
    }
    let unknown = unsure(world, state);
    let unused = unknown.as_deref().unwrap_or(NO_VM);
    let rest = unless_used(session, unit, record, unused);
    if rest.side == Side::Vfio && state == State::Host {
        // Policies say what stays on vfio-pci; nothing but a VM takes a working GPU from the host.
        return Belongs { side: Side::Host, why: format!("it works on the host and {unused}") };
    }
    rest
}

/// That it is not known whether a VM runs with a unit, and why, if none is known to: what works with its host driver, none does.
pub fn unsure(world: &World, state: State) -> Option<String> {
    let why = world.unsure().filter(|_| state != State::Host)?;
    Some(format!("whether a VM runs with it is not known: {why}"))
}

const NO_VM: &str = "no VM runs with it";

/// Where a unit belongs while no VM uses it: the policy `return`.
pub fn at_rest(session: &Session, unit: &Unit, record: &Record) -> Belongs {
    unless_used(session, unit, record, NO_VM)
}

/// The same; `unused` is what is known of its use, in words.
fn unless_used(session: &Session, unit: &Unit, record: &Record, unused: &str) -> Belongs {
    let policy = session.config.device(unit.address).back.unwrap_or_default();
    let moved_from_host = record.originals.values().any(|original| original.driver.is_some());
    let (side, why) = match policy {
        Return::Host => (Side::Host, "return = \"host\"".into()),
        Return::Never => (Side::Vfio, "return = \"never\"".into()),
        Return::Auto if moved_from_host => (Side::Host, "it was on the host before".into()),
        Return::Auto => match reserved(&session.host, &Device::new(&session.host, unit.address)) {
            Some(place) => (Side::Vfio, format!("reserved for vfio-pci by {place}")),
            None if is_blacklisted(session, unit) => {
                (Side::Vfio, "every driver that knows it is blacklisted in modprobe.d".into())
            }
            None => (Side::Host, unused.into()),
        },
    };
    Belongs { side, why }
}

/// Who blacklists every driver of a GPU wants it kept off the host, unless one of them is loaded all the same.
fn is_blacklisted(session: &Session, unit: &Unit) -> bool {
    let host = &session.host;
    let modalias = Device::new(host, unit.address).modalias().unwrap_or_default();
    let candidates = modules::candidates(host, &modalias);
    let kept_off = |c: &modules::Candidate| c.blacklisted && modules::drivers_of(host, &c.module).is_empty();
    !candidates.is_empty() && candidates.iter().all(kept_off)
}

/// The process that is just starting the VM that the unit was moved for: between pre-start and QEMU, PVE holds the VM's lock.
pub fn being_started(session: &Session, unit: &Unit, record: &Record, world: &World) -> Option<i32> {
    let vmid = record.vmid.filter(|_| record.to == Some(Side::Vfio))?;
    // Where the configurations are away, the record alone says it.
    let names_it = world.unlisted || world.vm(vmid).is_some_and(|vm| vm.names(unit));
    names_it.then(|| pve::config_lock::locked_by(&session.host, vmid)).flatten()
}

/// PVE holds the lock of a VM that passes this unit and is not running: it is just being started or stopped.
pub fn being_changed(session: &Session, unit: &Unit, world: &World) -> Option<i32> {
    let mut resting = world.naming(unit).filter(|vm| vm.pid.is_none());
    resting.find_map(|vm| pve::config_lock::locked_by(&session.host, vm.vmid))
}

/// The host driver of each function: configured (for the slot only that of the display), else the one it has, else what it
/// was before, else what it last worked with, else what its modalias names.
pub fn wanted_drivers(session: &Session, unit: &Unit, record: &Record, seen: &[Function]) -> Result<WantedDrivers> {
    let baseline = Baseline::load(&session.host, unit);
    let mut wanted = BTreeMap::new();
    for function in seen {
        wanted.insert(function.address, wanted_driver(session, unit, record, baseline.as_ref(), function)?);
    }
    Ok(wanted)
}

/// The driver that each function has or would get on the host; none of those for which that is not known, as where its module
/// is not loaded and so has not told the name of its driver.
pub fn host_drivers(session: &Session, unit: &Unit, record: &Record, seen: &[Function]) -> BTreeMap<Address, String> {
    let baseline = Baseline::load(&session.host, unit);
    let wanted = |function: &Function| wanted_driver(session, unit, record, baseline.as_ref(), function).ok().flatten();
    seen.iter().filter_map(|function| Some((function.address, wanted(function)?.driver?))).collect()
}

fn wanted_driver(
    session: &Session,
    unit: &Unit,
    record: &Record,
    baseline: Option<&Baseline>,
    function: &Function,
) -> Result<Option<Wanted>> {
    let host = &session.host;
    let named = |driver: String, module: Option<String>| Some(Wanted { driver: Some(driver), module });
    if let Some(driver) = session.config.host_driver(function.address, function.address == unit.address) {
        let module = Some(driver.clone());
        return Ok(named(driver, module));
    }
    if let Some(driver) = function.host_driver() {
        return Ok(named(driver.to_owned(), None));
    }
    if let Some(original) = record.originals.get(&function.address)
        && let Some(driver) = &original.driver
    {
        return Ok(named(driver.clone(), original.module.clone()));
    }
    let before = baseline.and_then(|b| b.functions.get(&function.address)).and_then(|f| f.driver.clone());
    if let Some(driver) = before.filter(|driver| tree::is_dir(&host.pci_driver(driver))) {
        return Ok(named(driver, None));
    }
    by_modalias(session, function)
}

/// What the kernel's module index names for the device; a driver that is already loaded comes first.
fn by_modalias(session: &Session, function: &Function) -> Result<Option<Wanted>> {
    let host = &session.host;
    let modalias = Device::new(host, function.address).modalias().unwrap_or_default();
    let candidates: Vec<String> = modules::candidates(host, &modalias).into_iter().map(|c| c.module).collect();
    let driver_of = |module: &String| modules::drivers_of(host, module).into_iter().next();
    if let Some((module, driver)) = candidates.iter().find_map(|m| Some((m, driver_of(m)?))) {
        return Ok(Some(Wanted { driver: Some(driver), module: Some(module.clone()) }));
    }
    match candidates.first() {
        Some(module) => Ok(Some(Wanted { driver: None, module: Some(module.clone()) })),
        None if modules::known(host) => Ok(None),
        None => Fault::problem(format!(
            "{}: cannot tell its host driver: no record, and no module index in {}",
            function.address,
            host.module_indexes().display()
        ))
        .next(format!(
            "name it in {}: [gpu.\"{}\"] host_driver = \"…\"",
            host.config_file().display(),
            function.address
        ))
        .fail(),
    }
}
