//! The host's ends of a VM's network cards: `tap111i0` in `vmbr0`, or behind PVE's firewall `tap111i0` → `fwbr111i0` →
//! `fwln111i0` = `fwpr111p0` → `vmbr0`. With Open vSwitch the port is `fwln111o0`, and no master says which switch it is in.

use super::rate::TWO;
use crate::{
    host::Host,
    net::{Counters, Interface, Link, Table, is_bridge},
    probe::{
        evidence::{NicReading, Path, Rates},
        figure::Figure,
        instance::Nic,
    },
    reread::Pool,
};
use std::{collections::HashMap, io, time::Instant};

const DEVICES: &str = "/proc/net/dev";
const SYSFS: &str = "/sys/class/net";
/// What every port of Open vSwitch has for a master.
const OVS: &str = "ovs-system";

/// What is the same for all VMs of a round.
pub(super) struct Round<'a> {
    pub host: &'a Host,
    pub table: Result<Table<'a>, String>,
    pub now: Instant,
    bridges: HashMap<String, Bridge>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Bridge {
    Up,
    Down,
    /// Open vSwitch: whether its own interface is up says nothing about its ports.
    Foreign,
}

impl<'a> Round<'a> {
    pub fn new(host: &'a Host, table: Result<Table<'a>, String>, now: Instant) -> Self {
        Self { host, table, now, bridges: HashMap::new() }
    }

    fn bridge(&mut self, name: &str, pool: &mut Pool) -> io::Result<Bridge> {
        if let Some(known) = self.bridges.get(name) {
            return Ok(*known);
        }
        let state = match is_bridge(self.host, name) {
            false => Bridge::Foreign,
            true if Interface::new(self.host, name).link(pool)? == Link::Down => Bridge::Down,
            true => Bridge::Up,
        };
        self.bridges.insert(name.to_owned(), state);
        Ok(state)
    }
}

/// One card, from round to round.
#[derive(Debug)]
pub(super) struct Card {
    nic: Nic,
    tap: Interface,
    wall: Option<Wall>,
    before: Option<(Instant, Counters)>,
}

/// The firewall's bridge and its way out.
#[derive(Debug)]
struct Wall {
    bridge: Interface,
    inside: Interface,
    outside: Interface,
    switch: String,
}

