//! From what was typed to what is done.

use crate::{
    chain, check,
    cli::{Cli, Phase, Verb},
    guard,
    phase::{post_start, post_stop, pre_start},
    register,
};
use anyhow::Result;
use passthrough::{
    fault::Fault,
    pve::{self, VmConfig},
    session::Session,
};
use serde_json::json;
use std::{env, time::Duration};

/// How long a phase may take: PVE holds the VM's lock meanwhile.
const PHASE: Duration = Duration::from_secs(60);
/// How long a guard waits for a start to end.
const GUARD: Duration = Duration::from_secs(15 * 60);

/// Runs it; the number is the exit code.
pub fn run(cli: &Cli) -> Result<u8> {
    let session = |patience| cli.common.session("pve-hook", patience);
    // A person must not trust half of a report; in a phase, PVE's log being gone is no reason to stop.
    let told = |verb: &dyn Fn(&Session) -> Result<u8>| {
        let session = session(PHASE)?;
        let code = verb(&session)?;
        session.output.check().map(|()| code)
    };
    match (&cli.verb, cli.vmid, cli.phase) {
        // To the parser it is a command with a VMID besides: not one that is to be done for every VM.
        (Some(_), Some(vmid), _) => {
            in_front(vmid, env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()))
        }
        (Some(Verb::Register(what)), ..) => told(&|session| register::register(session, what)),
        (Some(Verb::Unregister(which)), ..) => told(&|session| register::unregister(session, which)),
        (Some(Verb::Check { vmids }), ..) => told(&|session| check::check(session, vmids)),
        (Some(Verb::Guard { vmid }), ..) => Ok(guard::keep(&session(GUARD)?, *vmid)),
        (None, Some(vmid), Some(phase)) => hook(cli, vmid, phase),
        (None, ..) => {
            Fault::usage("expected a VMID and a phase, or register, unregister or check").next("pve-hook --help").fail()
        }
    }
}

/// A VMID in front of a verb that may stand for every VM where none is behind it.
fn in_front(vmid: u32, words: impl Iterator<Item = String>) -> Result<u8> {
    let (ids, mut words): (Vec<_>, Vec<_>) = words.partition(|word| word.parse() == Ok(vmid));
    words.extend(ids);
    let meant = format!("did you mean: pve-hook {}", words.join(" "));
    Fault::usage(format!("unexpected {vmid} in front of the verb; {meant}")).next("pve-hook --help").fail()
}

/// One phase: ours first, then the chained ones. Only a failing pre-start stops PVE; the others say what went wrong.
fn hook(cli: &Cli, vmid: u32, phase: Phase) -> Result<u8> {
    let host = cli.common.host()?;
    if chain::calls_itself(vmid, phase) {
        let session = cli.common.session("pve-hook", PHASE)?;
        let hooks = session.host.shown(&session.host.hooks_d());
        session.log.warn(&format!("this is pve-hook itself, called from {hooks}; take it out there; nothing done"));
        return Ok(0);
    }
    let config = pve::load(&host, vmid);
    let passes = match &config {
        Ok(config) => config.has_passthrough() && !config.template,
        // A VM whose configuration is gone may still have left a GPU behind.
        Err(_) => phase == Phase::PostStop,
    };
    // A typing error in config.toml must not keep VMs from starting that have nothing to do with it, nor a GPU from coming
    // back. It says nothing of USB devices, which are only kept awake.
    let moves = passes && config.as_ref().is_ok_and(|config| !config.hostpci.is_empty());
    let settings = match cli.common.load_config(&host) {
        Err(error) if moves && phase == Phase::PreStart => return Err(error),
        other => other,
    };
    let complaint = settings.as_ref().err().map(|error| format!("{error:#}; going on with the defaults"));
    let session = &cli.common.session_with("pve-hook", PHASE, host, settings.unwrap_or_default());
    let result = phases(session, vmid, phase, config, passes, complaint);
    if session.output.is_json() && result.is_ok() {
        let would = session.planned();
        session
            .output
            .json(&json!({ "vmid": vmid, "phase": phase.name(), "dry_run": session.dry_run, "would": would }))?;
    }
    result
}

fn phases(
    session: &Session,
    vmid: u32,
    phase: Phase,
    config: Result<VmConfig>,
    passes: bool,
    complaint: Option<String>,
) -> Result<u8> {
    if let Some(complaint) = complaint {
        session.log.warn(&complaint);
    }
    let ours = match (phase, config) {
        (Phase::PreStart, Ok(config)) if passes => pre_start::run(session, &config),
        (Phase::PostStart, Ok(config)) if passes => post_start::run(session, &config),
        (Phase::PostStop, config) if passes => post_stop::run(session, vmid, config),
        (_, Err(error)) => Err(error),
        _ => Ok(()),
    };
    if phase == Phase::PreStart {
        ours?;
        let chained = chain::run(session, vmid, phase);
        if chained.is_err() && passes {
            // PVE calls no further phase after this, so what was taken goes back now.
            session.log.warn("a chained hook failed; returning the devices");
            pre_start::undo(session, vmid);
        }
        return chained.map(|()| 0);
    }
    let chained = chain::run(session, vmid, phase);
    ours.and(chained).map(|()| 0)
}
