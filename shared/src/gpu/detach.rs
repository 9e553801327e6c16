//! From the host to vfio-pci, verified, or back to where it was.

use super::{
    attach, console,
    drivers::load_vfio,
    observe::Observation,
    operation::{Operation, require_answer},
    plan,
    record::{Record, Side},
    refuse::{self, allowed, nobody_has_it_open, not_needed},
    settle::keep_baseline,
    unit::Unit,
    units,
    verdict::{State, judge},
};
use crate::{
    deadline::Deadline,
    fault::Fault,
    modules::{self, is_vfio},
    pci::Device,
};
use anyhow::Result;
use std::time::Duration;

/// What a caller consents to.
#[derive(Debug, Clone, Copy, Default)]
pub struct Consent {
    /// Proceed in spite of processes that have the GPU open on the host.
    pub openers: bool,
    /// Proceed although no other GPU stays on the host.
    pub console: bool,
}

/// Whether anything was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Moved.
    Changed,
    /// It was there already: verified, nothing written to the device.
    Unchanged,
}

/// Moves a unit to vfio-pci.
pub fn detach(op: &mut Operation, vmid: Option<u32>, consent: Consent) -> Result<Outcome> {
    let seen = op.observe()?;
    let (state, problems) = judge(&seen);
    if state != State::Wedged {
        require_answer(op, &seen)?;
    }
    match state {
        State::Wedged => return Fault::wedged(problems.join("; ")).next("gpu-bind doctor").fail(),
        State::Lost => {
            return Fault::problem(problems.join("; ")).next(format!("gpu-bind attach {}", op.unit.address)).fail();
        }
        State::Vfio => {
            note(op, vmid);
            return Ok(Outcome::Unchanged);
        }
        State::Host | State::Mixed | State::Unbound => {}
    }
    allowed(op.session, &op.unit, &seen, &[], consent)?;
    keep_baseline(op, &seen);
    let before = op.record.clone();
    remember_originals(op, &seen, vmid);
    if let Err(refusal) = clear_the_way(op, consent).and_then(|()| op.save()) {
        return stay(op, before, refusal);
    }
    let result = leave_host(op, &seen);
    match result {
        Ok(()) => {
            op.record.done = true;
            // The record of the way back was written before the first move; this one only says that it is finished.
            op.try_save();
            op.done("detached: every function is on vfio-pci");
            Ok(Outcome::Changed)
        }
        Err(error) if op.is_stuck() => Err(error),
        Err(error) => {
            roll_back(op);
            op.remember(&format!("detach failed: {error:#}"));
            Err(error)
        }
    }
}

/// Everything that would refuse a detach, without writing anything: asked for all units of a command before the first moves.
/// `leaving` are those that leave the host with it.
pub fn may_detach(op: &mut Operation, leaving: &[Unit], consent: Consent) -> Result<()> {
    let seen = op.observe()?;
    if matches!(judge(&seen).0, State::Vfio | State::Wedged | State::Lost) {
        return Ok(());
    }
    allowed(op.session, &op.unit, &seen, leaving, consent)?;
    // What its units have open, they will close.
    if refuse::units(op.session, &op.unit).is_empty() {
        nobody_has_it_open(op.session, &op.unit, consent)
    } else {
        Ok(())
    }
}

/// The unit is on vfio-pci already; only whom it is for changes, and that what a crash cut off is finished.
fn note(op: &mut Operation, vmid: Option<u32>) {
    let finished = op.record.to == Some(Side::Vfio) && op.record.done;
    let known = vmid.is_none() || op.record.vmid == vmid;
    if known && (finished || !op.record.exists()) {
        return;
    }
    op.record.vmid = vmid.or(op.record.vmid);
    op.record.to = Some(Side::Vfio);
    op.record.done = true;
    op.try_save();
}

