//! systemd units that use a GPU on the host: stopped before it leaves, started again when it is back.

use crate::{command, deadline::Deadline, session::Session};
use anyhow::{Context, Result};

/// Stops those of `units` that run, and says which.
pub fn stop(session: &Session, units: &[String]) -> Result<Vec<String>> {
    let mut stopped = Vec::new();
    for unit in units {
        let active = command::run(&["systemctl", "is-active", "--quiet", "--", unit], session.deadline.remaining())?;
        if !active.status.success() {
            session.log.detail(&format!("{unit} does not run"));
            continue;
        }
        if session.dry_run {
            session.would(&format!("run systemctl stop -- {unit}"));
            continue;
        }
        systemctl("stop", unit, &session.deadline)?;
        session.log.change(&format!("stopped {unit}"));
        stopped.push(unit.clone());
    }
    Ok(stopped)
}

/// Starts units again. Tries all of them; the first error is told at the end.
pub fn start(session: &Session, units: &[String], deadline: &Deadline) -> Result<()> {
    let mut result = Ok(());
    for unit in units {
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
    let output = command::run(&["systemctl", verb, "--", unit], deadline.remaining())?;
    output.check().with_context(|| format!("cannot {verb} {unit}"))
}
