//! PVE allows one hookscript per VM; people's own run after ours, from hooks.d and hooks.d/VMID, sorted by name.

use crate::cli::Phase;
use anyhow::Result;
use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use passthrough::{deadline::Deadline, fault::Fault, host::names, session::Session};
use std::{
    fs,
    os::unix::{fs::MetadataExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::Duration,
};

/// How long one of them may take unless config.toml says otherwise.
const PATIENCE: Duration = Duration::from_secs(300);

/// Runs them all; the first failure is the result, and in pre-start it ends the run.
pub fn run(session: &Session, vmid: u32, phase: Phase) -> Result<()> {
    let mut result = Ok(());
    for script in scripts(session, vmid) {
        if session.dry_run {
            session.would(&format!("run {} {vmid} {}", session.host.shown(&script), phase.name()));
            continue;
        }
        let outcome = one(session, &script, vmid, phase);
        if let Err(error) = &outcome {
            if phase == Phase::PreStart {
                return outcome;
            }
            session.log.warn(&format!("{error:#}"));
        }
        // Only a failing pre-start counts; PVE would do nothing about the others either.
        result = result.and(if phase == Phase::PreStart { outcome } else { Ok(()) });
    }
    result
}

fn scripts(session: &Session, vmid: u32) -> Vec<PathBuf> {
    let dir = session.host.hooks_d();
    let own = dir.join(vmid.to_string());
    let files = [dir, own].into_iter().flat_map(|dir| names(&dir).into_iter().map(move |name| dir.join(name)));
    files.filter(|file| may_run(session, file)).collect()
}

/// An executable file that nobody but root can change: it is about to run as root.
fn may_run(session: &Session, file: &Path) -> bool {
    let hidden = file.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    let Ok(meta) = fs::metadata(file) else { return false };
    if hidden || !meta.is_file() || meta.mode() & 0o111 == 0 {
        return false;
    }
    let safe = !session.host.is_live() || (meta.uid() == 0 && meta.mode() & 0o022 == 0);
    if !safe {
        session.log.warn(&format!("{} is not run: not only root can change it", file.display()));
    }
    safe
}

fn one(session: &Session, script: &Path, vmid: u32, phase: Phase) -> Result<()> {
    let patience = session.config.hook.chain_timeout.unwrap_or(PATIENCE);
    session.log.detail(&format!("running {} {vmid} {}", script.display(), phase.name()));
    let child =
        Command::new(script).args([&vmid.to_string(), phase.name()]).stdin(Stdio::null()).process_group(0).spawn();
    let status = child.and_then(|child| wait(child, &Deadline::after(patience)));
    let shown = session.host.shown(script);
    match status {
        Ok(Some(status)) if status.success() => Ok(()),
        Ok(Some(status)) => Fault::problem(format!("{shown} {vmid} {}: {status}", phase.name())).fail(),
        Ok(None) => {
            let limit = humantime_of(patience);
            Fault::problem(format!("{shown} {vmid} {}: no end within {limit}, killed", phase.name())).fail()
        }
        Err(error) => Fault::problem(format!("{shown}: {error}"))
            .next(format!("check its first line and: chmod +x {shown}"))
            .fail(),
    }
}

fn wait(mut child: Child, deadline: &Deadline) -> std::io::Result<Option<ExitStatus>> {
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if deadline.expired() {
            let group = Pid::from_raw(i32::try_from(child.id()).unwrap_or_default());
            let _ = killpg(group, Signal::SIGKILL);
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

fn humantime_of(time: Duration) -> String {
    format!("{} s", time.as_secs())
}
