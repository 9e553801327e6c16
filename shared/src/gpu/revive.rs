//! A device that is off the bus or answers only ones: from the least reset upwards, each checked by the device's identity.

use super::{
    observe::{Function, Observation},
    operation::Operation,
    record::recorded,
    verdict::{State, judge},
};
use crate::{
    fault::Fault,
    pci::{Address, Device},
    tree,
};
use anyhow::Result;
use std::{path::PathBuf, thread, time::Duration};

/// One way to bring a device back.
struct Rung {
    name: &'static str,
    file: PathBuf,
}

/// Tries to bring a lost unit back to the bus.
pub fn revive(op: &mut Operation, seen: &Observation) -> Result<()> {
    let bridge = Device::new(&op.session.host, op.unit.address).upstream().or(op.record.bridge);
    let mut tried = Vec::new();
    for rung in ladder(op, seen, bridge) {
        op.session.log.info(&format!("{} is lost; trying {}", op.unit.address, rung.name));
        match op.write(&rung.file, "1", |_| false) {
            Ok(()) => {}
            Err(error) if op.is_stuck() => return Err(error),
            Err(error) => {
                tried.push(format!("{}: {error:#}", rung.name));
                continue;
            }
        }
        if op.session.dry_run {
            continue;
        }
        if is_back(op)? {
            op.session.log.change(&format!("{} came back by {}", op.unit.address, rung.name));
            return Ok(());
        }
        tried.push(format!("{}: no effect", rung.name));
    }
    if op.session.dry_run {
        return Ok(());
    }
    let (_, problems) = judge(&op.observe()?);
    let tried = if tried.is_empty() { "nothing could be tried".into() } else { format!("tried {}", tried.join("; ")) };
    let what = format!("{}; {tried}", problems.join("; "));
    op.remember(&format!("lost: {what}"));
    Fault::problem(what).next("reboot the host; if that does not help, power it off and on").fail()
}

/// The rungs that harm nobody else.
fn ladder(op: &Operation, seen: &Observation, bridge: Option<Address>) -> Vec<Rung> {
    let host = &op.session.host;
    let device = |address: Address, name: &str| host.pci_device(address).join(name);
    let mut rungs = Vec::new();
    let present: Vec<&Function> = seen.functions.iter().filter(|f| f.present).collect();
    let all_there = present.len() == seen.functions.len();
    if all_there {
        rungs.push(Rung { name: "a function reset", file: device(op.unit.address, "reset") });
    }
    // Only when everything below the bridge is ours; and no other record may wait for the kernel, because a remove or a
    // rescan behind a hung unbind blocks everybody.
    let alone =
        bridge.filter(|bridge| Device::new(host, *bridge).below().iter().all(|f| op.unit.functions.contains(f)));
    let nothing_hangs = recorded(host).iter().all(|(_, record)| record.still_stuck(host).is_none());
    if let Some(bridge) = alone {
        if all_there {
            rungs
                .push(Rung { name: "a reset of the bus behind its bridge", file: device(bridge, "reset_subordinate") });
        }
        if nothing_hangs {
            rungs.extend(
                present.iter().rev().map(|f| Rung { name: "removal from the bus", file: device(f.address, "remove") }),
            );
        }
    }
    if nothing_hangs {
        let file = bridge.map(|bridge| device(bridge, "rescan")).filter(|file| tree::exists(file));
        rungs.push(Rung { name: "a rescan", file: file.unwrap_or_else(|| host.pci_rescan()) });
    }
    rungs.retain(|rung| tree::exists(&rung.file));
    rungs
}

fn is_back(op: &mut Operation) -> Result<bool> {
    for _ in 0..10 {
        let seen = op.observe()?;
        if !matches!(judge(&seen).0, State::Lost | State::Wedged) {
            return Ok(true);
        }
        if seen.functions.iter().any(|f| !f.present) {
            return Ok(false);
        }
        thread::sleep(Duration::from_millis(100).min(op.deadline.remaining()));
    }
    Ok(false)
}
