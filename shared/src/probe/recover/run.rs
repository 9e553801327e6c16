//! A recovery, from the first look to the last.

use super::{
    AskedBy, BOOK, Context, Ended, MOST, Outcome, Plan, Step, act, audit,
    intent::{self, Intent},
    lock_name, plan, refuse, shown,
};
use crate::{
    config::probe::Class,
    fault::Fault,
    lock::Locks,
    probe::{
        classify::{self, Patience},
        damping,
        evidence::Evidence,
        now,
        verdict::{Status, Verdict},
    },
    session::Session,
};
use anyhow::Result;
use std::{thread, time::Duration};

/// Between two looks.
const TICK: Duration = Duration::from_secs(2);
/// How long it may take until a cure shows.
const SETTLE: Duration = Duration::from_secs(10);
/// The same for a VM that was started.
const BOOT: Duration = Duration::from_secs(60);
/// Less time than this is not enough for a stop and a start.
const RESTART: Duration = Duration::from_secs(30);

/// Heals, if it may. `probe` looks at the VM anew; only that is believed. A refusal is an error; what was tried and did not
/// help is an outcome.
pub fn run(
    session: &Session,
    evidence: &Evidence,
    verdict: &Verdict,
    context: &Context,
    probe: &mut dyn FnMut() -> Evidence,
) -> Result<Outcome> {
    let id = evidence.instance.id.clone();
    let settings = &session.config.probe.recovery;
    let planned = plan::plan(&session.host, evidence, verdict, settings);
    let refused = refuse::look(session, evidence, verdict, &planned, context);
    if session.dry_run {
        return Ok(rehearse(session, verdict, &planned, refused));
    }
    refused.map_or(Ok(()), Fault::fail)?;
    let command = format!("{} recover {}", session.log.program(), shown(&id));
    let _lock = Locks::take(&session.host, &[lock_name(&id)], &command, &session.lock_deadline())?;
    intent::heal_one(session, &id);
    // Time has passed, and whoever had the lock before may have done something.
    let evidence = probe();
    let verdict = judge(session, &evidence);
    if !verdict.recovery_needed && verdict.problems.is_empty() && verdict.status != Status::Unknown {
        let text = "nothing was wrong with it any more".to_owned();
        return Ok(Outcome { result: Ended::Needless, text, commands: Vec::new(), verdict });
    }
    let planned = plan::plan(&session.host, &evidence, &verdict, settings);
    refuse::look(session, &evidence, &verdict, &planned, context).map_or(Ok(()), Fault::fail)?;
    if planned.restarts() && session.deadline.remaining() < RESTART {
        let why = format!("{}: too little time is left for a stop and a start", shown(&id));
        return Fault::refused(why).next("the same with --timeout 5m").fail();
    }
    let nth = spend(session, &id, &command)?;
    let intent = Intent::new(session, &evidence.instance, &planned, context.asked_by, nth);
    // Without the record a program that dies here could leave the VM stopped for good.
    intent.save(session)?;
    Ok(Recovery { session, context, evidence, verdict, plan: planned, intent }.run(probe))
}

fn rehearse(session: &Session, verdict: &Verdict, plan: &Plan, refused: Option<Fault>) -> Outcome {
    for step in &plan.steps {
        session.would(&format!("run {}", step.shown));
    }
    let text = refused.map_or_else(|| "a dry run".into(), |fault| format!("it would be refused: {}", fault.what));
    Outcome { result: Ended::Planned, text, commands: plan.commands(), verdict: verdict.clone() }
}

fn judge(session: &Session, evidence: &Evidence) -> Verdict {
    let settings = &session.config.probe;
    classify::classify_by(evidence, &settings.limits, &Patience::of(settings), now())
}

fn spend(session: &Session, id: &str, command: &str) -> Result<usize> {
    let doubt = BOOK.read(&session.host).doubt(id);
    let left = match BOOK.take(&session.host, id, command, &session.lock_deadline())? {
        Ok(nth) => return Ok(nth),
        Err(left) => left,
    };
    let minutes = left.wait.div_ceil(60);
    let (why, next) = match doubt {
        Some((why, next)) => (format!("how many recoveries it had is not known: {why}"), next),
        None if left.unreadable => (
            "how many recoveries it had is not known: the book could not be read".to_owned(),
            "vm-probe audit".to_owned(),
        ),
        None => (format!("it had {MOST} recoveries within the hour already"), "vm-probe audit".to_owned()),
    };
    Fault::refused(format!("{}: {why}; the next one in {minutes} minutes", shown(id))).next(next).fail()
}

struct Recovery<'a> {
    session: &'a Session,
    context: &'a Context,
    evidence: Evidence,
    verdict: Verdict,
    plan: Plan,
    intent: Intent,
}

