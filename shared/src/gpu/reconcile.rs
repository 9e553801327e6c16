//! Brings every unit to where it belongs: what the hooks missed, or a crash left half-way, is healed here.

use super::{
    attach::attach,
    detach::{Consent, Outcome, detach},
    holders::vfio_holders,
    observe::observe,
    operation::{self, Operation},
    policy::{being_changed, being_started, belongs},
    record::{Record, Side, recorded},
    release::wait_until_released,
    target::ours,
    unit::Unit,
    verdict::{State, judge},
    world::{LazyWorld, World},
};
use crate::{fault::Fault, pve, session::Session, sysfs::Access};
use anyhow::Result;
use serde::Serialize;
use std::time::Duration;

/// What became of one unit.
#[derive(Debug, Serialize)]
pub struct Healed {
    /// The unit's name.
    pub address: crate::pci::Address,
    /// Where it belongs.
    pub belongs: Side,
    /// Why.
    pub why: String,
    /// `unchanged`, `returned`, `detached`, `left alone`, `failed`.
    pub result: &'static str,
    /// What went wrong.
    pub error: Option<String>,
    /// The exit code that it stands for.
    #[serde(skip)]
    pub code: u8,
}

/// Every unit that reconcile answers for: what a VM passes through, and what has a record.
pub fn concerned(session: &Session, world: &World) -> Vec<Unit> {
    let mut units: Vec<Unit> = Vec::new();
    let passed = world.vms.iter().flat_map(|vm| vm.devices.iter().flat_map(pve::Passthrough::functions));
    let recorded = recorded(&session.host).into_iter().map(|(unit, _)| unit);
    let found = passed.filter_map(|address| ours(session, address)).chain(recorded);
    for unit in found {
        if !units.iter().any(|u| u.key() == unit.key()) {
            units.push(unit);
        }
    }
    units
}

/// Heals one unit; an error is its result and ends nothing else.
pub fn heal(session: &Session, unit: &Unit, world: &LazyWorld) -> Healed {
    let record = Record::load(&session.host, unit);
    let mut healed = Healed {
        address: unit.address,
        belongs: Side::Host,
        why: String::new(),
        result: "unchanged",
        error: None,
        code: 0,
    };
    if let Err(error) = try_heal(session, unit, world, &record, &mut healed) {
        healed.result = "failed";
        if healed.why.is_empty() {
            healed.why = "not looked at".into();
        }
        healed.code = Fault::code_of(&error).number();
        let next = Fault::of(&error).and_then(|f| f.next.clone()).map(|n| format!("; next: {n}")).unwrap_or_default();
        healed.error = Some(format!("{error:#}{next}"));
    }
    healed
}

fn try_heal(session: &Session, unit: &Unit, world: &LazyWorld, record: &Record, healed: &mut Healed) -> Result<()> {
    if let Some(pid) = being_started(session, unit, record, world).or_else(|| being_changed(session, unit, world)) {
        healed.belongs = record.to.unwrap_or(Side::Host);
        healed.why = format!("PVE starts or stops its VM at this moment (pid {pid})");
        healed.result = "left alone";
        return Ok(());
    }
    let mut access = operation::lock(session, std::slice::from_ref(unit), "reconcile")?;
    // Again under the lock: what was seen before may be over.
    let record = Record::load(&session.host, unit);
    let state = look(session, unit, &record, &mut access)?;
    let goal = belongs(session, unit, &record, world, state);
    healed.belongs = goal.side;
    healed.why.clone_from(&goal.why);
    // Put there by a person; what a hook took for a VM that is gone goes home.
    let by_hand = record.done && record.to == Some(Side::Vfio) && record.vmid.is_none();
    let deliberate = by_hand && world.naming(unit).next().is_none();
    if deliberate && world.user(unit).is_none() && state == State::Vfio {
        healed.belongs = Side::Vfio;
        healed.why = format!("no VM passes it through, and {} put it there", record.by);
        return Ok(());
    }
    let holder = vfio_holders(&session.host, std::slice::from_ref(unit)).one()?;
    if let Some(holder) = holder.filter(|_| state == State::Vfio) {
        healed.belongs = Side::Vfio;
        healed.why = format!("{} holds it", holder.title(world));
        return Ok(());
    }
    let mut op = Operation::new(session, &mut access, unit.clone(), "reconcile");
    let (outcome, side) = match goal.side {
        Side::Vfio => {
            let vmid = world.user(unit).map(|vm| vm.vmid);
            // The console went with the start of the VM; what is left of the GPU follows it.
            (detach(&mut op, vmid, Consent { openers: false, console: true })?, Side::Vfio)
        }
        Side::Host => (attach(&mut op, world, Duration::ZERO, Consent::default())?, Side::Host),
    };
    if outcome == Outcome::Changed {
        healed.result = match (side, session.dry_run) {
            (Side::Vfio, false) => "detached",
            (Side::Host, false) => "returned",
            (Side::Vfio, true) => "would be detached",
            (Side::Host, true) => "would be returned",
        };
    }
    Ok(())
}

fn look(session: &Session, unit: &Unit, record: &Record, access: &mut Access) -> Result<State> {
    let seen = observe(&session.host, unit, record, access, &session.deadline)?;
    Ok(judge(&seen).0)
}

/// Returns a unit after its VM has stopped, by its policy: the hook's way home.
pub fn go_home(op: &mut Operation, world: &LazyWorld, patience: Duration) -> Result<Outcome> {
    let goal = super::policy::at_rest(op.session, &op.unit, &op.record);
    if goal.side == Side::Vfio {
        op.session.log.info(&format!("{} stays on vfio-pci: {}", op.unit.address, goal.why));
        wait_until_released(op, world, patience)?;
        return Ok(Outcome::Unchanged);
    }
    attach(op, world, patience, Consent::default())
}
