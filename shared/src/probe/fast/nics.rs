//! The host's ends of a VM's network cards, from round to round.

use super::{path::Way, rate::TWO, round::Round};
use crate::{
    host::Host,
    net::{Counters, Interface, Link},
    probe::{
        evidence::{NicReading, Path, Rates},
        figure::Figure,
        instance::Nic,
    },
    reread::Pool,
};
use std::{io, time::Instant};

const DEVICES: &str = "/proc/net/dev";
const SYSFS: &str = "/sys/class/net";

/// One card, from round to round.
#[derive(Debug)]
pub(super) struct Card {
    nic: Nic,
    tap: Interface,
    way: Way,
    before: Option<(Instant, Counters)>,
    seen: Option<Seen>,
}

/// How the interfaces were when they were looked at, which they are until the kernel tells of a change.
#[derive(Debug, Clone)]
struct Seen {
    up: bool,
    path: Path,
    bridge: Option<String>,
}

impl Card {
    pub fn new(host: &Host, nic: &Nic) -> Self {
        Self {
            tap: Interface::new(host, &nic.tap),
            way: Way::new(host, nic),
            nic: nic.clone(),
            before: None,
            seen: None,
        }
    }

    /// Whether this is about that card.
    pub fn is_of(&self, nic: &Nic) -> bool {
        self.nic == *nic
    }

    pub fn read(&mut self, round: &mut Round<'_>, pool: &mut Pool) -> NicReading {
        let mut reading = NicReading {
            key: self.nic.key.clone(),
            tap: self.nic.tap.clone(),
            bridge: self.nic.bridge.clone(),
            link_down: self.nic.link_down,
            present: self.present(round),
            up: Figure::unknown(SYSFS, "there is no such interface"),
            path: Figure::unknown(SYSFS, "there is no such interface"),
            counters: Figure::unknown(DEVICES, "there is no such interface"),
            rates: Figure::unknown(DEVICES, "there is no such interface"),
        };
        match reading.present.value.clone() {
            Ok(true) => {
                self.look(&mut reading, round, pool);
                reading.counters = counters(round, &self.nic.tap);
                reading.rates = self.rates(&reading.counters, round.now);
            }
            Ok(false) => (self.before, self.seen) = (None, None),
            Err(why) => {
                self.seen = None;
                reading.up = Figure::unknown(SYSFS, why.clone());
                reading.path = Figure::unknown(SYSFS, why.clone());
                reading.counters = Figure::unknown(DEVICES, why.clone());
                reading.rates = Figure::unknown(DEVICES, why);
            }
        }
        reading
    }

    /// How the tap and the way to its bridge are.
    fn look(&mut self, reading: &mut NicReading, round: &mut Round<'_>, pool: &mut Pool) {
        if round.changed || self.seen.is_none() {
            let link = self.tap.link(pool);
            reading.up = figure(link.map(|link| link == Link::Up));
            reading.path = figure(self.way.look(&mut self.tap, round, pool, &mut reading.bridge));
            self.seen = match (reading.up.get(), reading.path.get()) {
                (Some(up), Some(path)) => Some(Seen { up: *up, path: path.clone(), bridge: reading.bridge.clone() }),
                // What could not be told is tried again.
                _ => None,
            };
        } else if let Some(seen) = &self.seen {
            reading.up = Figure::known(SYSFS, seen.up);
            reading.path = Figure::known(SYSFS, seen.path.clone());
            reading.bridge.clone_from(&seen.bridge);
        }
    }

    fn present(&self, round: &Round<'_>) -> Figure<bool> {
        match &round.table {
            _ if self.nic.tap.is_empty() => Figure::unknown(DEVICES, "QEMU itself is the network, there is no tap"),
            Err(why) => Figure::unknown(DEVICES, why.clone()),
            Ok(table) => Figure::known(DEVICES, table.has(&self.nic.tap)),
        }
    }

    fn rates(&mut self, counters: &Figure<Counters>, now: Instant) -> Figure<Rates> {
        let Some(current) = counters.get().copied() else {
            self.before = None;
            return Figure::unknown(DEVICES, counters.reason().unwrap_or_default().to_owned());
        };
        let Some((then, before)) = self.before.replace((now, current)) else { return Figure::unknown(DEVICES, TWO) };
        let seconds = now.saturating_duration_since(then).as_secs_f64();
        if !current.follows(&before) {
            return Figure::unknown(DEVICES, "its counters began anew");
        }
        if seconds <= 0.0 {
            return Figure::unknown(DEVICES, "no time passed between two readings");
        }
        #[allow(clippy::cast_precision_loss)]
        let rate = |count: fn(&Counters) -> u64| count(&current).saturating_sub(count(&before)) as f64 / seconds;
        Figure::known(
            DEVICES,
            Rates {
                rx_bytes: rate(|c| c.rx_bytes),
                tx_bytes: rate(|c| c.tx_bytes),
                errors: rate(|c| c.rx_errors.saturating_add(c.tx_errors)),
                dropped: rate(|c| c.rx_dropped.saturating_add(c.tx_dropped)),
            },
        )
    }
}

fn figure<T>(read: io::Result<T>) -> Figure<T> {
    Figure { value: read.map_err(|error| error.to_string().into()), source: SYSFS }
}

fn counters(round: &Round<'_>, name: &str) -> Figure<Counters> {
    match round.table.as_ref().ok().and_then(|table| table.counters(name)) {
        Some(counters) => Figure::known(DEVICES, counters),
        None => Figure::unknown(DEVICES, "its counters cannot be read"),
    }
}
