//! What is known of every instance. Each tier writes only its own part.

use super::{heal::RECOVERY, slot::Slot, slots::Slots};
use crate::{
    clock::in_millis,
    config::probe::Settings,
    host::Host,
    probe::{
        checks::{Checks, Job},
        classify::Patience,
        deep::Target,
        evidence::{Agent, Checked, Deep, Fast, ProcessState, Remote, Slow},
        history::Recorder,
        instance::{Instance, Power},
        look::target,
        service::{Event, Listing, Recoveries, Rounds, Snapshot},
        verdict::Status,
    },
};
use anyhow::Result;
use std::{sync::Arc, time::Duration};

/// The store.
pub(super) struct Store {
    pub(super) settings: Settings,
    pub(super) listing: Arc<Listing>,
    pub(super) slots: Slots,
    pub(super) recorder: Recorder,
    pub(super) rounds: Rounds,
    pub(super) recoveries: Recoveries,
    checks: Checks,
}

impl Store {
    pub(super) fn new(host: &Host, settings: &Settings) -> Result<Self> {
        Ok(Self {
            settings: settings.clone(),
            listing: Arc::default(),
            slots: Slots::default(),
            recorder: Recorder::new(host),
            rounds: Rounds::default(),
            recoveries: Recoveries::default(),
            checks: Checks::new(host, settings)?,
        })
    }

    /// Goes on by other settings: what was measured and what was counted stays. Where they are no good, nothing changes.
    pub(super) fn configure(&mut self, host: &Host, settings: &Settings) -> Result<()> {
        let checks = Checks::new(host, settings)?;
        let same = self.checks.replace(checks);
        self.settings = settings.clone();
        let patience = Patience::of(settings);
        for slot in self.slots.iter_mut() {
            slot.evidence.checks.retain(|name, _| same.contains(name));
            slot.configure(patience);
        }
        Ok(())
    }

    /// The newest list. What was measured of those that stay, stays.
    pub(super) fn list(&mut self, listing: Arc<Listing>, now: u64) -> Vec<Event> {
        let event = |id: &str, text: String| Event { at: now, kind: "discovery", id: Some(id.to_owned()), text };
        let mut events = Vec::new();
        let patience = Patience::of(&self.settings);
        let first = self.listing.at == 0;
        let interval = in_millis(self.settings.deep.unwrap_or(DEEP));
        let count = u64::try_from(listing.instances.len()).unwrap_or(1).max(1);
        let (come, gone) = self.slots.arrange(&listing.instances, |n, instance| {
            let mut slot = Slot::new(Arc::clone(instance), patience);
            // Everybody is asked at once at first, so that there is an answer soon; then one after the other.
            slot.remote_due = now + if first { 0 } else { interval * u64::try_from(n).unwrap_or(0) / count };
            slot
        });
        if !first {
            for id in come {
                let name = self.slots.get_mut(&id).map_or(id.clone(), |slot| slot.evidence.instance.name.clone());
                events.push(event(&id, format!("{name} has come")));
            }
        }
        events.extend(gone.iter().map(|id| event(id, format!("{id} is gone"))));
        for slot in self.slots.iter_mut() {
            let checks = &self.checks;
            let before = slot.evidence.checks.len();
            let instance = &slot.evidence.instance;
            slot.evidence.checks.retain(|name, _| checks.applies(name, instance));
            if slot.evidence.checks.len() != before {
                slot.measured();
            }
        }
        self.listing = listing;
        for event in &events {
            self.recorder.event(event.id.as_deref().unwrap_or_default(), event);
        }
        events
    }

    /// Checks that are for a VM that there is not: once told.
    pub(super) fn aimless(&mut self) -> Vec<String> {
        self.checks.unknown(&self.listing.instances)
    }

    /// Whom to ask now, at most so many.
    pub(super) fn deep_due(&mut self, now: u64, most: usize) -> Vec<Target> {
        let interval = in_millis(self.settings.deep.unwrap_or(DEEP));
        let count = u64::try_from(self.listing.instances.len()).unwrap_or(1).max(1);
        let mut targets = Vec::new();
        for (n, slot) in (0..).zip(self.slots.iter_mut()) {
            if targets.len() >= most {
                break;
            }
            // A recovery looks for itself, and finds the monitor free. One that hangs beyond its end hides nothing.
            let heals = slot.healing && now.abs_diff(slot.heals_since) < in_millis(RECOVERY);
            if waits(slot.deep_due, now, interval) || heals || slot.asking {
                continue;
            }
            let Some(mut target) = target(&slot.evidence.instance) else { continue };
            let process = slot.evidence.fast.as_ref().and_then(|fast| fast.process.get());
            target.pid = process.filter(|process| process.pid > 0).map(|process| process.pid);
            let first = slot.deep_due == 0;
            // After the first round, they are spread over the interval.
            slot.deep_due = if first {
                now + interval * (n + 1) / count
            } else {
                slot.deep_due.clamp(now - interval, now) + interval
            };
            slot.asking = true;
            targets.push(target);
        }
        targets
    }