impl Card {
    pub fn new(host: &Host, nic: &Nic) -> Self {
        let wall = nic.tap.strip_prefix("tap").and_then(|rest| rest.split_once('i')).filter(|_| nic.firewall);
        let wall = wall.map(|(vm, n)| {
            let interface = |name: String| Interface::new(host, &name);
            Wall {
                bridge: interface(format!("fwbr{vm}i{n}")),
                inside: interface(format!("fwln{vm}i{n}")),
                outside: interface(format!("fwpr{vm}p{n}")),
                switch: format!("fwln{vm}o{n}"),
            }
        });
        Self { tap: Interface::new(host, &nic.tap), nic: nic.clone(), wall, before: None }
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
                let link = self.tap.link(pool);
                reading.up = figure(link.map(|link| link == Link::Up));
                reading.path = figure(self.path(round, pool, &mut reading.bridge));
                reading.counters = counters(round, &self.nic.tap);
                reading.rates = self.rates(&reading.counters, round.now);
            }
            Ok(false) => self.before = None,
            Err(why) => {
                reading.up = Figure::unknown(SYSFS, why.clone());
                reading.path = Figure::unknown(SYSFS, why.clone());
                reading.counters = Figure::unknown(DEVICES, why.clone());
                reading.rates = Figure::unknown(DEVICES, why);
            }
        }
        reading
    }

    fn present(&self, round: &Round<'_>) -> Figure<bool> {
        match &round.table {
            _ if self.nic.tap.is_empty() => Figure::unknown(DEVICES, "QEMU itself is the network, there is no tap"),
            Err(why) => Figure::unknown(DEVICES, why.clone()),
            Ok(table) => Figure::known(DEVICES, table.has(&self.nic.tap)),
        }
    }

    /// The way from the tap to the bridge. Whether the tap itself is up is told apart from it. Where no bridge is expected,
    /// that which the tap is in is told.
    fn path(&mut self, round: &mut Round<'_>, pool: &mut Pool, bridge: &mut Option<String>) -> io::Result<Path> {
        let expected = Expected { bridge: self.nic.bridge.as_deref(), tag: self.nic.tag };
        let missing = |name: &str, round: &Round<'_>| !round.table.as_ref().is_ok_and(|table| table.has(name));
        // The firewall that works by nftables does without a bridge of its own (`needs_fwbr` in `PVE::Firewall::Helpers`).
        let wall = self.wall.as_mut().filter(|wall| !missing(wall.bridge.name(), round));
        let Some(wall) = wall else { return port(&self.tap, expected, round, pool, bridge) };
        let switched = !missing(&wall.switch, round);
        let inside = if switched { wall.switch.clone() } else { wall.inside.name().to_owned() };
        let outside = [wall.outside.name()].into_iter().filter(|_| !switched);
        for name in [inside.as_str()].into_iter().chain(outside).chain(expected.bridge) {
            if missing(name, round) {
                return Ok(Path::Missing(name.to_owned()));
            }
        }
        if wall.bridge.link(pool)? == Link::Down {
            return Ok(Path::Down(wall.bridge.name().to_owned()));
        }
        let switch = switched.then(|| Interface::new(round.host, &wall.switch));
        for interface in [&self.tap, switch.as_ref().unwrap_or(&wall.inside)] {
            if interface.master()?.as_deref() != Some(wall.bridge.name()) {
                return Ok(no_port(interface, wall.bridge.name()));
            }
        }
        if let Some(mut switch) = switch {
            let down = switch.link(pool)? == Link::Down;
            return Ok(if down { Path::Down(wall.switch.clone()) } else { Path::Whole });
        }
        match wall.outside.link(pool)? {
            Link::Up => port(&wall.outside, expected, round, pool, bridge),
            Link::Down => Ok(Path::Down(wall.outside.name().to_owned())),
            // One end of a cable has no carrier when the other is down.
            Link::NoCarrier => Ok(Path::Down(wall.inside.name().to_owned())),
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

/// The bridge that a port ought to be in. A VLAN may have one of its own: `activate_bridge_vlan` in `PVE::Network`.
#[derive(Clone, Copy)]
struct Expected<'a> {
    bridge: Option<&'a str>,
    tag: Option<u16>,
}

impl Expected<'_> {
    fn allows(self, master: &str) -> bool {
        let Some(bridge) = self.bridge else { return true };
        let vlan =
            |rest: &str| self.tag.is_some() && rest.strip_prefix('v').and_then(|tag| tag.parse().ok()) == self.tag;
        master == bridge || master.strip_prefix(bridge).is_some_and(vlan)
    }
}

/// Whether the last interface is a port of its bridge, and the bridge is up.
fn port(
    last: &Interface,
    expected: Expected<'_>,
    round: &mut Round<'_>,
    pool: &mut Pool,
    bridge: &mut Option<String>,
) -> io::Result<Path> {
    let master = last.master()?;
    if let Some(name) = expected.bridge
        && !round.table.as_ref().is_ok_and(|table| table.has(name))
    {
        return Ok(Path::Missing(name.to_owned()));
    }
    let name = match (master.as_deref(), expected.bridge) {
        (Some(OVS), _) => return Ok(Path::Whole),
        (Some(master), _) if expected.allows(master) => master,
        (None, None) => return Err(io::Error::other("it is in no bridge, and none is told")),
        (None, Some(name)) if round.bridge(name, pool)? == Bridge::Foreign => {
            return Err(io::Error::other(format!("{name} is no bridge of the kernel's, its ports cannot be told")));
        }
        (_, Some(name)) => return Ok(no_port(last, name)),
        (Some(_), None) => return Err(io::Error::other("it is in no bridge, and none is told")),
    };
    bridge.get_or_insert_with(|| name.to_owned());
    Ok(match round.bridge(name, pool)? {
        Bridge::Down => Path::Down(name.to_owned()),
        Bridge::Up | Bridge::Foreign => Path::Whole,
    })
}

fn no_port(interface: &Interface, bridge: &str) -> Path {
    Path::NoPort { interface: interface.name().to_owned(), bridge: bridge.to_owned() }
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
