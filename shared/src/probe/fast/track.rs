//! One instance, from round to round.

use super::{
    group::{self, Group, Groups},
    machine::Reading,
    nics::Card,
    process::{self, Watched},
    rate::Rate,
    round::Round,
    sound::Ear,
};
use crate::{
    clock,
    config::probe::{Origin, Settings},
    host::Host,
    probe::{
        container,
        evidence::{Fast, NicReading, Process},
        figure::Figure,
        instance::{Hardware, Instance, Nic},
    },
    proc::Stat,
    reread::Pool,
};
use std::time::Instant;

pub(super) const NOT_RUNNING: &str = "QEMU does not run";

/// What is kept of it.
#[derive(Debug, Default)]
pub(super) struct Track {
    /// The last round that it was part of.
    pub round: u64,
    qemu: Option<Qemu>,
    cpu: Rate,
    cards: Vec<Card>,
    /// What only a container has.
    container: Option<Container>,
}

/// A process, and the control group that it was started in.
#[derive(Debug)]
struct Qemu {
    process: Watched,
    group: Option<Group>,
}

#[derive(Debug)]
struct Container {
    group: Group,
    cpu: Rate,
    ear: Ear,
    /// Whether QEMU was told to use a sound server.
    wants_sound: bool,
}

/// What a round looks with.
pub(super) struct Sight<'a> {
    pub settings: &'a Settings,
    pub groups: &'a Groups,
    pub machine: &'a Reading,
    pub pool: &'a mut Pool,
}

impl Track {
    pub fn sample(&mut self, instance: &Instance, round: &mut Round<'_>, sight: &mut Sight<'_>) -> Fast {
        if instance.origin == Origin::Container && self.container.is_none() {
            self.container = Some(Container::new(sight.groups.own(round.host)));
        }
        let hardware = instance.hardware.as_ref();
        // Before the process: a QEMU that ends takes its taps along, which is then seen as its end and as nothing else.
        let nics = self.nics(hardware, round, sight.pool);
        let (process, stat) = self.process(instance, round.host, sight);
        let mut fast = Fast {
            at: clock::millis(),
            process,
            cpu: Figure::unknown(process::SOURCE, NOT_RUNNING),
            memory: Figure::unknown(process::SOURCE, NOT_RUNNING),
            memory_percent: Figure::unknown(process::SOURCE, NOT_RUNNING),
            pressure: Figure::unknown(group::CPU, NOT_RUNNING),
            host_cpu: sight.machine.cpu.clone(),
            host_memory: sight.machine.memory.clone(),
            load_average: sight.machine.load.clone(),
            nics,
            sound: Figure::unknown("pactl", "it is looked for in a container only"),
        };
        if let Some(stat) = stat {
            self.qemu(&mut fast, &stat, hardware, round.now, sight);
        }
        if let Some(container) = &mut self.container {
            container.sample(&mut fast, round, sight);
        }
        fast
    }

    /// QEMU's process. One that is known needs one small read; only where it has gone another one is looked for.
    fn process(&mut self, instance: &Instance, host: &Host, sight: &mut Sight<'_>) -> (Figure<Process>, Option<Stat>) {
        if let Some(qemu) = &mut self.qemu {
            if let Some(stat) = qemu.process.read(sight.pool) {
                return (process::figure(qemu.process.pid, &stat), Some(stat));
            }
            self.qemu = None;
        }
        self.cpu.forget();
        let found = match (instance.origin, instance.vmid) {
            (Origin::Container, _) => container::find(host, sight.settings).map(|found| {
                if let Some(container) = &mut self.container {
                    container.wants_sound = found.line.sound_server;
                }
                found.pid
            }),
            (_, Some(vmid)) => process::of_vm(host, vmid),
            (_, None) => Err(Figure::unknown(process::SOURCE, "it has no VMID")),
        };
        let pid = match found {
            Ok(pid) => pid,
            Err(figure) => return (figure, None),
        };
        let Some((process, stat)) = Watched::new(host, sight.pool, pid) else {
            return (process::gone(process::SOURCE), None);
        };
        let group = instance.vmid.filter(|_| instance.origin == Origin::Pve).map(|vmid| sight.groups.of_vm(vmid));
        self.qemu = Some(Qemu { process, group });
        (process::figure(pid, &stat), Some(stat))
    }

    fn qemu(&mut self, fast: &mut Fast, stat: &Stat, hardware: Option<&Hardware>, now: Instant, sight: &mut Sight<'_>) {
        let Some(qemu) = &mut self.qemu else { return };
        let pool = &mut *sight.pool;
        let mut used = Figure::known(process::SOURCE, process::used(stat));
        let mut memory = None;
        fast.pressure = Figure::unknown(group::CPU, "it is in no control group that is known");
        if let Some(group) = &mut qemu.group {
            let by_group = group.used(pool);
            if by_group.get().is_some() {
                used = by_group;
                fast.pressure = group.pressure(pool);
                memory = Some(group.memory(pool)).filter(|memory| memory.get().is_some());
            }
        }
        let processors = hardware.and_then(|hardware| hardware.cores).or(sight.machine.processors);
        fast.cpu = match (used.get(), processors) {
            (Some(time), Some(processors)) => self.cpu.processors(used.source, *time, processors.into(), now),
            _ => Figure::unknown(used.source, "it is not known how many processors it has"),
        };
        fast.memory = memory.unwrap_or_else(|| qemu.process.resident(pool));
        fast.memory_percent = percent(&fast.memory, hardware.and_then(|hardware| hardware.memory));
    }

    fn nics(&mut self, hardware: Option<&Hardware>, round: &mut Round<'_>, pool: &mut Pool) -> Figure<Vec<NicReading>> {
        const SOURCE: &str = "/proc/net/dev, /sys/class/net";
        let Some(hardware) = hardware else { return Figure::unknown(SOURCE, "its network cards are not known") };
        let nics: &[Nic] = &hardware.nics;
        if self.cards.len() != nics.len() || !self.cards.iter().zip(nics).all(|(card, nic)| card.is_of(nic)) {
            self.cards = nics.iter().map(|nic| Card::new(round.host, nic)).collect();
        }
        Figure::known(SOURCE, self.cards.iter_mut().map(|card| card.read(round, pool)).collect())
    }
}

impl Container {
    fn new(group: Group) -> Self {
        Self { group, cpu: Rate::default(), ear: Ear::default(), wants_sound: false }
    }

    /// The container's own share takes the host's place: it is all that there is for QEMU.
    fn sample(&mut self, fast: &mut Fast, round: &Round<'_>, sight: &mut Sight<'_>) {
        let pool = &mut *sight.pool;
        let used = self.group.used(pool);
        let processors = self.group.most_processors(pool).or(sight.machine.processors.map(f64::from));
        if let (Some(used), Some(processors)) = (used.get(), processors) {
            fast.host_cpu = self.cpu.processors(group::CPU, *used, processors, round.now);
            fast.pressure = self.group.pressure(pool);
        }
        let memory = self.group.memory(pool);
        if memory.get().is_some() {
            fast.host_memory = percent(&memory, self.group.most_memory(pool).or(sight.machine.total));
        }
        fast.sound = self.ear.read(round.host, pool, self.wants_sound, round.now);
    }
}

#[allow(clippy::cast_precision_loss)]
fn percent(used: &Figure<u64>, all: Option<u64>) -> Figure<f64> {
    match all.filter(|all| *all > 0) {
        Some(all) => used.clone().map(|used| used as f64 * 100.0 / all as f64),
        None => Figure::unknown(used.source, "it is not known how much there is"),
    }
}
