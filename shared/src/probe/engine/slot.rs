//! One instance in the store: its evidence, tier by tier, and what was made of it.

use super::{
    heal::REST,
    planner::{Answer, Question},
    store::waits,
};
use crate::{
    clock::in_millis,
    config::probe::{Limits, Origin},
    probe::{
        classify::{Patience, classify_by},
        damping::Damper,
        evidence::Evidence,
        instance::Instance,
        look::target,
        now, recover,
        service::{Reading, Recovery},
        verdict::Verdict,
    },
};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// How far it is with what may be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Plan {
    /// It is to be asked for.
    Due,
    /// It was asked for.
    Asked,
    /// It is known.
    Known,
}

/// Numbers that no two states of any instance share.
fn generation() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

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
    /// When it was judged last; 0 where something was measured since.
    pub(super) judged: u64,
    /// When was measured what was recorded last.
    told: u64,
    /// How far it is with what may be done.
    plan: Plan,
    /// Changes with what it is and how it is: an answer about another state is not taken.
    generation: u64,
    /// Whether QEMU is being asked just now.
    pub(super) asking: bool,
    /// Until when the policy does nothing about it, after a recovery that could not begin.
    pub(super) rests_until: u64,
    /// Whether a recovery is under way.
    pub(super) healing: bool,
    /// Since when.
    pub(super) heals_since: u64,
    patience: Patience,
    /// Whether a reading of it was recorded.
    recorded: bool,
    reading: Option<Arc<Reading>>,
}

impl Slot {
    /// An instance that was just found.
    pub(super) fn new(instance: Arc<Instance>, patience: Patience) -> Self {
        Self {
            evidence: Evidence::new(instance),
            verdict: Verdict::default(),
            damper: Damper::new(patience),
            recovery: Recovery { max_attempts: recover::MOST, ..Recovery::default() },
            deep_due: 0,
            slow_due: 0,
            remote_due: 0,
            judged: 0,
            told: 0,
            plan: Plan::Due,
            generation: generation(),
            asking: false,
            rests_until: 0,
            healing: false,
            heals_since: 0,
            patience,
            recorded: false,
            reading: None,
        }
    }

    /// Figures may be as old as other intervals have it; judged anew.
    pub(super) fn configure(&mut self, patience: Patience) {
        self.patience = patience;
        self.damper.bear(patience);
        self.measured();
    }

    /// Looks at the evidence again; whether the verdict changed. What was counted already does not count as another round.
    pub(super) fn judge(&mut self, limits: &Limits, now: u64) -> bool {
        self.judged = now;
        let verdict = classify_by(&self.evidence, limits, &self.patience, now);
        let verdict = self.damper.fold(&self.evidence, verdict, now);
        let changed = verdict != self.verdict;
        self.verdict = verdict;
        if changed {
            self.generation = generation();
        }
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
    fn is_ill(&self) -> bool {
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

    /// Whether nothing of it was recorded yet; once. The tier that completes the first reading may change nothing else.
    pub(super) fn is_first(&mut self) -> bool {
        !std::mem::replace(&mut self.recorded, true)
    }

    /// What may be done is to be looked for anew. Nothing is planned for what is well, and the books are not read for it.
    pub(super) fn plan_anew(&mut self) {
        if self.is_ill() {
            self.plan = Plan::Due;
        }
    }

    /// What is to be asked about it, if anything.
    pub(super) fn question(&mut self) -> Option<Question> {
        if self.plan != Plan::Due {
            return None;
        }
        self.plan = Plan::Asked;
        let rests = self.healing || waits(self.rests_until, now(), in_millis(REST));
        Some(Question {
            id: self.evidence.instance.id.clone(),
            generation: self.generation,
            evidence: self.evidence.clone(),
            verdict: self.verdict.clone(),
            settled: (!rests).then(|| self.damper.ready_to_act()),
        })
    }

    /// What may be done, where that is about the state that it still is in; whether the policy is to do it.
    pub(super) fn planned(&mut self, answer: &Answer) -> bool {
        if answer.question.generation != self.generation {
            return false;
        }
        if self.plan == Plan::Asked {
            self.plan = Plan::Known;
        }
        self.recover(answer.recovery.clone());
        answer.ready && !self.healing
    }

    /// There is no answer yet, and why.
    pub(super) fn unplanned(&mut self, why: &str) {
        if self.plan != Plan::Known && self.verdict.recovery_needed {
            let refused_because = Some(why.to_owned());
            self.recover(Recovery { needed: true, plan: Vec::new(), refused_because, ..self.recovery.clone() });
        }
    }

    /// What was asked has no answer, or one that came too late.
    pub(super) fn ask_again(&mut self) {
        if self.plan == Plan::Asked {
            self.plan = Plan::Due;
        }
    }

    fn recover(&mut self, recovery: Recovery) {
        if recovery != self.recovery {
            self.recovery = recovery;
            self.touch();
        }
    }

    /// It is another one now than it was: it was configured, locked or moved.
    pub(super) fn is_now(&mut self, instance: &Arc<Instance>) {
        self.evidence.instance = Arc::clone(instance);
        self.generation = generation();
        self.measured();
    }

    /// Whether it has changed since it was last shown.
    pub(super) fn is_touched(&self) -> bool {
        self.reading.is_none()
    }

    /// It is to be shown anew.
    pub(super) fn touch(&mut self) {
        self.reading = None;
    }

    /// Something was measured.
    pub(super) fn measured(&mut self) {
        self.judged = 0;
        self.touch();
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
