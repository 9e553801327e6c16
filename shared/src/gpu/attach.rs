//! From vfio-pci, or from wherever it is stuck, back to the host: verified, with one full cycle when that fails.

use super::{
    detach::{Consent, Outcome},
    drivers::{load_modules, load_vfio},
    leftover::{self, forgettable},
    observe::Observation,
    operation::{Operation, require_answer},
    plan,
    policy::{self, WantedDrivers},
    record::Side,
    refuse::nobody_has_it_open,
    release::{current_holder, wait_until_released},
    revive,
    settle::{keep_baseline, overridden, settle},
    verdict::{State, judge},
    verify::Verifier,
    world::LazyWorld,
};
use crate::{
    fault::Fault,
    pci::{Address, Device},
};
use anyhow::Result;
use std::{collections::BTreeMap, time::Duration};

/// Moves a unit to the host. A VM that holds it is waited for as long as `patience`, and never overridden.
pub fn attach(op: &mut Operation, world: &LazyWorld, patience: Duration, consent: Consent) -> Result<Outcome> {
    let mut seen = op.observe()?;
    let (state, problems) = judge(&seen);
    if state == State::Wedged {
        let holder =
            current_holder(op).ok().flatten().map(|h| format!("; held by {}", h.title(world))).unwrap_or_default();
        return Fault::wedged(format!("{}{holder}", problems.join("; ")))
            .next(format!("gpu-bind doctor {}", op.unit.address))
            .fail();
    }
    require_answer(op, &seen)?;
    wait_until_released(op, world, patience)?;
    let lost = state == State::Lost;
    if lost {
        // A reset or a removal is an unbind to whoever has it open.
        nobody_has_it_open(op.session, &op.unit, consent)?;
        revive::revive(op, &seen)?;
        seen = op.observe()?;
    }
    let moves_host_users = seen.functions.iter().any(|f| f.host_driver().is_some()) && state != State::Host;
    if moves_host_users && wrong_host_driver(op, &seen)? {
        nobody_has_it_open(op.session, &op.unit, consent)?;
    }
    to_host(op, seen, lost)
}

/// What a person asks for: the same, and for a unit that is there already, that it also stays there when it is probed again.
pub fn attach_for_good(op: &mut Operation, world: &LazyWorld, consent: Consent) -> Result<Outcome> {
    let outcome = attach(op, world, Duration::ZERO, consent)?;
    if outcome == Outcome::Changed {
        return Ok(outcome);
    }
    let seen = op.observe()?;
    leftover::forget(op, &seen)
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
pub fn to_host(op: &mut Operation, mut seen: Observation, afresh: bool) -> Result<Outcome> {
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
        op.try_save();
        if afresh && seen.functions.iter().any(|f| f.host_driver().is_some()) {
            through_vfio(op, &seen)?;
            seen = op.observe()?;
        }
        let moved = move_and_verify(op, &seen, &wanted, &verifier);
        seen = moved.inspect_err(|error| op.remember(&format!("attach failed: {error:#}")))?;
    }
    settle(op, &seen)?;
    op.done("attached: on its host drivers, verified");
    Ok(Outcome::Changed)
}

fn move_and_verify(
    op: &mut Operation,
    seen: &Observation,
    wanted: &WantedDrivers,
    verifier: &Verifier,
) -> Result<Observation> {
    let error = match move_once(op, seen, wanted, verifier) {
        Err(error) => error,
        moved => return moved,
    };
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

fn move_once(
    op: &mut Operation,
    seen: &Observation,
    wanted: &WantedDrivers,
    verifier: &Verifier,
) -> Result<Observation> {
    let names: BTreeMap<Address, Option<String>> =
        wanted.iter().map(|(address, want)| (*address, want.as_ref().and_then(|w| w.driver.clone()))).collect();
    let steps = plan::to_host(&seen.functions, &names, &forgettable(op, seen));
    op.take_all(&steps)?;
    if op.session.dry_run { op.observe() } else { verifier.wait(op, wanted) }
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
