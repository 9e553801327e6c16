//! PVE allows one hookscript per VM; people's own run after ours, from hooks.d and hooks.d/VMID, sorted by name.

mod relay;
mod survey;
#[cfg(test)]
mod tests;

pub use survey::{Obstacle, obstacle, survey};

use crate::cli::Phase;
use anyhow::{Error, Result};
use nix::{
    sys::signal::{Signal, kill, killpg},
    unistd::Pid,
};
use passthrough::{deadline::Deadline, fault::Fault, host::Host, proc, session::Session, tree};
use relay::Relay;
use std::{
    borrow::Cow,
    io,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

/// How long one of them may take unless config.toml says otherwise.
const PATIENCE: Duration = passthrough::config::defaults::CHAIN_TIMEOUT;
/// How long one that was killed may take to be gone: in an uninterruptible sleep it is not until that ends.
const MERCY: Duration = Duration::from_millis(if cfg!(test) { 20_000 } else { 500 });

/// What a chained program finds in its environment: the call that it belongs to.
const CALLED_FOR: &str = "PVE_HOOKS_CALLED_FOR";

/// Whether this very call was made from hooks.d: a link or a copy of this program lies there, and would call itself for ever.
/// Only while the caller still runs: what a hook left behind inherits its environment, and may stop and start the VM later.
pub fn calls_itself(vmid: u32, phase: Phase) -> bool {
    let Ok(told) = std::env::var(CALLED_FOR) else { return false };
    let Some(caller) = told.split(' ').nth(2).and_then(|pid| pid.parse().ok()) else { return false };
    kill(Pid::from_raw(caller), None).is_ok() && told == call(vmid, phase, caller)
}

/// A call, and the process that makes it with its start time.
fn call(vmid: u32, phase: Phase, caller: i32) -> String {
    let begun = proc::start_time(&Host::new("/"), caller).unwrap_or_default();
    format!("{vmid} {} {caller} {begun}", phase.name())
}

/// Runs them all. In pre-start the first failure ends the run; PVE would do nothing about the others either.
pub fn run(session: &Session, vmid: u32, phase: Phase) -> Result<()> {
    for script in scripts(session, vmid, phase)? {
        if session.dry_run {
            session.would(&format!("run {} {vmid} {}", session.host.shown(&script), phase.name()));
            continue;
        }
        if let Err(error) = one(session, &script, vmid, phase) {
            if phase == Phase::PreStart {
                return Err(error);
            }
            session.log.warn(&told(&error));
        }
    }
    Ok(())
}

/// An error as a warning tells it: with the next thing to type.
pub fn told(error: &Error) -> String {
    match Fault::of(error).and_then(|fault| fault.next.as_ref()) {
        Some(next) => format!("{error:#}; next: {next}"),
        None => format!("{error:#}"),
    }
}

/// What is to be run. Before a start, what cannot be run although it is meant to be keeps the VM from starting.
fn scripts(session: &Session, vmid: u32, phase: Phase) -> Result<Vec<PathBuf>> {
    let found = survey::survey(&session.host, vmid);
    found.details.iter().for_each(|text| session.log.detail(text));
    found.warnings.iter().for_each(|text| session.log.warn(text));
    let mut broken = found.broken.into_iter().map(Error::from);
    if phase == Phase::PreStart
        && let Some(first) = broken.next()
    {
        broken.for_each(|error| session.log.warn(&told(&error)));
        return Err(first);
    }
    broken.for_each(|error| session.log.warn(&told(&error)));
    Ok(found.scripts)
}

fn one(session: &Session, script: &Path, vmid: u32, phase: Phase) -> Result<()> {
    let patience = session.config.hook.chain_timeout.unwrap_or(PATIENCE);
    session.log.detail(&format!("running {} {vmid} {}", script.display(), phase.name()));
    let start = |program: Cow<'_, Path>| {
        Command::new(&*program)
            .args([&vmid.to_string(), phase.name()])
            .env(CALLED_FOR, call(vmid, phase, Pid::this().as_raw()))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
    };
    let document = session.output.is_json();
    let end = tree::target(script)
        .and_then(start)
        .and_then(|mut child| wait(&mut child, document, &Deadline::after(patience)));
    let shown = session.host.shown(script);
    let call = format!("{shown} {vmid} {}", phase.name());
    let limit = in_words(patience);
    match end {
        Ok(End::Itself(status)) if status.success() => Ok(()),
        Ok(End::Itself(status)) => Fault::problem(format!("{call}: {status}")).fail(),
        Ok(End::Killed) => Fault::problem(format!("{call}: no end within {limit}, killed"))
            .next("chain_timeout under [hook] in /etc/pve-hooks/config.toml, if it may take longer")
            .fail(),
        Ok(End::LeftBehind(pid)) => {
            let what = format!("{call}: no end within {limit}; killed, but process {pid} does not end: left behind");
            Fault::problem(what).next(format!("cat /proc/{pid}/stack   # what it waits for in the kernel")).fail()
        }
        Err(error) => Fault::problem(format!("{shown}: {error}"))
            .next(format!("check its first line and: chmod +x {shown}"))
            .fail(),
    }
}

/// How a script ended.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Itself(ExitStatus),
    Killed,
    /// Not even when it was killed.
    LeftBehind(u32),
}

fn wait(child: &mut Child, document: bool, deadline: &Deadline) -> io::Result<End> {
    let mut relay = Relay::of(child, document)?;
    if let Some(status) = until(child, &mut relay, deadline)? {
        return Ok(End::Itself(status));
    }
    if let Ok(group) = i32::try_from(child.id()) {
        let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
    }
    let gone = until(child, &mut relay, &Deadline::after(MERCY))?.is_some();
    Ok(if gone { End::Killed } else { End::LeftBehind(child.id()) })
}

/// How it ended, if it did by the deadline. What it says is handed on meanwhile.
fn until(child: &mut Child, relay: &mut Relay, deadline: &Deadline) -> io::Result<Option<ExitStatus>> {
    let mut pause = Duration::from_millis(1);
    loop {
        let expired = deadline.expired();
        let status = child.try_wait()?;
        if status.is_some() {
            relay.rest();
        }
        if status.is_some() || expired {
            return Ok(status);
        }
        relay.turn(pause.min(deadline.remaining()));
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

/// To the millisecond; what is shorter is not nothing.
fn in_words(time: Duration) -> String {
    let millis = u64::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX);
    humantime::format_duration(Duration::from_millis(millis)).to_string()
}
