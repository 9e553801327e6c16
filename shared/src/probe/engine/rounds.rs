//! The rhythms: discovery, the host's own files, QEMU, and the judgement over all of it.

use super::{
    Shared, heal,
    planner::{Planner, Question},
    slot::Slot,
    store::DEEP,
};
use crate::{
    clock::in_millis,
    config::probe::Origin,
    deadline::Deadline,
    probe::{deep::Prober, evidence::Evidence, fast::Sampler, now, remote, service::Event, slow, source::Directory},
};
use std::{
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};

/// How often instances are looked for.
const DISCOVERY: Duration = crate::config::defaults::DISCOVERY;
/// How often what a watch has told is looked at.
const WATCHED: Duration = Duration::from_secs(2);
/// How often the host's own files are read.
const FAST: Duration = crate::config::defaults::FAST;
/// How long one VM may take to answer.
const ANSWER: Duration = crate::config::defaults::ANSWER;
/// How long a costly probe or a report may take.
const LONG: Duration = Duration::from_secs(8);
/// So many VMs are asked at once.
const AT_ONCE: usize = 128;
/// How often is looked whom to ask: those who are asked together wake this program, and find it awake, together.
const BATCH: Duration = Duration::from_secs(1);
/// How often is looked whether anything is due or has changed.
const TICK: Duration = Duration::from_millis(250);

/// Looks for instances.
pub(super) fn discovery(shared: &Arc<Shared>) {
    let mut config = shared.config();
    let mut directory = Directory::new(&shared.host, &config.probe).watching();
    // The source whose failure the log has told of.
    let mut told = None;
    while !shared.stops() {
        let before = std::mem::replace(&mut config, shared.config());
        if !config.probe.looks_like(&before.probe) {
            directory = Directory::new(&shared.host, &config.probe).watching();
        }
        let every = config.probe.discovery.unwrap_or(DISCOVERY);
        let begun = Instant::now();
        let listing = directory.refresh(&Deadline::after(every.min(Duration::from_secs(20))));
        let (events, aimless) = {
            let mut store = shared.store();
            store.rounds.discovery = in_millis(begun.elapsed());
            (store.list(Arc::clone(&listing), now()), store.aimless())
        };
        let failed = listing.failed().map(|attempt| attempt.source);
        if failed != told {
            shared.log().info(&match listing.failed() {
                Some(attempt) => {
                    format!("warning: {}: {}; next: vm-probe discover", attempt.source.word(), attempt.detail)
                }
                None => format!("{}: answers again", told.map_or("the source", Origin::word)),
            });
            told = failed;
        }
        for aimless in aimless {
            shared.log().info(&format!("warning: {aimless}"));
        }
        shared.tell(&events);
        // What a watch has told lies ready: nobody has to wait for the next round.
        let watched = shared.store().listing.origin == Some(Origin::Kubernetes);
        let until = Instant::now() + if watched { every.min(WATCHED) } else { every };
        while Instant::now() < until && !shared.stops() {
            let asked = shared.asked.lock().unwrap_or_else(PoisonError::into_inner);
            let left = until.saturating_duration_since(Instant::now()).min(Duration::from_secs(1));
            let waited = shared.bell.wait_timeout_while(asked, left, |asked| !*asked && !shared.stops());
            let (mut asked, _) = waited.unwrap_or_else(PoisonError::into_inner);
            if std::mem::take(&mut *asked) {
                break;
            }
        }
    }
}

/// Reads the host's own files.
pub(super) fn fast(shared: &Arc<Shared>) {
    let mut config = shared.config();
    let mut sampler = Sampler::new(&shared.host, &config.probe);
    loop {
        let before = std::mem::replace(&mut config, shared.config());
        if !config.probe.reads_like(&before.probe) {
            sampler = Sampler::new(&shared.host, &config.probe);
        }
        let every = config.probe.fast.unwrap_or(FAST);
        let listing = Arc::clone(&shared.store().listing);
        let begun = Instant::now();
        let readings = sampler.sample(&listing.instances);
        {
            let mut store = shared.store();
            store.rounds.fast = in_millis(begun.elapsed());
            for (instance, fast) in listing.instances.iter().zip(readings) {
                if let Some(fast) = fast {
                    store.fast(&instance.id, fast);
                }
            }
        }
        // Until there are instances, there is nothing to wait for.
        let pause = if listing.at == 0 { TICK } else { every };
        if !shared.rest_by(&config, pause) {
            return;
        }
    }
}

