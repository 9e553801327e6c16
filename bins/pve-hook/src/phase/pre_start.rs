//! Before QEMU starts: every passed-through unit goes to vfio-pci, all of them or none.

use crate::guard;
use anyhow::{Context, Result};
use passthrough::{
    coral::configuration::fragile,
    deadline::Deadline,
    fault::{Code, Fault},
    gpu::{
        attach::attach,
        detach::{Consent, Outcome, detach, may_detach},
        holders::vfio_holders,
        operation::{self, Operation},
        policy::being_started,
        record::{Record, now, recorded},
        target::ours,
        unit::Unit,
        world::LazyWorld,
    },
    pve::{self, Passthrough, VmConfig, reservations::Reservation},
    session::Session,
    sysfs::Access,
    usb,
};
use std::time::Duration;

/// How long each unit may take to go back.
const ROLLBACK: Duration = Duration::from_secs(10);

/// Takes what the VM needs.
pub fn run(session: &Session, config: &VmConfig) -> Result<()> {
    config.warnings.iter().for_each(|warning| session.log.warn(warning));
    let world = LazyWorld::new(&session.host);
    let units = choose(session, config, &world)?;
    if !units.is_empty() {
        session.require_root()?;
        guard::leave(session, config.vmid);
        let lock = |units: &[Unit]| operation::lock(session, units, &format!("pre-start {}", config.vmid));
        let free = |units: &[Unit], access| still_free(session, config.vmid, units).map(|()| access);
        let locked = lock(&units);
        let waited_in_vain = locked.is_err();
        match locked.and_then(|access| free(&units, access)) {
            Ok(access) => take(session, config.vmid, units, &world, access)?,
            // Somebody was quicker; there may be an alternative, and what is known of the VMs is out of date.
            Err(error) if Fault::code_of(&error) == Code::Busy => {
                let world = LazyWorld::new(&session.host);
                let others = choose(session, config, &world)?;
                if waited_in_vain && others == units {
                    return Err(error);
                }
                let access = lock(&others).and_then(|access| free(&others, access))?;
                take(session, config.vmid, others, &world, access)?;
            }
            Err(error) => return Err(error),
        }
    }
    for line in usb::prepare(session, config)?.into_iter().chain(fragile(&session.host, config)) {
        session.log.warn(&format!("VM {}: {line}", config.vmid));
    }
    Ok(())
}

/// The units to take: for each device the first alternative that nobody else has. Nothing is changed here.
fn choose(session: &Session, config: &VmConfig, world: &LazyWorld) -> Result<Vec<Unit>> {
    let devices = pve::passthroughs(&session.host, config)?;
    let reserved = pve::reservations::reservations(&session.host).unwrap_or_default();
    let mut chosen: Vec<Unit> = Vec::new();
    for device in devices.iter().filter(|device| !device.keep && !device.mdev) {
        if let Some(missing) = device.missing.first() {
            return Fault::problem(format!("VM {} {}: {missing} is not on the PCI bus", config.vmid, device.key))
                .next(format!(
                    "echo 1 > /sys/bus/pci/rescan   # where that does not bring it back: qm set {} --delete {}",
                    config.vmid, device.key
                ))
                .fail();
        }
        let units = first_free(session, config.vmid, device, world, &reserved)?;
        chosen
            .extend(units.into_iter().filter(|unit| !chosen.iter().any(|c| c.key() == unit.key())).collect::<Vec<_>>());
    }
    Ok(chosen)
}

fn first_free(
    session: &Session,
    vmid: u32,
    device: &Passthrough,
    world: &LazyWorld,
    reserved: &[Reservation],
) -> Result<Vec<Unit>> {
    let mut obstacle = Ok(());
    for functions in &device.alternatives {
        let mut units: Vec<Unit> = Vec::new();
        for unit in functions.iter().filter_map(|address| ours(session, *address)) {
            if !units.iter().any(|u| u.key() == unit.key()) {
                units.push(unit);
            }
        }
        match units.iter().try_for_each(|unit| free(session, vmid, unit, world, reserved)) {
            Ok(()) => return Ok(units),
            Err(error) => obstacle = obstacle.and(Err(error)),
        }
    }
    obstacle.map(|()| Vec::new()).with_context(|| format!("VM {vmid} {}", device.key))
}

