//! What a person means by `01:00`, `vm:111` or `all`.

use super::{
    baseline,
    record::recorded,
    unit::{Unit, gpu_named, gpus},
};
use crate::{
    fault::Fault,
    host::Host,
    pci::{Address, Device, Prefix},
    pve,
    session::Session,
};
use anyhow::Result;
use std::{collections::BTreeSet, fmt, str::FromStr};

/// A target as it is typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A slot, or any function of it.
    Prefix(Prefix),
    /// Whatever the configuration of a VM passes through.
    Vm(u32),
    /// Every GPU.
    All,
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "all" {
            return Ok(Self::All);
        }
        if let Some(vmid) = text.strip_prefix("vm:") {
            return vmid.parse().map(Self::Vm).map_err(|_| format!("{vmid:?} is no VMID (expected vm:111)"));
        }
        if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(format!("did you mean vm:{text}?"));
        }
        text.parse().map(Self::Prefix).map_err(|e| format!("{e}, vm:VMID or all"))
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Prefix(prefix) => prefix.fmt(f),
            Self::Vm(vmid) => write!(f, "VM {vmid}"),
            Self::All => f.write_str("all"),
        }
    }
}

/// The units that targets name, each once. No target means all.
pub fn resolve(session: &Session, targets: &[Target]) -> Result<Vec<Unit>> {
    let mut units = Vec::new();
    for target in if targets.is_empty() { &[Target::All] } else { targets } {
        let found = match target {
            Target::Prefix(prefix) => vec![named(session, *prefix)?],
            Target::Vm(vmid) => of_vm(session, *vmid)?,
            Target::All => every_gpu(&session.host),
        };
        for unit in found {
            if !units.iter().any(|u: &Unit| u.address == unit.address) {
                units.push(unit);
            }
        }
    }
    Ok(units)
}

/// Every GPU that is there, and those that were there in this boot and have vanished.
pub fn every_gpu(host: &Host) -> Vec<Unit> {
    let remembered = remembered(host);
    let mut units: Vec<Unit> = gpus(host).into_iter().map(|unit| completed(host, unit, &remembered)).collect();
    for unit in remembered {
        if is_vanished(host, &unit) && !units.iter().any(|u| u.address.slot == unit.address.slot) {
            units.push(unit);
        }
    }
    units.sort_by_key(|unit| unit.address);
    units
}

/// Units that were seen in this boot: on record, or working on the host.
fn remembered(host: &Host) -> Vec<Unit> {
    let recorded = recorded(host).into_iter().map(|(unit, _)| unit);
    recorded.chain(baseline::known(host).into_iter().map(|(unit, _)| unit)).collect()
}

fn is_vanished(host: &Host, unit: &Unit) -> bool {
    !Device::new(host, unit.address).exists()
}

/// A unit with those of its functions that have vanished: it is not whole without them.
fn completed(host: &Host, unit: Unit, remembered: &[Unit]) -> Unit {
    let same = remembered.iter().filter(|other| other.address == unit.address);
    let gone: Vec<_> =
        same.flat_map(|other| other.functions.iter().copied()).filter(|f| !unit.functions.contains(f)).collect();
    if gone.is_empty() {
        return unit;
    }
    let functions: BTreeSet<_> = unit.functions.iter().copied().chain(gone).collect();
    Unit::of(host, unit.address, functions, unit.group)
}

fn named(session: &Session, prefix: Prefix) -> Result<Unit> {
    let host = &session.host;
    let remembered = remembered(host);
    match gpu_named(host, prefix) {
        Ok(unit) => Ok(completed(host, unit, &remembered)),
        Err(error) => {
            let mut gone = remembered.into_iter().filter(|unit| is_vanished(host, unit));
            gone.find(|unit| unit.functions.iter().any(|f| prefix.covers(*f))).ok_or(error)
        }
    }
}

/// The units that a VM's configuration passes through and that are ours to move: GPUs, and what config.toml names.
pub fn of_vm(session: &Session, vmid: u32) -> Result<Vec<Unit>> {
    let config = pve::load(&session.host, vmid)?;
    let mut units: Vec<Unit> = Vec::new();
    if config.template {
        return Ok(units);
    }
    for device in pve::passthroughs(&session.host, &config)? {
        if device.keep || device.mdev {
            session.log.detail(&format!("VM {vmid} {}: left to PVE (mdev or driver=keep)", device.key));
            continue;
        }
        if let Some(missing) = device.missing.first() {
            let remembered = remembered(&session.host);
            let mut gone = remembered.into_iter().filter(|unit| is_vanished(&session.host, unit));
            match gone.rfind(|unit| unit.address.slot == missing.slot) {
                Some(unit) => units.push(unit),
                None => {
                    return Fault::problem(format!("VM {vmid} {}: {missing} is not on the PCI bus", device.key))
                        .next("echo 1 > /sys/bus/pci/rescan   # or correct the VM's configuration")
                        .fail();
                }
            }
        }
        for address in device.alternatives.iter().flatten() {
            if !units.iter().any(|unit| unit.functions.contains(address)) {
                units.extend(ours(session, *address));
            }
        }
    }
    Ok(units)
}

/// The unit around a function, if it is ours to move.
pub fn ours(session: &Session, address: Address) -> Option<Unit> {
    let host = &session.host;
    if Device::new(host, address).is_virtual_function() {
        return None;
    }
    let remembered = remembered(host);
    let gone = remembered.iter().find(|unit| unit.functions.contains(&address) && is_vanished(host, unit));
    if let Some(unit) = gone {
        return Some(unit.clone());
    }
    let unit = Unit::around(host, address);
    let display = unit.functions.iter().copied().find(|f| Device::new(host, *f).is_display());
    match display {
        Some(display) => Some(completed(host, Unit { address: display, ..unit }, &remembered)),
        None => session.config.names_pci(address).then_some(unit),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read_as_typed() {
        assert_eq!("all".parse(), Ok(Target::All));
        assert_eq!("vm:111".parse(), Ok(Target::Vm(111)));
        assert_eq!("01:00".parse(), Ok(Target::Prefix("0000:01:00".parse().unwrap())));
        for text in ["", "vm:", "vm:-1", "vm:x", "ALL", "gpu", "01:00.9"] {
            assert!(text.parse::<Target>().is_err(), "{text}");
        }
    }
}
