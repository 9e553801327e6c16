//! One instance in the store: its evidence, tier by tier, and what was made of it.

use crate::{
    config::probe::Limits,
    probe::{
        classify::{Patience, classify_by},
        damping::Damper,
        evidence::Evidence,
        instance::Instance,
        service::{Reading, Recovery},
        verdict::Verdict,
    },
};
use std::sync::Arc;

/// One instance.
pub(super) struct Slot {
    /// What is known.
    pub(super) evidence: Evidence,
    /// What that means, steadied.
    pub(super) verdict: Verdict,
    /// What steadies it.
    pub(super) damper: Damper,
    /// What may be done about it.
    pub(super) recovery: Recovery,
    /// When QEMU is to be asked next, in milliseconds since 1970.
    pub(super) deep_due: u64,
    /// When the costly probes are to run next.
    pub(super) slow_due: u64,
    /// When its own report is to be asked for next.
    pub(super) remote_due: u64,
    /// When QEMU said what was recorded last.
    pub(super) told: Option<u64>,
    /// Whether a recovery is under way.
    pub(super) healing: bool,
    patience: Patience,
    reading: Option<Arc<Reading>>,
}

impl Slot {
    /// An instance that was just found.
    pub(super) fn new(instance: Arc<Instance>, patience: Patience) -> Self {
        Self {
            evidence: Evidence::new(instance),
            verdict: Verdict::default(),
            damper: Damper::new(patience),
            recovery: Recovery::default(),
            deep_due: 0,
            slow_due: 0,
            remote_due: 0,
            told: None,
            healing: false,
            patience,
            reading: None,
        }
    }

    /// Looks at the evidence again; whether the verdict changed. What was counted already does not count as another round.
    pub(super) fn judge(&mut self, limits: &Limits, now: u64) -> bool {
        let verdict = classify_by(&self.evidence, limits, &self.patience, now);
        let verdict = self.damper.fold(&self.evidence, verdict, now);
        let changed = verdict != self.verdict;
        self.verdict = verdict;
        changed
    }

    /// Whether something new was measured since it was last shown.
    pub(super) fn is_touched(&self) -> bool {
        self.reading.is_none()
    }

    /// Something new was measured.
    pub(super) fn touch(&mut self) {
        self.reading = None;
    }

    /// As it is shown.
    pub(super) fn reading(&mut self) -> Arc<Reading> {
        let make = || {
            Arc::new(Reading {
                evidence: self.evidence.clone(),
                verdict: self.verdict.clone(),
                recovery: self.recovery.clone(),
            })
        };
        Arc::clone(self.reading.get_or_insert_with(make))
    }
}
