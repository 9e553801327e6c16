//! The fast tier: what the host's own files say of every VM, every few seconds. It asks nobody, so nothing keeps it waiting.

mod group;
mod machine;
mod nics;
mod path;
mod process;
mod rate;
mod round;
mod sound;
#[cfg(test)]
mod tests;
mod track;

use super::{evidence::Fast, instance::Instance};
use crate::{
    config::probe::{Origin, Settings},
    host::Host,
    net::{Changes, read_table},
    reread::Pool,
};
use group::Groups;
use machine::Machine;
use round::Round;
use std::{collections::HashMap, sync::Arc, time::Instant};
use track::{Sight, Track};

/// So many rounds may an interface go without a look when the kernel says that none has changed.
const LOOK: u64 = 6;

/// Takes the fast tier's readings, and keeps the readings before, as rates need two.
#[derive(Debug)]
pub struct Sampler {
    host: Host,
    settings: Settings,
    pool: Pool,
    groups: Groups,
    machine: Machine,
    devices: Vec<u8>,
    changes: Changes,
    tracks: HashMap<String, Track>,
    round: u64,
}

impl Sampler {
    /// A sampler that has seen nothing yet.
    pub fn new(host: &Host, settings: &Settings) -> Self {
        Self {
            host: host.clone(),
            settings: settings.clone(),
            pool: Pool::new(host),
            groups: Groups::new(host, settings),
            machine: Machine::new(host),
            devices: Vec::new(),
            changes: Changes::new(host),
            tracks: HashMap::new(),
            round: 0,
        }
    }

    /// One round, in the order of `instances`; `None` for those of other machines. Instances that are not among them are
    /// forgotten.
    pub fn sample(&mut self, instances: &[Arc<Instance>]) -> Vec<Option<Fast>> {
        self.round += 1;
        let now = Instant::now();
        // Of a carrier that was lost, the kernel may tell up to a second later.
        let changed = self.changes.any() || self.round.is_multiple_of(LOOK);
        let machine = self.machine.read(&mut self.pool, now);
        let table = read_table(&self.host, &mut self.devices).map_err(|error| error.to_string());
        let mut round = Round::new(&self.host, table, now, changed);
        let mut sight =
            Sight { settings: &self.settings, groups: &self.groups, machine: &machine, pool: &mut self.pool };
        let mut sampled = Vec::with_capacity(instances.len());
        for instance in instances {
            if !matches!(instance.origin, Origin::Pve | Origin::Container) {
                sampled.push(None);
                continue;
            }
            let track = match self.tracks.get_mut(&instance.id) {
                Some(known) => known,
                None => self.tracks.entry(instance.id.clone()).or_default(),
            };
            track.round = self.round;
            sampled.push(Some(track.sample(instance, &mut round, &mut sight)));
        }
        self.tracks.retain(|_, track| track.round == self.round);
        sampled
    }
}
