//! Recoveries, asked for by a person or by the policy, each in a thread of its own.

use super::{
    Shared, planner,
    rounds::{look_again, told},
};
use crate::probe::{
    evidence::Evidence,
    now,
    recover::{self, AskedBy, Context, Ended},
    service::Refusal,
    verdict::Verdict,
};
use crate::{clock::in_millis, deadline::Deadline};
use std::{
    sync::{Arc, atomic::Ordering},
    thread,
    time::Duration,
};

/// A recovery has an end within this time: a stop, a start and a look.
pub(super) const RECOVERY: Duration = Duration::from_secs(300);

/// How long QEMU may still be asked for a round that began before.
const ASKED: Duration = Duration::from_secs(10);
/// After a recovery that could not begin, the policy waits this long.
pub(super) const REST: Duration = Duration::from_secs(60);

/// Finishes what a recovery left that was killed, beside everything else: PVE may take its time. Who wants to recover the same
/// VM meanwhile finds it locked.
pub(super) fn interrupted(shared: &Arc<Shared>) {
    let worker = Arc::clone(shared);
    shared.healing.fetch_add(1, Ordering::SeqCst);
    let work = move || {
        recover::heal(&worker.session(RECOVERY));
        worker.healing.fetch_sub(1, Ordering::SeqCst);
    };
    if let Err(error) = thread::Builder::new().name("interrupted".into()).spawn(work) {
        shared.log().info(&format!("warning: interrupted recoveries were not looked for: {error}"));
        shared.healing.fetch_sub(1, Ordering::SeqCst);
    }
}

/// What the policy alone asks with, about what was seen often enough.
pub(super) fn by_policy(ill_at_once: usize) -> Context {
    Context { asked_by: AskedBy::Policy, force: false, ill_at_once, settled: Ok(()) }
}

/// Begins one for somebody who asks, where it may be.
pub(super) fn ask(shared: &Arc<Shared>, id: &str, force: bool, asked_by: AskedBy) -> Result<(), Refusal> {
    let (evidence, verdict, context) = {
        let mut store = shared.store();
        let ill_at_once = store.ill();
        let slot = store.slots.get_mut(id).ok_or(Refusal::NoSuchInstance)?;
        if slot.healing {
            return Err(Refusal::Running);
        }
        let context = Context { asked_by, force, ill_at_once, settled: slot.damper.ready_to_act() };
        (slot.evidence.clone(), slot.verdict.clone(), context)
    };
    if shared.stops() {
        return Err(ending());
    }
    let preview = planner::preview(shared, &evidence, &verdict, &context).map_err(Refusal::Refused)?;
    if let Some(why) = preview.refused_because {
        return Err(Refusal::Refused(why));
    }
    if !preview.needed {
        return Err(Refusal::Refused("nothing is wrong that a recovery could cure".into()));
    }
    begin(shared, id.to_owned(), evidence, verdict, context)
}

fn ending() -> Refusal {
    Refusal::Refused("the daemon is ending".into())
}

/// Begins one.
pub(super) fn begin(
    shared: &Arc<Shared>,
    name: String,
    evidence: Evidence,
    verdict: Verdict,
    context: Context,
) -> Result<(), Refusal> {
    if shared.stops() {
        return Err(ending());
    }
    match shared.store().slots.get_mut(&name) {
        None => return Err(Refusal::NoSuchInstance),
        Some(slot) if slot.healing => return Err(Refusal::Running),
        Some(slot) => (slot.healing, slot.heals_since) = (true, now()),
    }
    let id = name.clone();
    let worker = Arc::clone(shared);
    let work = move || {
        let session = worker.session(RECOVERY);
        worker.tell(&[told(&name, format!("recovery of {name} begins"))]);
        let until = Deadline::after(ASKED);
        while !until.expired() && worker.store().slots.get_mut(&name).is_some_and(|slot| slot.asking) {
            thread::sleep(Duration::from_millis(50));
        }
        let done = recover::run(&session, &evidence, &verdict, &context, &mut || look_again(&worker, &evidence));
        let text = match &done {
            Ok(outcome) => format!("recovery of {name}: {}", outcome.text),
            Err(error) => format!("recovery of {name}: {error:#}"),
        };
        let event = told(&name, text);
        let mut store = worker.store();
        match &done {
            Ok(outcome) if outcome.result == Ended::Recovered => store.recoveries.cured += 1,
            Ok(_) => store.recoveries.failed += 1,
            Err(_) => store.recoveries.refused += 1,
        }
        store.recorder.event(&name, &event);
        if let Some(slot) = store.slots.get_mut(&name) {
            slot.healing = false;
            if done.is_err() {
                slot.rests_until = now() + in_millis(REST);
            }
            // What was known before does not count any more.
            slot.deep_due = 0;
        }
        drop(store);
        worker.tell(&[event]);
        worker.healing.fetch_sub(1, Ordering::SeqCst);
    };
    shared.healing.fetch_add(1, Ordering::SeqCst);
    if let Err(error) = thread::Builder::new().name("recovery".into()).spawn(work) {
        if let Some(slot) = shared.store().slots.get_mut(&id) {
            slot.healing = false;
        }
        shared.healing.fetch_sub(1, Ordering::SeqCst);
        return Err(Refusal::Refused(format!("cannot start a thread: {error}")));
    }
    Ok(())
}
