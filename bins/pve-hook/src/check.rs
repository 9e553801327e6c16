//! Says for each VM whether the hook is in place and whether its devices can be bound.

mod obstacles;

use crate::{chain::survey, own, register::script_is_there};
use anyhow::Result;
use obstacles::{consoles, go_along, obstacles};
use passthrough::{
    fault::Fault,
    gpu::{target::ours, unit::Unit},
    pci::Address,
    pve::{self, HostPci, UsbSource, VmConfig, mapping},
    session::Session,
    usb::Passed,
};
use serde::Serialize;
use serde_json::json;
use std::{collections::BTreeSet, path::Path};

#[derive(Serialize)]
struct Checked {
    vmid: u32,
    /// Unknown where the configuration cannot be read.
    registered: Option<bool>,
    /// The hookscript, where it is ours and can be run on this node; for people.
    #[serde(skip)]
    script: Option<String>,
    devices: Vec<Checkable>,
    problems: Vec<String>,
    /// What is no problem and good to know; for people.
    #[serde(skip)]
    notes: Vec<String>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Checkable {
    Pci {
        key: String,
        functions: Vec<Address>,
        driver: &'static str,
        mapping: Option<String>,
        /// What happens to it; for people.
        #[serde(skip)]
        fate: String,
    },
    Usb {
        key: String,
        host: String,
        mapping: Option<String>,
    },
}

/// Checks VMs; without a list, all that pass devices through or name our hook.
pub fn check(session: &Session, vmids: &[u32]) -> Result<u8> {
    pve::require_configs(&session.host)?;
    let mut checked = Vec::new();
    let broken = |vmid: u32, error: &anyhow::Error| Checked {
        vmid,
        registered: None,
        script: None,
        devices: Vec::new(),
        problems: vec![format!("{error:#}")],
        notes: Vec::new(),
    };
    let mut code = 0;
    if vmids.is_empty() {
        let (configs, errors) = pve::load_all(&session.host);
        let concerns = |c: &&VmConfig| c.has_passthrough() || own::is_hook_of(&session.host, c);
        checked.extend(configs.iter().filter(concerns).map(|config| one(session, config)));
        checked.extend(errors.iter().map(|(vmid, error)| broken(*vmid, error)));
        code = errors.first().map_or(0, |(_, error)| Fault::code_of(error).number());
        checked.sort_by_key(|c| c.vmid);
    }
    let mut told = BTreeSet::new();
    for vmid in vmids.iter().filter(|vmid| told.insert(**vmid)) {
        match pve::load(&session.host, *vmid) {
            Ok(config) => checked.push(one(session, &config)),
            Err(error) => {
                code = Fault::code_of(&error).number();
                checked.push(broken(*vmid, &error));
            }
        }
    }
    if code == 0 {
        code = u8::from(checked.iter().any(|c| !c.problems.is_empty()));
    }
    if session.output.is_json() {
        session.output.json(&json!({ "vms": checked }))?;
        return Ok(code);
    }
    let quiet = session.log.is_quiet();
    checked.retain(|c| !quiet || !c.problems.is_empty());
    if !quiet || !checked.is_empty() {
        session.output.text(&text(&checked));
    }
    Ok(code)
}

fn one(session: &Session, config: &VmConfig) -> Checked {
    let registered = own::is_hook_of(&session.host, config);
    let mut problems = config.warnings.clone();
    let mut runs = None;
    match config.hookscript.as_deref() {
        Some(volume) if registered => {
            let script = own::behind(&session.host, volume).unwrap_or_else(|| session.host.snippets().join("pve-hook"));
            match script_problem(session, &script) {
                Some(problem) => problems.push(problem),
                None => runs = Some(volume.to_owned()),
            }
            problems.extend(chain_problems(session, config.vmid));
        }
        Some(other) if config.has_passthrough() => {
            problems.push(format!("another hookscript is set: {other}; pve-hook register {} --chain", config.vmid));
        }
        None if config.has_passthrough() && !config.template => {
            problems.push(format!("not registered: pve-hook register {}", config.vmid));
        }
        _ => {}
    }
    let mut notes = Vec::new();
    let mut taken = Vec::new();
    let pci = |device| pci(session, config, device, &mut problems, &mut notes, &mut taken);
    let mut devices: Vec<_> = config.hostpci.iter().map(pci).collect();
    notes.extend(consoles(session, &taken));
    for usb in &config.usb {
        let name = match &usb.source {
            UsbSource::Mapping(name) => Some(name.clone()),
            _ => None,
        };
        let host = match &name {
            Some(name) => match mapping::usb_mapping(&session.host, name) {
                Ok(source) => source.to_string(),
                Err(error) => {
                    problems.push(format!("{}: {error:#}", usb.key));
                    String::new()
                }
            },
            None => usb.source.to_string(),
        };
        devices.push(Checkable::Usb { key: usb.key.clone(), host, mapping: name });
    }
    problems.extend(named_twice(session, config));
    Checked { vmid: config.vmid, registered: Some(registered), script: runs, devices, problems, notes }
}

/// Ports that two lines name: QEMU can give the device to one only.
fn named_twice(session: &Session, config: &VmConfig) -> Vec<String> {
    let mut seen: Vec<Passed> = Vec::new();
    let mut found = Vec::new();
    for passed in Passed::of(&session.host, config) {
        let Ok(UsbSource::Port { .. }) = passed.source else { continue };
        let key = &passed.usb.key;
        match seen.iter().find(|other| other.source == passed.source) {
            Some(other) => {
                let next = format!("qm set {} --delete {key}", config.vmid);
                found.push(format!("{key}: names the same port as {}; next: {next}", other.usb.key));
            }
            None => seen.push(passed),
        }
    }
    found
}

/// What keeps the hookscript from being run, or from doing anything.
fn script_problem(session: &Session, script: &Path) -> Option<String> {
    match script_is_there(session, script) {
        Ok(()) => own::foreign(&session.host, script),
        Err(error) => {
            let next = Fault::of(&error).and_then(|f| f.next.clone()).unwrap_or_default();
            Some(format!("{error:#}; PVE refuses to start the VM; next: {next}"))
        }
    }
}

/// What in hooks.d would fail before a start, and what is left out there.
fn chain_problems(session: &Session, vmid: u32) -> Vec<String> {
    let found = survey(&session.host, vmid);
    let broken = found.broken.into_iter().map(|fault| {
        let next = fault.next.clone().unwrap_or_default();
        format!("{fault}; the VM cannot be started; next: {next}")
    });
    broken.chain(found.warnings).collect()
}

fn pci(
    session: &Session,
    config: &VmConfig,
    device: &HostPci,
    problems: &mut Vec<String>,
    notes: &mut Vec<String>,
    taken: &mut Vec<(String, Unit)>,
) -> Checkable {
    // One at a time, so that a broken device does not hide the others.
    let alone = VmConfig { hostpci: vec![device.clone()], ..config.clone() };
    let mut functions = Vec::new();
    let mut fate = if device.keep { "driver=keep: left to PVE" } else { "no GPU: left to PVE" }.to_owned();
    match pve::passthroughs(&session.host, &alone) {
        Ok(resolved) => {
            for passthrough in resolved {
                problems
                    .extend(passthrough.missing.iter().map(|p| format!("{}: {p} is not on the PCI bus", device.key)));
                if passthrough.mdev {
                    fate = "mdev: left to PVE".into();
                }
                functions.extend(passthrough.alternatives.first().cloned().unwrap_or_default());
                let ours = passthrough.alternatives.iter().flatten().filter_map(|address| ours(session, *address));
                let mut units: Vec<Unit> = Vec::new();
                for unit in ours.filter(|_| !device.keep && !passthrough.mdev) {
                    if !units.iter().any(|u| u.key() == unit.key()) {
                        let found = obstacles(session, &unit);
                        let viable = if found.is_empty() { ", viable" } else { "" };
                        let group = unit.group.map(|group| format!(" (IOMMU group {group}{viable})"));
                        fate = format!("goes to vfio-pci{}", group.unwrap_or_default());
                        problems.extend(found.into_iter().map(|o| format!("{}: {o}", device.key)));
                        notes.extend(go_along(&unit, &passthrough.functions()).map(|n| format!("{}: {n}", device.key)));
                        taken.push((device.key.clone(), unit.clone()));
                        units.push(unit);
                    }
                }
            }
        }
        Err(error) => problems.push(format!("{error:#}")),
    }
    Checkable::Pci {
        key: device.key.clone(),
        functions,
        driver: if device.keep { "keep" } else { "vfio" },
        mapping: device.mapping().map(ToOwned::to_owned),
        fate,
    }
}

fn text(checked: &[Checked]) -> String {
    if checked.is_empty() {
        return "no VM passes devices through or names this hook\n".into();
    }
    let mut text = String::new();
    for vm in checked {
        let registered = match vm.registered {
            Some(true) => "registered",
            Some(false) => "not registered",
            None => "unknown",
        };
        let script = vm.script.as_ref().map(|script| format!(", {script} can be run here")).unwrap_or_default();
        text.push_str(&format!("VM {}: {registered}{script}\n", vm.vmid));
        for device in &vm.devices {
            let (key, what, mapping, fate) = match device {
                Checkable::Pci { key, functions, mapping, fate, .. } => (
                    key,
                    functions.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
                    mapping,
                    fate.as_str(),
                ),
                Checkable::Usb { key, host, mapping } => (key, host.clone(), mapping, ""),
            };
            let mapping = mapping.as_ref().map(|name| format!("  (mapping {name})")).unwrap_or_default();
            let (what, fate) = if what.is_empty() { ("not found", "") } else { (what.as_str(), fate) };
            let fate = if fate.is_empty() { String::new() } else { format!("  {fate}") };
            text.push_str(&format!("  {key}: {what}{mapping}{fate}\n"));
        }
        vm.problems.iter().for_each(|problem| text.push_str(&format!("  PROBLEM: {problem}\n")));
        vm.notes.iter().for_each(|note| text.push_str(&format!("  note: {note}\n")));
    }
    text
}
