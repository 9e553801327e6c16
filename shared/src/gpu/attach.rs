//! From vfio-pci, or from wherever it is stuck, back to the host: verified, with one full cycle when that fails.

use super::{
    baseline::Baseline,
    console,
    detach::{Consent, Outcome, load_vfio, nobody_has_it_open},
    holders::{self, vfio_holders},
    observe::Observation,
    operation::Operation,
    plan::{self, Step, VFIO},
    policy::{self, Wanted, WantedDrivers},
    record::Side,
    revive, units,
    verdict::{State, judge},
    verify::Verifier,
    world::World,
};
use crate::{
    command,
    deadline::Deadline,
    fault::Fault,
    host::Host,
    modules,
    pci::{Address, Device, devices, reserved},
    pve::config_lock,
};
use anyhow::{Context, Result};
use std::{collections::BTreeMap, thread, time::Duration};

/// Moves a unit to the host. A VM that holds it is waited for as long as `patience`, and never overridden.
pub fn attach(op: &mut Operation, world: &World, patience: Duration, consent: Consent) -> Result<Outcome> {
    let seen = op.observe()?;
    let (state, problems) = judge(&seen);
    if state == State::Wedged {
        let holder = current_holder(op).map(|h| format!("; held by {}", h.title(world))).unwrap_or_default();
        return Fault::wedged(format!("{}{holder}", problems.join("; ")))
            .next(format!("gpu-bind doctor {}", op.unit.address))
            .fail();
    }
    wait_until_released(op, world, patience)?;
    let lost = state == State::Lost;
    if lost {
        // A reset or a removal is an unbind to whoever has it open.
        nobody_has_it_open(op.session, &op.unit, consent)?;
        revive::revive(op, &seen)?;
    }
    let moves_host_users = seen.functions.iter().any(|f| f.host_driver().is_some()) && state != State::Host;
    if moves_host_users && wrong_host_driver(op, &seen)? {
        nobody_has_it_open(op.session, &op.unit, consent)?;
    }
    to_host(op, lost)
}

fn current_holder(op: &Operation) -> Option<holders::Holder> {
    vfio_holders(&op.session.host, std::slice::from_ref(&op.unit)).pop().flatten()
}

