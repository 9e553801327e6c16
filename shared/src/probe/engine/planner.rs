//! What may be done about those that are ill. To find that out means to read what may never answer: `/etc/pve` is a file
//! system of a process, and a disk may lie on a server that is gone. So it is asked without the store's lock, and whoever
//! judges does not wait for it: what the answer was made for has to be what there still is.

use super::{Shared, store::Store};
use crate::probe::{
    evidence::Evidence,
    may_hang::MayHang,
    recover::{self, AskedBy, Context},
    service::Recovery,
    verdict::Verdict,
};
use crate::{deadline::Deadline, session::Session};
use std::{
    sync::PoisonError,
    time::{Duration, Instant},
};

/// So long it is waited for, so that a plan is shown with what it is for: without a hang it takes a millisecond.
const SOON: Duration = Duration::from_millis(200);
/// After this it is told that there is no answer.
const LATE: Duration = Duration::from_secs(4);
/// How long the reads may take that have a deadline of their own.
const BUDGET: Duration = Duration::from_secs(10);

/// What is told while there is no answer.
pub(super) const NO_ANSWER: &str =
    "whether it may be touched is not known: /etc/pve or a disk's storage does not answer";

/// One instance about which is asked.
pub(super) struct Question {
    /// Which.
    pub(super) id: String,
    /// The state that the answer is for.
    pub(super) generation: u64,
    /// What is known.
    pub(super) evidence: Evidence,
    /// What that means.
    pub(super) verdict: Verdict,
    /// Whether it was seen often enough for the policy; `None` where the policy does nothing about it just now.
    pub(super) settled: Option<Result<(), String>>,
}

/// What may be done about it.
pub(super) struct Answer {
    /// What was asked.
    pub(super) question: Question,
    /// What a person may do.
    pub(super) recovery: Recovery,
    /// Whether the policy may do it, too.
    pub(super) ready: bool,
}

/// Asks, one round after the other.
#[derive(Default)]
pub(super) struct Planner {
    work: MayHang<Vec<Answer>>,
    begun: Option<Instant>,
}

impl Planner {
    /// Whether the last round has been answered.
    pub(super) fn is_free(&self) -> bool {
        self.begun.is_none()
    }

    /// Asks, or waits for what was asked before. Nothing may be asked while the planner is not free.
    pub(super) fn ask(&mut self, shared: &Shared, questions: Vec<Question>, ill_at_once: usize) -> Vec<Answer> {
        if self.is_free() && questions.is_empty() {
            return Vec::new();
        }
        let wait = if self.is_free() { SOON } else { Duration::ZERO };
        self.begun.get_or_insert_with(Instant::now);
        let session = shared.session(BUDGET);
        let answers = self.work.ask(&Deadline::after(wait), move || answer(&session, questions, ill_at_once));
        if let Err(error) = &answers {
            shared.log().info(&format!("warning: recoveries cannot be planned: {error}"));
        }
        let answers = answers.map_or(Some(Vec::new()), |answers| answers);
        if answers.is_some() {
            self.begun = None;
        }
        answers.unwrap_or_default()
    }

    /// Notes the answers, and returns those whose turn it is.
    pub(super) fn note(&self, store: &mut Store, answers: Vec<Answer>) -> Vec<Question> {
        let mut ready = Vec::new();
        for answer in answers {
            let Some(slot) = store.slots.get_mut(&answer.question.id) else { continue };
            if slot.planned(&answer) {
                ready.push(answer.question);
            }
        }
        if self.begun.is_some_and(|begun| begun.elapsed() > LATE) {
            store.slots.iter_mut().for_each(|slot| slot.unplanned(NO_ANSWER));
        } else if self.is_free() {
            // Who was asked about and has no answer is asked about again.
            store.slots.iter_mut().for_each(super::slot::Slot::ask_again);
        }
        ready
    }
}

fn answer(session: &Session, questions: Vec<Question>, ill_at_once: usize) -> Vec<Answer> {
    let books = recover::books(session);
    let one = |question: Question| {
        let (evidence, verdict) = (&question.evidence, &question.verdict);
        let recovery = recover::preview_by(session, evidence, verdict, &Context::person(ill_at_once), &books);
        let may = recovery.needed && recovery.refused_because.is_none();
        let ready = question.settled.clone().filter(|_| may).is_some_and(|settled| {
            let context = Context { asked_by: AskedBy::Policy, force: false, ill_at_once, settled };
            recover::preview_by(session, evidence, verdict, &context, &books).refused_because.is_none()
        });
        Answer { question, recovery, ready }
    };
    questions.into_iter().map(one).collect()
}

/// What may be done for somebody who asks for it: an answer comes by a deadline, whatever hangs.
pub(super) fn preview(
    shared: &Shared,
    evidence: &Evidence,
    verdict: &Verdict,
    context: &Context,
) -> Result<Recovery, String> {
    let mut glance = shared.glance.lock().unwrap_or_else(PoisonError::into_inner);
    // What hangs for one hangs for the next, and takes a thread each time.
    if glance.hangs() {
        return Err(NO_ANSWER.to_owned());
    }
    let session = shared.session(BUDGET);
    let (evidence, verdict, context) = (evidence.clone(), verdict.clone(), context.clone());
    match glance.ask(&Deadline::after(LATE), move || recover::preview(&session, &evidence, &verdict, &context)) {
        Ok(Some(recovery)) => Ok(recovery),
        Ok(None) => Err(NO_ANSWER.to_owned()),
        Err(error) => Err(format!("whether it may be touched is not known: {error}")),
    }
}