    /// Whose own report is due, and whose costly probes.
    pub(super) fn others_due(&mut self, now: u64) -> (Vec<Arc<Instance>>, Vec<Arc<Instance>>, Vec<Job>) {
        let settings = &self.settings;
        let costly = settings.frames || settings.audio || settings.agent || settings.memory;
        let (mut remote, mut slow) = (Vec::new(), Vec::new());
        for slot in self.slots.iter_mut() {
            let instance = &slot.evidence.instance;
            let (deep, often) = (in_millis(settings.deep.unwrap_or(DEEP)), in_millis(settings.slow.unwrap_or(SLOW)));
            if instance.health_url.is_some() && !waits(slot.remote_due, now, deep) {
                slot.remote_due = now + deep;
                remote.push(Arc::clone(instance));
            }
            let on = instance.qmp.is_some() && instance.power != Power::Stopped;
            if costly && on && !waits(slot.slow_due, now, often) {
                slot.slow_due = now + often;
                slow.push(Arc::clone(instance));
            }
        }
        (remote, slow, self.checks.due(&self.listing.instances, now))
    }

    pub(super) fn fast(&mut self, id: &str, fast: Fast) {
        self.put(id, |slot| {
            let pid =
                |fast: &Fast| fast.process.get().map(|process| (process.pid, process.state == ProcessState::Gone));
            let before = slot.evidence.fast.as_deref().and_then(pid);
            // What another QEMU said, or this one before it ended, is not this one's.
            if before.is_some() && before != pid(&fast) {
                slot.evidence.deep = None;
                slot.deep_due = 0;
            }
            slot.evidence.fast = Some(Arc::new(fast));
        });
    }

    pub(super) fn deep(&mut self, id: &str, deep: Deep) {
        self.put(id, |slot| {
            slot.evidence.deep = Some(Arc::new(deep));
            slot.asking = false;
        });
    }

    pub(super) fn slow(&mut self, id: &str, slow: Slow) {
        if let Some(Agent::Ok { addresses, .. }) = slow.agent.get() {
            self.checks.learn(id, addresses);
        }
        self.put(id, |slot| slot.evidence.slow = Some(Arc::new(slow)));
    }

    pub(super) fn remote(&mut self, id: &str, remote: Remote) {
        self.put(id, |slot| slot.evidence.remote = Some(Arc::new(remote)));
    }

    pub(super) fn checked(&mut self, id: &str, name: &str, checked: Checked) {
        self.put(id, |slot| {
            slot.evidence.checks.insert(name.to_owned(), checked);
        });
    }

    fn put(&mut self, id: &str, set: impl FnOnce(&mut Slot)) {
        if let Some(slot) = self.slots.get_mut(id) {
            set(slot);
            slot.measured();
        }
    }

    /// How many are ill: many at once are the node's fault.
    pub(super) fn ill(&self) -> usize {
        self.slots.iter().filter(|slot| slot.verdict.status == Status::Unhealthy).count()
    }

    /// As it is shown.
    pub(super) fn snapshot(&mut self, now: u64) -> Snapshot {
        let listing = Arc::clone(&self.listing);
        let readings = self.slots.iter_mut().map(Slot::reading).collect();
        Snapshot { at: now, listing, readings, rounds: self.rounds, recoveries: Some(self.recoveries) }
    }
}

/// How often QEMU is asked.
pub(super) const DEEP: Duration = crate::config::defaults::DEEP;
/// How often the costly probes run.
const SLOW: Duration = crate::config::defaults::SLOW;

/// Whether its time has not come yet. What is further away than it can have been put was put there before the clock was set
/// back: nobody waits until the clock has caught up.
pub(super) fn waits(due: u64, now: u64, interval: u64) -> bool {
    due > now && due - now <= interval
}