/// Fails when another VM has the unit, is being given it, or has it reserved with PVE.
fn free(session: &Session, vmid: u32, unit: &Unit, world: &LazyWorld, reserved: &[Reservation]) -> Result<()> {
    let gpu = unit.address;
    operation::require_sight(session, std::slice::from_ref(unit))?;
    let other = world.vms.iter().find(|vm| vm.vmid != vmid && vm.runs_with(unit));
    if let Some(vm) = other {
        let pid = vm.pid.unwrap_or_default();
        return busy(&format!("{gpu} is in use by {}, pid {pid}", vm.title()), vm.vmid);
    }
    let holder = vfio_holders(&session.host, std::slice::from_ref(unit)).one()?;
    if let Some(holder) = holder.filter(|holder| holder.vmid != Some(vmid)) {
        let next = holder.vmid.map_or_else(|| format!("ps -fp {}", holder.pid), |vmid| format!("qm stop {vmid}"));
        return Fault::busy(format!("{gpu} is held by {}; nothing was changed", holder.title(world))).next(next).fail();
    }
    let record = Record::load(&session.host, unit);
    if let Some(pid) = being_started(session, unit, &record, world).filter(|_| record.vmid != Some(vmid)) {
        let other = record.vmid.unwrap_or_default();
        return busy(&format!("{gpu} was just taken for VM {other}, which is being started (pid {pid})"), other);
    }
    let claim = reserved
        .iter()
        .find(|r| r.vmid != vmid && unit.functions.contains(&r.address) && r.is_current(&session.host, now()));
    match claim {
        Some(claim) => busy(&format!("{gpu} is reserved with PVE for VM {}", claim.vmid), claim.vmid),
        None => Ok(()),
    }
}

/// Again under the lock: between the choice and the lock, another VM's pre-start may have taken a unit.
fn still_free(session: &Session, vmid: u32, units: &[Unit]) -> Result<()> {
    let another = |unit: &&Unit| Record::load(&session.host, unit).vmid.is_some_and(|taken| taken != vmid);
    let doubtful: Vec<&Unit> = units.iter().filter(another).collect();
    if doubtful.is_empty() {
        return Ok(());
    }
    let world = LazyWorld::new(&session.host);
    let reserved = pve::reservations::reservations(&session.host).unwrap_or_default();
    doubtful.into_iter().try_for_each(|unit| free(session, vmid, unit, &world, &reserved))
}

fn busy<T>(what: &str, vmid: u32) -> Result<T> {
    Fault::busy(format!("{what}; nothing was changed")).next(format!("qm stop {vmid}")).fail()
}

/// All units, or none: what was taken before one that fails goes back.
fn take(session: &Session, vmid: u32, units: Vec<Unit>, world: &LazyWorld, mut access: Access) -> Result<()> {
    // The VM's configuration is the consent to take the console as well.
    let consent = Consent { openers: false, console: true };
    let mut taken = Vec::new();
    for unit in units.iter().filter(|_| units.len() > 1) {
        may_detach(&mut Operation::new(session, &mut access, unit.clone(), "pre-start"), &[], consent)?;
    }
    for unit in units {
        let mut op = Operation::new(session, &mut access, unit.clone(), "pre-start");
        match detach(&mut op, Some(vmid), consent) {
            Ok(Outcome::Changed) => taken.push(unit),
            Ok(Outcome::Unchanged) => session.log.detail(&format!("{} is on vfio-pci already", unit.address)),
            Err(error) => {
                give_back(session, &mut access, taken, world);
                return Err(error);
            }
        }
    }
    Ok(())
}

fn give_back(session: &Session, access: &mut Access, units: Vec<Unit>, world: &LazyWorld) {
    for unit in units.into_iter().rev() {
        let address = unit.address;
        let mut op = Operation::new(session, access, unit, "rollback");
        // In time of its own: what was taken goes back also when the time for taking is over.
        op.deadline = Deadline::after(ROLLBACK);
        if op.is_stuck() {
            session
                .log
                .warn(&format!("{address} stays on vfio-pci: the kernel does not answer; next: gpu-bind reconcile"));
        } else if let Err(error) = attach(&mut op, world, Duration::ZERO, Consent::default()) {
            session.log.warn(&format!("{address} could not be given back: {error:#}; next: gpu-bind reconcile"));
        }
    }
}

/// Returns whatever was taken for this VM.
pub fn undo(session: &Session, vmid: u32) {
    let taken = recorded(&session.host).into_iter().filter(|(_, record)| record.vmid == Some(vmid));
    let units: Vec<Unit> = taken.map(|(unit, _)| ours(session, unit.address).unwrap_or(unit)).collect();
    match operation::lock_within(session, &units, &format!("rollback {vmid}"), &Deadline::after(ROLLBACK)) {
        Ok(mut access) => give_back(session, &mut access, units, &LazyWorld::new(&session.host)),
        Err(error) => session.log.warn(&format!("{error:#}; next: gpu-bind reconcile")),
    }
}
