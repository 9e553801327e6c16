//! What the daemon knows, ready to be shown: nobody who asks for it ever waits for a probe.

use super::{evidence::Evidence, instance::Instance, verdict::Verdict};
use crate::{
    config::{Config, probe::Origin},
    fault::Code,
};
use anyhow::Result;
use serde::Serialize;
use std::sync::Arc;

/// All that is known at one moment.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// When it was put together, in milliseconds since 1970.
    pub at: u64,
    /// The list of instances.
    pub listing: Arc<Listing>,
    /// What is known of each, in the list's order.
    pub readings: Vec<Arc<Reading>>,
    /// How long the last round took in each tier, in milliseconds.
    pub rounds: Rounds,
    /// Recoveries since the start; `None` where nobody counts them.
    pub recoveries: Option<Recoveries>,
}

/// Recoveries since the start of the daemon, those that a person asked for as well.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Recoveries {
    /// The symptom was gone afterwards.
    pub cured: u64,
    /// It was not.
    pub failed: u64,
    /// They were called for and not begun.
    pub refused: u64,
}

impl Snapshot {
    /// The reading of one instance.
    pub fn reading(&self, id: &str) -> Option<&Arc<Reading>> {
        self.readings.iter().find(|reading| reading.evidence.instance.id == id)
    }
}

/// How long the last round took in each tier, in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rounds {
    /// Host's own files.
    pub fast: u64,
    /// QEMU.
    pub deep: u64,
    /// Discovery.
    pub discovery: u64,
}

/// What one discovery found.
#[derive(Debug, Clone, Default)]
pub struct Listing {
    /// Where the instances come from; `None` where no source could be asked yet.
    pub origin: Option<Origin>,
    /// When the source answered, in milliseconds since 1970; 0 never.
    pub at: u64,
    /// Whether the source does not answer any more, and this is the last that it said.
    pub stale: bool,
    /// The source that was to be asked and never answered, where the list written down by hand stands in for it.
    pub stands_in_for: Option<Origin>,
    /// The namespace that is looked at, where Kubernetes is asked.
    pub namespace: Option<String>,
    /// The instances.
    pub instances: Vec<Arc<Instance>>,
    /// What the source named and cannot be a VM.
    pub left_out: Option<String>,
    /// What was tried, in its order, and what came of it.
    pub attempts: Vec<Attempt>,
}

impl Listing {
    /// The source that ought to have told this list, and did not.
    pub fn failed(&self) -> Option<&Attempt> {
        let source = self.stands_in_for.or(self.origin.filter(|_| self.stale))?;
        self.attempts.iter().find(|attempt| attempt.source == source)
    }
}

/// One source that was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attempt {
    /// Which.
    pub source: Origin,
    /// Whether it is there and answered.
    pub available: bool,
    /// How many instances it has, or why it has none.
    pub detail: String,
    /// What to do about it.
    pub next: Option<String>,
    /// Why it has none, as an exit code.
    #[serde(skip)]
    pub code: Code,
}

/// One instance, with what is known, what that means, and what may be done.
#[derive(Debug, Clone)]
pub struct Reading {
    /// What is known.
    pub evidence: Evidence,
    /// What that means, steadied over several rounds.
    pub verdict: Verdict,
    /// What may be done about it.
    pub recovery: Recovery,
}

/// What may be done about one instance.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Recovery {
    /// Whether anything is called for.
    pub needed: bool,
    /// The commands that would be run, in their order.
    pub plan: Vec<String>,
    /// How many recoveries the last hour saw.
    pub attempts_last_hour: usize,
    /// How many it may see.
    pub max_attempts: usize,
    /// Why nothing is done.
    pub refused_because: Option<String>,
}

/// Something that happened, for those who listen.
#[derive(Debug, Clone, Serialize)]
pub struct Event {
    /// When, in milliseconds since 1970.
    pub at: u64,
    /// `status`, `recovery`, `discovery`.
    pub kind: &'static str,
    /// The instance; none for `discovery`.
    pub id: Option<String>,
    /// A sentence for people.
    pub text: String,
}

/// Why a recovery that was asked for does not begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such instance.
    NoSuchInstance,
    /// Another one of it runs.
    Running,
    /// It may not: why.
    Refused(String),
}

/// What a front end needs of the engine.
pub trait Service: Send + Sync {
    /// What is known now.
    fn snapshot(&self) -> Arc<Snapshot>;
    /// Asks for a discovery soon.
    fn refresh(&self);
    /// Goes on by another configuration, with all that is known; where that is no good, by the one before.
    fn configure(&self, config: Config) -> Result<()>;
    /// Begins a recovery; how it went is told by events and by the audit. `force` skips the damping, never a refusal or the
    /// budget.
    fn recover(&self, id: &str, force: bool) -> Result<(), Refusal>;
    /// The record of one instance, as [`super::history`] has it.
    fn history(&self, id: &str) -> Option<serde_json::Value>;
    /// Past recoveries of one instance, the newest last, as the audit has them.
    fn recoveries(&self, id: &str) -> Vec<serde_json::Value>;
    /// Calls back for every event. The callback must not block.
    fn subscribe(&self, listener: Box<dyn Fn(&Event) + Send + Sync>);
}