/// Asks QEMU, one VM after the other, many at once.
pub(super) fn deep(shared: &Arc<Shared>) {
    let mut prober = match Prober::new(&shared.host) {
        Ok(prober) => prober,
        Err(error) => return shared.log().warn(&format!("QEMU cannot be asked: {error:#}")),
    };
    while !shared.stops() {
        let answer = shared.config().probe.answer.unwrap_or(ANSWER);
        let most = AT_ONCE.saturating_sub(prober.in_flight());
        let due = shared.store().deep_due(now(), most);
        // More may be due: they are begun as soon as there is room.
        let is_full = due.len() == most;
        for target in due {
            prober.begin(target, answer);
        }
        let until = Instant::now() + BATCH;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let answers = if prober.in_flight() == 0 { Vec::new() } else { prober.poll(left) };
            if !answers.is_empty() {
                let mut store = shared.store();
                for (id, deep) in answers {
                    store.rounds.deep = deep.took;
                    store.deep(&id, deep);
                }
            }
            if left.is_zero() || prober.in_flight() == 0 || is_full && prober.in_flight() < AT_ONCE / 2 {
                break;
            }
        }
        if prober.in_flight() == 0 && !is_full && !shared.rest(until.saturating_duration_since(Instant::now())) {
            return;
        }
    }
}

/// Judges what has come, hands out what else is due, heals what may be healed, and shows it. Whatever may hang is done
/// beside it, and never while it holds the store.
pub(super) fn judge(shared: &Arc<Shared>) {
    let mut shown = (0, Arc::default());
    let mut planner = Planner::default();
    loop {
        let time = now();
        hand_out(shared, time);
        let judged = judge_all(shared, time, planner.is_free());
        let answers = planner.ask(shared, judged.questions, judged.ill_at_once);
        let (ready, save, snapshot) = {
            let mut guard = shared.store();
            let store = &mut *guard;
            let ready = planner.note(store, answers);
            let (shown_at, listing) = &shown;
            let is_new = judged.is_new
                || time.abs_diff(*shown_at) >= every(shared)
                || !Arc::ptr_eq(listing, &store.listing)
                || store.slots.iter().any(Slot::is_touched);
            let save = if shared.writes() { None } else { store.recorder.due(time) };
            (ready, save, is_new.then(|| store.snapshot(time)))
        };
        if let Some(snapshot) = snapshot {
            shown = (time, Arc::clone(&snapshot.listing));
            shared.show(snapshot);
        }
        if let Some(save) = save {
            shared.write(save);
        }
        shared.tell(&judged.events);
        for question in ready {
            // Refused is told with the reading.
            let _ = heal::begin(
                shared,
                question.id,
                question.evidence,
                question.verdict,
                heal::by_policy(judged.ill_at_once),
            );
        }
        if !shared.rest(TICK * 2) {
            return;
        }
    }
}

/// How often all are judged, and shown.
fn every(shared: &Shared) -> u64 {
    in_millis(shared.config().probe.fast.unwrap_or(FAST).min(DEEP))
}

/// What a judgement found.
struct Judged {
    is_new: bool,
    events: Vec<Event>,
    questions: Vec<Question>,
    ill_at_once: usize,
}

/// Judges those of whom something has come, and from time to time all: what nobody measures any more grows old.
fn judge_all(shared: &Shared, time: u64, ask: bool) -> Judged {
    let mut guard = shared.store();
    let store = &mut *guard;
    let every = every(shared);
    let (mut is_new, mut events) = (false, Vec::new());
    for slot in store.slots.iter_mut().filter(|slot| time.abs_diff(slot.judged) >= every) {
        is_new |= slot.is_touched();
        let round = slot.is_round();
        let changed = slot.judge(&store.settings.limits, time);
        if changed || round {
            is_new = true;
            slot.touch();
            slot.plan_anew();
        }
        if slot.is_seen() && (slot.is_first() || changed || round) {
            events.extend(store.recorder.reading(&slot.reading(), time));
        }
    }
    let questions = if ask { store.slots.iter_mut().filter_map(Slot::question).collect() } else { Vec::new() };
    Judged { is_new, events, questions, ill_at_once: store.ill() }
}

fn hand_out(shared: &Arc<Shared>, time: u64) {
    let (remote, costly, checks) = shared.store().others_due(time);
    for instance in remote {
        let shared2 = Arc::clone(shared);
        shared.jobs.add(move || {
            if let Some(answer) = remote::ask(&instance, &Deadline::after(LONG)) {
                shared2.store().remote(&instance.id, answer);
            }
        });
    }
    for instance in costly {
        let shared2 = Arc::clone(shared);
        shared.jobs.add(move || {
            let answer = slow::look(&shared2.host, &instance, &shared2.config().probe, &Deadline::after(LONG));
            shared2.store().slow(&instance.id, answer);
        });
    }
    for job in checks {
        let shared2 = Arc::clone(shared);
        shared.jobs.add(move || {
            let checked = job.run(&shared2.host);
            shared2.store().checked(job.id(), job.name(), checked);
        });
    }
}

/// What is known of an instance, measured anew: after a recovery nothing old counts.
pub(super) fn look_again(shared: &Shared, evidence: &Evidence) -> Evidence {
    let deadline = Deadline::after(LONG);
    crate::probe::look::one(&shared.host, &shared.config().probe, &evidence.instance, &deadline)
}

/// Something to tell about a recovery.
pub(super) fn told(id: &str, text: String) -> Event {
    Event { at: now(), kind: "recovery", id: Some(id.to_owned()), text }
}
