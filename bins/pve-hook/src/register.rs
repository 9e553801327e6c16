//! Making this the hookscript of VMs, without losing the one that is there.

mod chained;
#[cfg(test)]
mod tests;

use crate::{
    chain::told,
    cli::{Register, Which},
    own,
};
use anyhow::{Error, Result};
use passthrough::{
    fault::{Code, Fault},
    pve::{self, VmConfig, qm},
    session::Session,
    tree,
};
use serde::Serialize;
use serde_json::json;
use std::{os::unix::fs::PermissionsExt, path::Path};

/// How PVE calls our snippet.
pub const VOLUME: &str = "local:snippets/pve-hook";

/// Registers VMs; one that is refused does not keep the others.
pub fn register(session: &Session, what: &Register) -> Result<u8> {
    session.require_root_to("change VMs")?;
    let script = session.host.snippets().join("pve-hook");
    script_is_there(session, &script)?;
    if let Some(what) = own::foreign(&session.host, &script) {
        session.log.warn(&what);
    }
    let all = All { concerns: &|config| config.has_passthrough() && !config.template, none: "passes devices through" };
    each(session, &what.which, &all, |config| register_one(session, config, what))
}

/// Unregisters VMs.
pub fn unregister(session: &Session, which: &Which) -> Result<u8> {
    session.require_root_to("change VMs")?;
    let all = All { concerns: &|config| own::is_hook_of(&session.host, config), none: "names this hook" };
    each(session, which, &all, |config| unregister_one(session, config))
}

/// PVE refuses to start a VM whose hookscript is missing or not executable.
pub fn script_is_there(session: &Session, path: &Path) -> Result<()> {
    let shown = session.host.shown(path);
    match tree::metadata(path) {
        Ok(meta) if meta.is_file() && meta.permissions().mode() & 0o111 != 0 => Ok(()),
        Ok(_) => Fault::problem(format!("{shown} is not an executable file")).next(format!("chmod +x {shown}")).fail(),
        Err(error) => {
            let link = "ln -s /usr/sbin/pve-hook /var/lib/vz/snippets/pve-hook";
            Fault::problem(format!("{shown}: {error}")).next(format!("{link}   # or install again")).fail()
        }
    }
}

/// What became of one VM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Outcome {
    Registered,
    Unregistered,
    Unchanged,
    Refused,
    Failed,
}

#[derive(Serialize)]
struct Vm {
    vmid: u32,
    result: Outcome,
    error: Option<String>,
    next: Option<String>,
}

impl Vm {
    fn of(vmid: u32, result: &Result<Outcome>) -> Self {
        let outcome = match result {
            Ok(outcome) => *outcome,
            Err(error) if Fault::code_of(error) == Code::Refused => Outcome::Refused,
            Err(_) => Outcome::Failed,
        };
        let error = result.as_ref().err();
        let next = error.and_then(|error| Fault::of(error)?.next.clone());
        Self { vmid, result: outcome, error: error.map(|error| format!("{error:#}")), next }
    }
}

/// Which VMs `--all` means, and what is said where there is none.
struct All<'a> {
    concerns: &'a dyn Fn(&VmConfig) -> bool,
    none: &'static str,
}

fn each(session: &Session, which: &Which, all: &All<'_>, act: impl Fn(&VmConfig) -> Result<Outcome>) -> Result<u8> {
    let mut vms = Vec::new();
    let result = act_on_each(session, which, all, act, &mut vms);
    if !session.output.is_json() {
        return result.map(|()| 0);
    }
    session.output.json(&json!({ "dry_run": session.dry_run, "would": session.planned(), "vms": vms }))?;
    // An error that is returned would become a second document.
    Ok(result.map_or_else(
        |error| {
            session.log.warn(&told(&error));
            Fault::code_of(&error).number()
        },
        |()| 0,
    ))
}

fn act_on_each(
    session: &Session,
    which: &Which,
    all: &All<'_>,
    act: impl Fn(&VmConfig) -> Result<Outcome>,
    vms: &mut Vec<Vm>,
) -> Result<()> {
    let configs = if which.all {
        pve::require_configs(&session.host)?;
        let (configs, errors) = pve::load_all(&session.host);
        for (vmid, error) in errors {
            session.log.warn(&format!("{error:#}"));
            vms.push(Vm::of(vmid, &Err(error)));
        }
        configs.into_iter().filter(all.concerns).collect()
    } else {
        all_or_none(session, &which.vmids, vms)?
    };
    if configs.is_empty() {
        session.log.info(&format!("nothing to do: no VM {}", all.none));
    }
    let mut first = Ok(());
    for config in configs {
        let outcome = act(&config);
        vms.push(Vm::of(config.vmid, &outcome));
        if let Err(error) = outcome {
            keep_first(session, &mut first, error);
        }
    }
    first
}