impl Recovery<'_> {
    fn run(mut self, probe: &mut dyn FnMut() -> Evidence) -> Outcome {
        let session = self.session;
        let id = shown(&self.intent.id);
        audit::append(session, &self.intent.entry(Ended::Begun, String::new(), None));
        session.log.change(&format!(
            "{id}: recovery {} of {MOST} in this hour, asked for by {}: {}; {}",
            self.intent.nth,
            self.context.asked_by.word(),
            self.intent.cause.join(", "),
            self.plan.commands().join("; "),
        ));
        let (result, text) = match self.climb(probe) {
            Ok(()) => self.look_again(probe),
            Err(error) => (Ended::Failed, format!("{error:#}")),
        };
        let after = self.verdict.status.word();
        audit::append(session, &self.intent.entry(result, text.clone(), Some(after.into())));
        session.log.change(&format!("{id}: recovery {}: {text}; it is {after}", result.word()));
        intent::remove(session, &self.intent.id);
        Outcome { result, text, commands: self.intent.begun_commands(), verdict: self.verdict }
    }

    fn climb(&mut self, probe: &mut dyn FnMut() -> Evidence) -> Result<()> {
        let steps = self.plan.steps.clone();
        let mut before: Option<&Step> = None;
        for (n, step) in steps.iter().enumerate() {
            let turns = before.is_some_and(|before| before.class != step.class);
            if turns && step.class != Class::Client && self.is_over(probe, step.class)? {
                return Ok(());
            }
            self.intent.begin(self.session, n)?;
            act::act(self.session, &self.evidence.instance, step)?;
            before = Some(step);
        }
        Ok(())
    }

    /// Between the network's steps and QEMU's: whether those are needed any more, and still may be done.
    fn is_over(&mut self, probe: &mut dyn FnMut() -> Evidence, class: Class) -> Result<bool> {
        self.evidence = probe();
        let mut verdict = judge(self.session, &self.evidence);
        if !verdict.problems.iter().any(|problem| problem.class == class && classify::is_treatable(problem)) {
            self.verdict = verdict;
            return Ok(true);
        }
        // It was begun as what it was.
        verdict.failure_type = self.verdict.failure_type;
        let plan = plan::plan(&self.session.host, &self.evidence, &verdict, &self.session.config.probe.recovery);
        let context = Context { force: true, ..self.context.clone() };
        let refused = refuse::look(self.session, &self.evidence, &verdict, &plan, &context);
        self.verdict = verdict;
        refused.map_or(Ok(false), Fault::fail)
    }

    /// Whether what was treated is gone: by evidence that was taken after the last step, and could have shown it.
    fn look_again(&mut self, probe: &mut dyn FnMut() -> Evidence) -> (Ended, String) {
        let acted = now();
        let live = self.session.host.is_live();
        let time = if self.plan.restarts() { BOOT } else { SETTLE };
        // A tree that stands in for a host does not change by itself.
        let until = self.session.deadline.within(if live { time } else { Duration::ZERO });
        loop {
            if live {
                // A disk that is still full stops the machine again, but not at once.
                thread::sleep(TICK.min(until.remaining()));
            }
            self.evidence = probe();
            self.verdict = judge(self.session, &self.evidence);
            let found = self.found(acted);
            if found.0 == Ended::Recovered || until.remaining() < TICK {
                return found;
            }
        }
    }

    fn found(&self, acted: u64) -> (Ended, String) {
        let mut open = Vec::new();
        let mut unknown = Vec::new();
        for symptom in self.plan.treats.iter().map(|problem| &problem.symptom) {
            let problem = self.verdict.problems.iter().find(|problem| problem.symptom == *symptom);
            let anew = damping::stamp(symptom, &self.evidence).is_some_and(|at| at >= acted);
            let works = !matches!(self.verdict.status, Status::Unknown | Status::Stopped);
            match problem {
                Some(problem) if anew => open.push(problem.text.clone()),
                None if anew && works && damping::looked(symptom, &self.evidence) => {}
                _ => unknown.push(symptom.to_string()),
            }
        }
        if !open.is_empty() {
            return (Ended::Failed, format!("still: {}", open.join("; ")));
        }
        if !unknown.is_empty() {
            return (Ended::Unknown, format!("whether {} is over cannot be told", unknown.join(", ")));
        }
        (Ended::Recovered, format!("{} is over", self.intent.cause.join(", ")))
    }
}

impl Context {
    /// A person at the command line.
    pub fn person(ill_at_once: usize) -> Self {
        Self { asked_by: AskedBy::Person, force: true, ill_at_once, settled: Ok(()) }
    }
}
