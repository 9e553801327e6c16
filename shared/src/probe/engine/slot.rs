//! One instance in the store: its evidence, tier by tier, and what was made of it.

use crate::{
    config::probe::{Limits, Origin},
    probe::{
        classify::{Patience, classify_by},
        damping::Damper,
        evidence::Evidence,
        instance::Instance,
        look::target,
        now,
        recover::{self, AskedBy, Books, Context},
        service::{Reading, Recovery},
        verdict::Verdict,
    },
    session::Session,
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
    /// When it was judged last.
    pub(super) judged: u64,
    /// When was measured what was recorded last.
    told: u64,
    /// Whether the books were looked at for it.
    pub(super) planned: bool,
    /// Whether QEMU is being asked just now.
    pub(super) asking: bool,
    /// Until when the policy does nothing about it, after a recovery that could not begin.
    pub(super) rests_until: u64,
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
            judged: 0,
            told: 0,
            planned: false,
            asking: false,
            rests_until: 0,
            healing: false,
            patience,
            reading: None,
        }
    }

    /// Looks at the evidence again; whether the verdict changed. What was counted already does not count as another round.
    pub(super) fn judge(&mut self, limits: &Limits, now: u64) -> bool {
        self.judged = now;
        let verdict = classify_by(&self.evidence, limits, &self.patience, now);
        let verdict = self.damper.fold(&self.evidence, verdict, now);
        let changed = verdict != self.verdict;
        self.verdict = verdict;
        changed
    }

    /// Whether QEMU, its own report or its source has newly said something, which is a round.
    pub(super) fn is_round(&mut self) -> bool {
        let evidence = &self.evidence;
        let said = evidence.deep.as_ref().map(|deep| deep.at).max(evidence.remote.as_ref().map(|remote| remote.at));
        let said = said.unwrap_or(evidence.instance.seen_at);
        std::mem::replace(&mut self.told, said) != said
    }

    /// Whether there is anything to plan, or was.
    pub(super) fn is_ill(&self) -> bool {
        !self.verdict.problems.is_empty() || self.recovery.needed || self.recovery.attempts_last_hour > 0
    }

    /// Whether everything was looked at once that there is to look at: before, nothing is a change.
    pub(super) fn is_seen(&self) -> bool {
        let evidence = &self.evidence;
        let instance = &evidence.instance;
        let here = matches!(instance.origin, Origin::Pve | Origin::Container);
        (!here || evidence.fast.is_some())
            && (target(instance).is_none() || evidence.deep.is_some())
            && (instance.health_url.is_none() || evidence.remote.is_some())
    }

    /// Plans what may be done, as a person may; whether the policy may do it, too.
    pub(super) fn plan(&mut self, session: &Session, ill_at_once: usize, books: &Books) -> bool {
        self.planned = true;
        let preview = |context: &Context| recover::preview_by(session, &self.evidence, &self.verdict, context, books);
        let recovery = preview(&Context::person(ill_at_once));
        if recovery != self.recovery {
            self.recovery = recovery;
            self.touch();
        }
        if self.healing || now() < self.rests_until || !self.recovery.needed || self.recovery.refused_because.is_some()
        {
            return false;
        }
        let settled = self.damper.ready_to_act();
        let context = Context { asked_by: AskedBy::Policy, force: false, ill_at_once, settled };
        recover::preview_by(session, &self.evidence, &self.verdict, &context, books).refused_because.is_none()
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