/// The configurations of VMs that were named: a typing error in one number changes none.
fn all_or_none(session: &Session, vmids: &[u32], vms: &mut Vec<Vm>) -> Result<Vec<VmConfig>> {
    let mut configs = Vec::new();
    let mut first = Ok(());
    for vmid in vmids {
        match pve::load(&session.host, *vmid) {
            Ok(config) => configs.push(config),
            Err(error) => {
                let failed = Err(error);
                vms.push(Vm::of(*vmid, &failed));
                let _ = failed.map_err(|error| keep_first(session, &mut first, error));
            }
        }
    }
    first.map(|()| configs)
}

/// The first error ends the run, and is told then; later ones are told now.
fn keep_first(session: &Session, first: &mut Result<()>, error: Error) {
    if first.is_err() {
        session.log.warn(&told(&error));
    } else {
        *first = Err(error);
    }
}

fn register_one(session: &Session, config: &VmConfig, what: &Register) -> Result<Outcome> {
    let vmid = config.vmid;
    match config.hookscript.as_deref() {
        Some(volume) if own::is_ours(&session.host, volume) => {
            let name = if volume == VOLUME { String::new() } else { format!(", as {volume}") };
            session.log.info(&format!("VM {vmid} has it already{name}"));
            return Ok(Outcome::Unchanged);
        }
        Some(other) if what.chain => {
            let link = chained::put(session, vmid, other)?;
            if let Err(error) = set(session, vmid, Some(VOLUME)) {
                link.undo_unless_registered(session);
                return Err(error);
            }
            link.tell(session);
            return Ok(Outcome::Registered);
        }
        Some(other) if !what.replace => {
            return Fault::refused(format!("VM {vmid} has another hookscript: {other}"))
                .next(format!("pve-hook register {vmid} --chain   # keeps it, in hooks.d/{vmid}; or --replace"))
                .fail();
        }
        _ => {}
    }
    set(session, vmid, Some(VOLUME)).map(|()| Outcome::Registered)
}

fn unregister_one(session: &Session, config: &VmConfig) -> Result<Outcome> {
    let vmid = config.vmid;
    match config.hookscript.as_deref() {
        Some(volume) if own::is_ours(&session.host, volume) => {}
        other => {
            let has = other.map_or_else(|| "no hookscript".into(), |other| format!("another hookscript: {other}"));
            session.log.info(&format!("VM {vmid} has {has}; left alone"));
            return Ok(Outcome::Unchanged);
        }
    }
    let before = chained::before(session, vmid)?;
    set(session, vmid, before.as_deref())?;
    if !session.dry_run {
        chained::forget(session, vmid, before.as_deref())?;
    }
    Ok(Outcome::Unregistered)
}

fn set(session: &Session, vmid: u32, volume: Option<&str>) -> Result<()> {
    let command = qm::set_hookscript_command(vmid, volume).join(" ");
    if session.dry_run {
        session.would(&format!("run {command}"));
        return Ok(());
    }
    qm::set_hookscript(&session.host, vmid, volume, session.deadline.remaining(), false)?;
    is_set(session, vmid, volume, &command)?;
    match volume {
        Some(volume) => session.log.change(&format!("VM {vmid}: hookscript is {volume}")),
        None => session.log.change(&format!("VM {vmid}: no hookscript any more")),
    }
    Ok(())
}

/// Whether a command that says it succeeded did: the VM's configuration has the last word.
fn is_set(session: &Session, vmid: u32, volume: Option<&str>, command: &str) -> Result<()> {
    let why = match pve::load(&session.host, vmid) {
        Ok(config) if config.hookscript.as_deref() == volume => return Ok(()),
        Ok(config) => match config.hookscript {
            Some(other) => format!("{} has the hookscript {other}", config.file.display()),
            None => format!("{} has no hookscript", config.file.display()),
        },
        Err(error) => format!("{error:#}"),
    };
    Fault::problem(format!("VM {vmid}: {command} reported success, but {why}")).next(format!("qm config {vmid}")).fail()
}
