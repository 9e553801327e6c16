//! What is left to do once a unit is verified on the host.

use super::{
    baseline::Baseline,
    console,
    observe::Observation,
    operation::Operation,
    plan::{self, Step},
    units,
    verdict::{State, judge},
};
use crate::{deadline::Deadline, fault::Fault, pci::Address, tree};
use anyhow::Result;
use std::time::Duration;

/// Overrides that have to be cleared; one that driverctl keeps on purpose stays.
pub fn overridden(op: &Operation, seen: &Observation) -> Vec<Address> {
    let kept = |address: &Address| tree::exists(&op.session.host.driverctl_d().join(address.to_string()));
    let set = seen.functions.iter().filter(|f| f.driver_override.is_some() && !kept(&f.address));
    set.map(|f| f.address).collect()
}

/// Once it is verified: no override, power as before, consoles and units back, snapshot kept, record gone.
pub fn settle(op: &mut Operation, seen: &Observation) -> Result<()> {
    let originals = op.record.originals.iter();
    let power = originals.map(|(address, o)| (*address, (o.power_control.clone(), o.d3cold_allowed.clone()))).collect();
    let host = &op.session.host;
    let consoles: Vec<_> =
        op.record.unbound_consoles.iter().filter(|name| !console::is_bound(host, name)).cloned().collect();
    let overrides = overridden(op, seen);
    let steps: Vec<Step> = plan::settle(&overrides, &power, &consoles);
    op.take(&steps)?;
    for address in &overrides {
        if op.driver_override(*address)?.is_none() {
            continue;
        }
        return Fault::problem(format!("{address} is on the host, but its driver_override could not be cleared"))
            .next(format!("echo > /sys/bus/pci/devices/{address}/driver_override"))
            .fail();
    }
    let mut now = seen.clone();
    now.functions.iter_mut().filter(|f| overrides.contains(&f.address)).for_each(|f| f.driver_override = None);
    keep_baseline(op, &now);
    let stopped = op.record.stopped_units.clone();
    // The GPU is back whatever becomes of the units, and these have their own time.
    let own = Duration::from_secs(10);
    let deadline = if op.deadline.remaining() < own { Deadline::after(own) } else { op.deadline };
    let started = units::start(op.session, &stopped, &deadline);
    op.forget();
    started
}

/// Keeps the snapshot of a unit that works on the host. A disk that is full stops nothing.
pub fn keep_baseline(op: &Operation, seen: &Observation) {
    if op.session.dry_run || judge(seen).0 != State::Host {
        return;
    }
    if let Err(error) = Baseline::take(&op.session.host, &op.unit, seen).keep(&op.session.host, &op.unit) {
        op.session.log.warn(&format!("the baseline was not kept: {error:#}"));
    }
}