fn remember_originals(op: &mut Operation, seen: &Observation, vmid: Option<u32>) {
    let host = &op.session.host;
    op.record.to = Some(Side::Vfio);
    op.record.done = false;
    op.record.vmid = vmid;
    op.record.stuck = None;
    op.record.bridge = Device::new(host, op.unit.address).upstream();
    for f in &seen.functions {
        let known = op.record.originals.entry(f.address).or_default();
        // A vfio driver is never an original: recording it would destroy the way back.
        if let Some(driver) = f.host_driver() {
            known.driver = Some(driver.to_owned());
            known.module = modules::module_of_driver(host, driver);
            known.sound = !f.sound.is_empty();
            let device = Device::new(host, f.address);
            let (control, d3cold) = (device.attribute("power/control"), device.attribute("d3cold_allowed"));
            // PVE binds without our lock: what is read after it has begun is vfio-pci's own.
            if device.driver().as_deref() == Some(driver) {
                known.power_control = known.power_control.take().or(control);
                known.d3cold_allowed = known.d3cold_allowed.take().or(d3cold);
            }
        }
    }
}

/// Stops the units that use it, and makes sure that nobody else does. Nothing of the device is written yet.
fn clear_the_way(op: &mut Operation, consent: Consent) -> Result<()> {
    let units = refuse::units(op.session, &op.unit);
    for unit in &units {
        if !units::is_active(op.session, unit)? {
            continue;
        }
        // On record before it is stopped: whatever happens then, it is started again.
        if !op.record.stopped_units.contains(unit) {
            op.record.stopped_units.push(unit.clone());
            op.save()?;
        }
        units::stop(op.session, unit)?;
    }
    // A dry run stops none, so that it cannot tell what they leave.
    if !units.is_empty() && !op.session.dry_run {
        let own = op.unit.functions.iter().filter(|function| function.slot == op.unit.address.slot);
        let on_host =
            own.filter(|f| !Device::new(&op.session.host, **f).driver().is_some_and(|driver| is_vfio(&driver)));
        on_host.copied().try_for_each(|function| not_needed(op.session, &op.unit, function))?;
    }
    nobody_has_it_open(op.session, &op.unit, consent)
}

/// It stays where it is: what was stopped for it runs again, and the record says what it said before.
fn stay<T>(op: &mut Operation, before: Record, refusal: anyhow::Error) -> Result<T> {
    let stopped = std::mem::take(&mut op.record.stopped_units);
    let _ = units::start(op.session, &stopped, &Deadline::after(Duration::from_secs(10)));
    let saved = !stopped.is_empty();
    op.record = before;
    if saved && op.record.exists() {
        op.try_save();
    } else if saved {
        op.forget();
    }
    Err(refusal)
}

fn leave_host(op: &mut Operation, seen: &Observation) -> Result<()> {
    load_vfio(op.session)?;
    let consoles = console::to_unbind(&op.session.host, &op.unit);
    if !consoles.is_empty() {
        op.record.unbound_consoles.clone_from(&consoles);
        op.save()?;
    }
    op.take(&plan::to_vfio(&seen.functions, &consoles))?;
    if op.session.dry_run {
        return Ok(());
    }
    let now = op.observe()?;
    let (state, problems) = judge(&now);
    if state == State::Vfio && now.all_vfio() {
        return Ok(());
    }
    let drivers =
        now.functions.iter().map(|f| format!("{} on {}", f.address, f.driver.as_deref().unwrap_or("no driver")));
    let drivers = drivers.collect::<Vec<_>>().join(", ");
    let told: Vec<String> = std::iter::once(drivers).chain(problems).collect();
    Fault::problem(format!("not on vfio-pci after the move: {}", told.join("; ")))
        .next(format!("gpu-bind doctor {}", op.unit.address))
        .fail()
}

/// A move that failed half-way is undone, in time of its own.
fn roll_back(op: &mut Operation) {
    op.deadline = Deadline::after(Duration::from_secs(10));
    match op.observe().and_then(|seen| attach::to_host(op, seen, false)) {
        Ok(Outcome::Unchanged) => {}
        Ok(Outcome::Changed) => op.session.log.change(&format!("{}: the failed move was undone", op.unit.address)),
        Err(error) => {
            op.session.log.warn(&format!("{}: the failed move could not be undone: {error:#}", op.unit.address));
            op.session.log.warn("next: gpu-bind reconcile");
        }
    }
}
