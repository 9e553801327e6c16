//! What every operation carries: the host, the configuration, the deadline, and where messages go.

use crate::{config::Config, deadline::Deadline, fault::Fault, host::Host, log::Log, report::Output};
use anyhow::Result;
use std::time::Duration;

/// One run of a program.
pub struct Session {
    /// The host that is looked at.
    pub host: Host,
    /// The configuration.
    pub config: Config,
    /// When the whole run has to end.
    pub deadline: Deadline,
    /// How long to wait for a lock.
    pub lock_timeout: Duration,
    /// Say what would be changed and change nothing.
    pub dry_run: bool,
    /// Where messages go.
    pub log: Log,
    /// Where results go.
    pub output: Output,
}

impl Session {
    /// Ends the run where it may change nothing: on the live machine, changes are root's.
    pub fn require_root(&self) -> Result<()> {
        if self.dry_run || !self.host.is_live() || nix::unistd::geteuid().is_root() {
            return Ok(());
        }
        let program = self.log.program();
        Fault::problem("only root may move devices").next(format!("sudo {program} …")).fail()
    }

    /// The lock's deadline: its own time-out, but never beyond the whole run's.
    pub fn lock_deadline(&self) -> Deadline {
        self.deadline.within(self.lock_timeout)
    }

    /// In a dry run, prints what would have been done. With JSON, stdout is kept for the document.
    pub fn would(&self, what: &str) {
        if self.output.is_json() {
            self.log.info(&format!("would {what}"));
        } else {
            self.output.text(&format!("would {what}"));
        }
    }
}
