//! The host's end of the network: taps, what they are plugged into, and errors as rates.

use super::{Case, Found, clean, qemu::is_passing};
use crate::{
    config::probe::Limits,
    probe::{
        evidence::{NicReading, Path},
        verdict::{Status, Symptom},
    },
};

/// Looks at the cards of a VM that is on.
pub(super) fn look(case: &Case, limits: &Limits, found: &mut Found) {
    let Some(fast) = case.fast else { return };
    let Some(nics) = fast.nics.get() else {
        if let Some(why) = fast.nics.reason().filter(|_| has_nics(case)) {
            found.note(format!("its network cards are not known: {}", clean(why)));
        }
        return;
    };
    let unplugged = case.deep.and_then(|deep| deep.unplugged.get()).map(Vec::as_slice).unwrap_or_default();
    let (out, plugged): (Vec<_>, Vec<_>) = nics.iter().partition(|nic| nic.link_down || unplugged.contains(&nic.key));
    // While QEMU comes or goes, or PVE is at work, its links do as well.
    if let Some(why) = excused(case) {
        for (_, text) in plugged.iter().filter_map(|nic| broken(nic)) {
            found.note(format!("{text}; no failure while {why}"));
        }
        return;
    }
    for nic in out {
        found.note(format!("the cable of {} is unplugged", clean(&nic.key)));
    }
    let broken: Vec<_> = plugged.iter().filter_map(|nic| broken(nic)).collect();
    // One that is cut off altogether does not work; one that has another way does.
    let status = if broken.len() == plugged.len() { Status::Unhealthy } else { Status::Degraded };
    for (symptom, text) in broken {
        let next = next(case, &symptom);
        found.ill(symptom, status, text, next);
    }
    // A guest that does not run reads nothing, and what it does not read is dropped.
    if case.run_state().is_none_or(|state| state == "running") {
        for nic in plugged {
            errors(nic, limits, found);
        }
    }
}

/// Why what is wrong with its links does not count just now.
fn excused(case: &Case) -> Option<String> {
    let passing = || Some(format!("its state is {}", case.run_state().filter(|state| is_passing(state))?));
    // The words of its lock are a note already.
    let work = case.at_work().map(|_| match &case.instance.lock {
        Some(lock) => format!("PVE has it locked ({})", clean(lock)),
        None => "PVE is at work on it".to_owned(),
    });
    work.or_else(passing)
}

fn has_nics(case: &Case) -> bool {
    case.instance.hardware.as_ref().is_some_and(|hardware| !hardware.nics.is_empty())
}

/// What is wrong with the way from one card to its bridge: the first thing from the guest's side.
fn broken(nic: &NicReading) -> Option<(Symptom, String)> {
    let (key, tap) = (clean(&nic.key), clean(&nic.tap));
    if nic.present.get() == Some(&false) {
        return Some((Symptom::TapGone(tap.clone()), format!("{key}: its interface {tap} is missing")));
    }
    if nic.up.get() == Some(&false) {
        let text = format!("{key}: its interface {tap} is down, or QEMU is not at its other end");
        return Some((Symptom::InterfaceDown(tap), text));
    }
    let is_bridge = |name: &str| nic.bridge.as_deref() == Some(name);
    match nic.path.get()? {
        Path::Whole => None,
        Path::NoPort { interface, bridge } => {
            let (interface, bridge) = (clean(interface), clean(bridge));
            let text = format!("{key}: {interface} is no port of its bridge {bridge}");
            Some((Symptom::NoPort(interface), text))
        }
        Path::Down(name) if is_bridge(name) => {
            let name = clean(name);
            Some((Symptom::BridgeDown(name.clone()), format!("{key}: its bridge {name} is down")))
        }
        Path::Down(name) => {
            let name = clean(name);
            Some((Symptom::InterfaceDown(name.clone()), format!("{key}: {name} is down, on the way to its bridge")))
        }
        Path::Missing(name) if *name == nic.tap => {
            Some((Symptom::TapGone(tap.clone()), format!("{key}: its interface {tap} is missing")))
        }
        Path::Missing(name) => {
            let name = clean(name);
            let what = if is_bridge(&name) { "its bridge" } else { "on the way to its bridge," };
            Some((Symptom::BridgeDown(name.clone()), format!("{key}: {what} {name} is missing")))
        }
    }
}

fn next(case: &Case, symptom: &Symptom) -> Option<String> {
    match symptom {
        Symptom::InterfaceDown(name) => Some(format!("ip link set {name} up")),
        Symptom::NoPort(_) => case.recover(),
        Symptom::BridgeDown(name) if name.starts_with("fw") => case.recover(),
        Symptom::BridgeDown(name) => Some(format!("ifup {name}")),
        // QEMU holds an end that leads nowhere; only a new one helps.
        Symptom::TapGone(_) => case.qm("reboot"),
        _ => None,
    }
}

fn errors(nic: &NicReading, limits: &Limits, found: &mut Found) {
    let Some(rates) = nic.rates.get() else { return };
    let tap = clean(&nic.tap);
    let (errors, drops) = (rates.errors > limits.errors_per_second, rates.dropped > limits.drops_per_second);
    if errors || drops {
        let text = format!(
            "{tap}: {:.1} errors and {:.1} dropped packets a second (limits {} and {})",
            rates.errors, rates.dropped, limits.errors_per_second, limits.drops_per_second
        );
        let next = Some(format!("ip -s link show {tap}"));
        found.ill(Symptom::NetworkErrors(tap), Status::Degraded, text, next);
    }
}
