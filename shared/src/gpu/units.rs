//! systemd units that use a GPU on the host: stopped before it leaves, started again when it is back.

use crate::{command, deadline::Deadline, session::Session};
use anyhow::{Context, Result};

/// Whether a unit runs.
pub fn is_active(session: &Session, unit: &str) -> Result<bool> {
    if !session.host.is_live() {
        // The units of this machine are not those of the tree that is looked at.
        return Ok(session.dry_run);
    }
    let output = command::run(&["systemctl", "is-active", "--quiet", "--", unit], session.deadline.remaining())?;
    if !output.status.success() {
        session.log.detail(&format!("{unit} does not run"));
    }
    Ok(output.status.success())
}

/// Stops a unit.
pub fn stop(session: &Session, unit: &str) -> Result<()> {
    if session.dry_run {
        session.would(&format!("run systemctl stop -- {unit}"));
        return Ok(());
    }
    systemctl("stop", unit, &session.deadline)?;
    session.log.change(&format!("stopped {unit}"));
    Ok(())
}

/// Starts units again. Tries all of them; the first error is told at the end.
pub fn start(session: &Session, units: &[String], deadline: &Deadline) -> Result<()> {
    let mut result = Ok(());
    for unit in units.iter().filter(|_| session.host.is_live() || session.dry_run) {
        if session.dry_run {
            session.would(&format!("run systemctl start -- {unit}"));
            continue;
        }
        match systemctl("start", unit, deadline) {
            Ok(()) => session.log.change(&format!("started {unit}")),
            Err(error) => {
                session.log.warn(&format!("{error:#}"));
                result = result.and(Err(error));
            }
        }
    }
    result
}

fn systemctl(verb: &str, unit: &str, deadline: &Deadline) -> Result<()> {
    let output = command::run(&["systemctl", verb, "--", unit], deadline.remaining());
    output.and_then(|output| output.check()).with_context(|| format!("cannot {verb} {unit} (systemctl status {unit})"))
}
