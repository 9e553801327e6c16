//! What every operation carries: the host, the configuration, the deadline, and where messages go.

use crate::{
    config::{Config, defaults::LOCK_TIMEOUT},
    deadline::Deadline,
    fault::Fault,
    host::Host,
    log::Log,
    report::Output,
    tree,
};
use anyhow::Result;
use std::{cell::RefCell, time::Duration};

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
    planned: RefCell<Vec<String>>,
}

impl Session {
    /// A run that looks at `host` as `config` says.
    pub fn new(host: Host, config: Config, deadline: Deadline, log: Log, output: Output) -> Self {
        let lock_timeout = config.lock_timeout.unwrap_or(LOCK_TIMEOUT);
        Self { host, config, deadline, lock_timeout, dry_run: false, log, output, planned: RefCell::default() }
    }

    /// Tells who is not root that he does not see everything.
    pub fn warn_unless_root(&self) {
        if self.host.is_live() && !nix::unistd::geteuid().is_root() {
            self.log.info("not root: who holds a device and what configuration space says cannot all be seen");
        }
    }

    /// Ends the run where it may change nothing: on the live machine, changes are root's.
    pub fn require_root(&self) -> Result<()> {
        self.require_root_to("move devices")
    }

    /// The same, where something else than devices is changed.
    pub fn require_root_to(&self, what: &str) -> Result<()> {
        if self.dry_run || !self.host.is_live() || nix::unistd::geteuid().is_root() {
            return Ok(());
        }
        let program = self.log.program();
        Fault::problem(format!("only root may {what}")).next(format!("sudo {program} …")).fail()
    }

    /// Ends the run where what there is cannot be known, which is not the same as nothing: without sysfs, say.
    pub fn require_bus(&self, name: &str) -> Result<()> {
        let dir = self.host.at("sys/bus").join(name);
        if tree::is_dir(&dir) {
            return Ok(());
        }
        let shown = self.host.shown(&dir);
        Fault::problem(format!("not known: {shown} is not there")).next(format!("ls -ld /sys/bus {shown}")).fail()
    }

    /// The lock's deadline: its own time-out, but never beyond the whole run's.
    pub fn lock_deadline(&self) -> Deadline {
        self.deadline.within(self.lock_timeout)
    }

    /// In a dry run, tells what would have been done: at once in text, with the document in JSON.
    pub fn would(&self, what: &str) {
        if !self.output.is_json() {
            self.output.text(&format!("would {what}"));
        }
        self.planned.borrow_mut().push(what.to_owned());
    }

    /// What a dry run would have done, in order.
    pub fn planned(&self) -> Vec<String> {
        self.planned.borrow().clone()
    }
}