/// Nothing overrides a VM that holds the device: its unbind would wait in the kernel for ever.
pub fn wait_until_released(op: &Operation, world: &World, patience: Duration) -> Result<()> {
    let deadline = op.deadline.within(patience);
    let mut told = false;
    while let Some(holder) = current_holder(op) {
        let title = holder.title(world);
        if deadline.expired() {
            let stop = holder.vmid.map_or_else(|| format!("ps -fp {}", holder.pid), |vmid| format!("qm stop {vmid}"));
            return Fault::busy(format!("{} is held by {title}; nothing was changed", op.unit.address))
                .next(format!("{stop}   (then: gpu-bind reconcile)"))
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

fn wrong_host_driver(op: &Operation, seen: &Observation) -> Result<bool> {
    let wanted = policy::wanted_drivers(op.session, &op.unit, &op.record, &seen.functions)?;
    let wrong = |address: &Address, have: &str| {
        let want = wanted.get(address).and_then(|w| w.as_ref()?.driver.clone());
        want.is_some_and(|want| want != have)
    };
    Ok(seen.functions.iter().any(|f| f.host_driver().is_some_and(|have| wrong(&f.address, have))))
}

/// The move itself, once nobody holds the unit. After a reset, a driver that is still bound has to begin `afresh`.
pub fn to_host(op: &mut Operation, afresh: bool) -> Result<Outcome> {
    let mut seen = op.observe()?;
    let wanted = policy::wanted_drivers(op.session, &op.unit, &op.record, &seen.functions)?;
    let verifier = Verifier::new(op.session, &op.unit, &op.record);
    let at_home = verifier.problems(&seen, &wanted).is_empty() && judge(&seen).0 == State::Host;
    let settled = overridden(op, &seen).is_empty() && !op.record.exists();
    if at_home && settled && !afresh {
        keep_baseline(op, &seen);
        return Ok(Outcome::Unchanged);
    }
    if !at_home || afresh {
        let wanted = load_modules(op, wanted)?;
        remember_power(op, &seen);
        op.record.to = Some(Side::Host);
        op.record.done = false;
        op.save()?;
        if afresh && seen.functions.iter().any(|f| f.host_driver().is_some()) {
            through_vfio(op, &seen)?;
            seen = op.observe()?;
        }
        let moved = move_and_verify(op, &seen, &wanted, &verifier);
        moved.inspect_err(|error| op.remember(&format!("attach failed: {error:#}")))?;
    }
    let now = op.observe()?;
    settle(op, &now)?;
    op.done("attached: on its host drivers, verified");
    Ok(Outcome::Changed)
}

fn move_and_verify(op: &mut Operation, seen: &Observation, wanted: &WantedDrivers, verifier: &Verifier) -> Result<()> {
    let first = move_once(op, seen, wanted, verifier);
    let Err(error) = first else { return Ok(()) };
    if op.is_stuck() || op.deadline.expired() {
        return Err(error);
    }
    op.session.log.warn(&format!("{error:#}; trying one full cycle through vfio-pci"));
    if let Err(busy) = nobody_has_it_open(op.session, &op.unit, Consent::default()) {
        op.session.log.warn(&format!("no cycle: {busy:#}"));
        return Err(error);
    }
    let now = op.observe()?;
    let (state, problems) = judge(&now);
    if matches!(state, State::Wedged | State::Lost) {
        return Fault::problem(problems.join("; ")).next(format!("gpu-bind doctor {}", op.unit.address)).fail();
    }
    through_vfio(op, &now)?;
    let now = op.observe()?;
    move_once(op, &now, wanted, verifier)
}

fn through_vfio(op: &mut Operation, seen: &Observation) -> Result<()> {
    load_vfio(op.session)?;
    op.take(&plan::to_vfio(&seen.functions, &[]))
}

fn move_once(op: &mut Operation, seen: &Observation, wanted: &WantedDrivers, verifier: &Verifier) -> Result<()> {
    let names: BTreeMap<Address, Option<String>> =
        wanted.iter().map(|(address, want)| (*address, want.as_ref().and_then(|w| w.driver.clone()))).collect();
    let steps = plan::to_host(&seen.functions, &names, &forgettable(op, seen));
    op.take_all(&steps)?;
    if op.session.dry_run { Ok(()) } else { verifier.wait(op, wanted) }
}

/// The ids that vfio-pci may forget: PVE leaves them behind, and a re-probe would then go to vfio-pci. Not those of another
/// device that is on vfio-pci or that PVE is just binding, nor those that were reserved at boot: `remove_id` drops these as
/// well.
fn forgettable(op: &Operation, seen: &Observation) -> Vec<(u16, u16)> {
    let host = &op.session.host;
    let others: Vec<_> = devices(host).into_iter().filter(|address| !op.unit.functions.contains(address)).collect();
    let mut ids: Vec<_> = Vec::new();
    for f in seen.functions.iter().filter(|f| f.present) {
        let shared = others.iter().map(|other| Device::new(host, *other)).any(|other| {
            (other.vendor(), other.device_id()) == f.id
                && (other.driver().as_deref() == Some(VFIO) || is_being_bound(host, other.address))
        });
        if !shared && !ids.contains(&f.id) && reserved(host, &Device::new(host, f.address)).is_none() {
            ids.push(f.id);
        }
    }
    if host.pci_driver(VFIO).is_dir() { ids } else { Vec::new() }
}

/// Between PVE's `new_id` and its `bind`, the id must stay: the VM that names the device is locked then.
fn is_being_bound(host: &Host, address: Address) -> bool {
    let vms = World::load(host).vms;
    let mut naming = vms.iter().filter(|vm| vm.devices.iter().any(|d| d.functions().contains(&address)));
    naming.any(|vm| config_lock::locked_by(host, vm.vmid).is_some())
}

/// Loads the drivers that are not registered, and learns their names.
fn load_modules(op: &Operation, mut wanted: WantedDrivers) -> Result<WantedDrivers> {
    let host = &op.session.host;
    for (address, want) in &mut wanted {
        let Some(Wanted { driver, module }) = want else { continue };
        if driver.as_ref().is_some_and(|driver| host.pci_driver(driver).is_dir()) {
            continue;
        }
        let name = module.clone().or_else(|| driver.clone()).unwrap_or_default();
        if op.session.dry_run {
            op.session.would(&format!("run modprobe {name}"));
            continue;
        }
        let output = command::run(&["modprobe", "--", &name], op.deadline.remaining())?;
        output.check().with_context(|| format!("{address}: cannot load its host driver {name}"))?;
        if driver.is_none() {
            *driver = modules::drivers_of(host, &name).into_iter().next();
        }
        if driver.is_none() {
            return Fault::problem(format!("{address}: the module {name} registered no PCI driver"))
                .next(format!("name the driver in {}", host.config_file().display()))
                .fail();
        }
    }
    Ok(wanted)
}

/// Without a record of what it was, `d3cold_allowed` is restored to what it is now. `power/control` is not: vfio-pci sets it
/// to `auto` in its probe and to `on` in its remove (`vfio_pci_core_register_device`), and the host driver chooses its own.
fn remember_power(op: &mut Operation, seen: &Observation) {
    for f in seen.functions.iter().filter(|f| f.present) {
        let device = Device::new(&op.session.host, f.address);
        let original = op.record.originals.entry(f.address).or_default();
        if original.d3cold_allowed.is_none() {
            original.d3cold_allowed = device.attribute("d3cold_allowed");
        }
    }
}

/// Overrides that have to be cleared; one that driverctl keeps on purpose stays.
fn overridden(op: &Operation, seen: &Observation) -> Vec<Address> {
    let kept = |address: &Address| op.session.host.driverctl_d().join(address.to_string()).exists();
    let set = seen.functions.iter().filter(|f| f.driver_override.is_some() && !kept(&f.address));
    set.map(|f| f.address).collect()
}

/// Once it is verified: no override, power as before, consoles and units back, snapshot kept, record gone.
fn settle(op: &mut Operation, seen: &Observation) -> Result<()> {
    let originals = op.record.originals.iter();
    let power = originals.map(|(address, o)| (*address, (o.power_control.clone(), o.d3cold_allowed.clone()))).collect();
    let host = &op.session.host;
    let consoles: Vec<_> =
        op.record.unbound_consoles.iter().filter(|name| !console::is_bound(host, name)).cloned().collect();
    let steps: Vec<Step> = plan::settle(&overridden(op, seen), &power, &consoles);
    op.take(&steps)?;
    let now = op.observe()?;
    if let Some(address) = overridden(op, &now).first() {
        return Fault::problem(format!("{address} is on the host, but its driver_override could not be cleared"))
            .next(format!("echo > /sys/bus/pci/devices/{address}/driver_override"))
            .fail();
    }
    keep_baseline(op, &now);
    let stopped = op.record.stopped_units.clone();
    // The GPU is back whatever becomes of the units, and these have their own time.
    let deadline = if op.deadline.expired() { Deadline::after(Duration::from_secs(10)) } else { op.deadline };
    let started = units::start(op.session, &stopped, &deadline);
    if !op.session.dry_run {
        op.record.forget(&op.session.host, &op.unit)?;
    }
    started
}

fn keep_baseline(op: &Operation, seen: &Observation) {
    if op.session.dry_run || judge(seen).0 != State::Host {
        return;
    }
    if let Err(error) = Baseline::take(&op.session.host, &op.unit, seen).keep(&op.session.host, &op.unit) {
        op.session.log.warn(&format!("the baseline was not kept: {error:#}"));
    }
}
