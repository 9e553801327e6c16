//! What was measured of one VM. The tiers are kept apart: none ever overwrites another, and each says when it was taken.

mod deep;
mod fast;
mod remote;
mod slow;

pub use crate::net::Counters;
pub use deep::{Deep, Disk, GuestMemory, Qmp, Vnc};
pub use fast::{Fast, NicReading, Path, Pressure, Process, ProcessState, Rates, Sound};
pub use remote::Remote;
pub use slow::{Agent, Display, Slow};

use super::instance::Instance;
use std::{collections::BTreeMap, sync::Arc};

/// Everything that is known of one VM.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// What it is.
    pub instance: Arc<Instance>,
    /// Read from the host's own files, every few seconds.
    pub fast: Option<Arc<Fast>>,
    /// Asked of QEMU.
    pub deep: Option<Arc<Deep>>,
    /// Costly, and only on demand.
    pub slow: Option<Arc<Slow>>,
    /// What the VM, its container or its API says of itself.
    pub remote: Option<Arc<Remote>>,
    /// The administrator's own checks, by name.
    pub checks: BTreeMap<String, Checked>,
}

impl Evidence {
    /// An instance of which nothing was measured.
    pub fn new(instance: Arc<Instance>) -> Self {
        Self { instance, fast: None, deep: None, slow: None, remote: None, checks: BTreeMap::new() }
    }
}

/// What one of the administrator's own checks said.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    /// When, in milliseconds since 1970.
    pub at: u64,
    /// How long it took, in milliseconds.
    pub took: u64,
    /// Whether it passed; `None` where that is not known (the agent is silent).
    pub passed: Option<bool>,
    /// What it said.
    pub detail: String,
    /// The class that a failure counts for.
    pub class: crate::config::probe::Class,
}
