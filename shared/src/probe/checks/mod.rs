//! The administrator's own checks: which are due, and what came of each. Running them is the caller's: each job blocks, by a
//! deadline of its own, and is best run by one of a few threads.

mod fill;
mod http;
mod job;
mod plan;
mod schedule;
mod tcp;
#[cfg(test)]
mod tests;

pub use job::Job;

use super::instance::{Instance, Power};
use crate::{config::probe::Settings, host::Host};
use anyhow::Result;
use http::Roots;
use plan::Plan;
use schedule::Slot;
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::{Arc, atomic::Ordering},
};

/// The checks, and when each is due for each VM.
#[derive(Debug)]
pub struct Checks {
    plans: Vec<Arc<Plan>>,
    /// By the plan's number, then by instance.
    slots: Vec<BTreeMap<String, Slot>>,
    /// What guests said of their addresses.
    addresses: BTreeMap<String, IpAddr>,
    roots: Arc<Roots>,
    told: BTreeSet<String>,
}

impl Checks {
    /// Looks at the settings; what is wrong with a check is said with its name.
    pub fn new(host: &Host, settings: &Settings) -> Result<Self> {
        let plans = settings.checks.iter().map(|(name, check)| Plan::new(name, check, &settings.written).map(Arc::new));
        let plans = plans.collect::<Result<Vec<_>>>()?;
        let slots = plans.iter().map(|_| BTreeMap::new()).collect();
        let roots = Arc::new(Roots::new(host));
        Ok(Self { plans, slots, addresses: BTreeMap::new(), roots, told: BTreeSet::new() })
    }

    /// Goes on with others, and returns the names of those that are as before: they keep their rhythm, and what they said still
    /// holds. What guests said of their addresses is not forgotten either.
    pub fn replace(&mut self, mut others: Self) -> BTreeSet<String> {
        let mut same = BTreeSet::new();
        for (plan, slots) in others.plans.iter().zip(&mut others.slots) {
            let before = self.plans.iter().zip(&mut self.slots).find(|(before, _)| *before == plan);
            if let Some((_, known)) = before {
                *slots = std::mem::take(known);
                same.insert(plan.name.clone());
            }
        }
        others.addresses = std::mem::take(&mut self.addresses);
        *self = others;
        same
    }

    /// Whether there are any.
    pub fn is_empty(&self) -> bool {
        self.plans.is_empty()
    }

    /// Whether a check is for an instance as it is now: its last answer counts only as long.
    pub fn applies(&self, check: &str, instance: &Instance) -> bool {
        self.plans.iter().any(|plan| plan.name == check && plan.is_for(instance))
    }

    /// Notes the addresses that a guest has, as its agent says: `{ip}` stands for the first one that can be one.
    pub fn learn(&mut self, id: &str, addresses: &[String]) {
        let ours = fill::own_addresses();
        match addresses.iter().filter_map(|text| fill::address(text)).find(|address| !ours.contains(address)) {
            Some(address) => _ = self.addresses.insert(id.to_owned(), address),
            None => _ = self.addresses.remove(id),
        }
    }

    /// The jobs that are due by `now` (milliseconds since 1970). One that still runs is none of them.
    pub fn due(&mut self, instances: &[Arc<Instance>], now: u64) -> Vec<Job> {
        self.jobs(instances, |slot, plan, id| slot.is_due(plan, id, now))
    }

    /// All jobs, due or not, but for those that run: for a program that looks once.
    pub fn all(&mut self, instances: &[Arc<Instance>]) -> Vec<Job> {
        self.jobs(instances, |_, _, _| true)
    }

    /// Names that checks are for and no instance has, each told once.
    pub fn unknown(&mut self, instances: &[Arc<Instance>]) -> Vec<String> {
        let there =
            |name: &String| instances.iter().any(|instance| instance.id == *name || Plan::named(name, instance));
        let mut warnings = Vec::new();
        for plan in &self.plans {
            for name in plan.vms.iter().filter(|name| !there(name)) {
                let warning = format!("check {}: there is no VM {name}", plan.name);
                if self.told.insert(warning.clone()) {
                    warnings.push(warning);
                }
            }
        }
        warnings
    }

    fn jobs(&mut self, instances: &[Arc<Instance>], wanted: impl Fn(&mut Slot, &Plan, &str) -> bool) -> Vec<Job> {
        let mut jobs = Vec::new();
        for (plan, slots) in self.plans.iter().zip(&mut self.slots) {
            let mut present = 0;
            for instance in instances.iter().filter(|instance| plan.is_for(instance)) {
                present += 1;
                let slot = match slots.get_mut(&instance.id) {
                    Some(slot) => slot,
                    None => slots.entry(instance.id.clone()).or_default(),
                };
                if !wanted(slot, plan, &instance.id) || slot.running.swap(true, Ordering::AcqRel) {
                    continue;
                }
                let address = self.addresses.get(&instance.id).copied();
                jobs.push(Job::new(plan, instance, address, &self.roots, &slot.running));
            }
            if slots.len() > present {
                let ids: BTreeSet<_> = instances.iter().filter(|i| plan.is_for(i)).map(|i| i.id.as_str()).collect();
                slots.retain(|id, _| ids.contains(id.as_str()));
            }
        }
        jobs
    }
}

/// Nothing is asked of what is off.
fn is_on(instance: &Instance) -> bool {
    !instance.template && instance.power != Power::Stopped
}
