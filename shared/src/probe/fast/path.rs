//! The way from a tap to its bridge. `tap111i0` is a port of `vmbr0`; or behind PVE's firewall, of `fwbr111i0`, and a cable
//! with the ends `fwln111i0` and `fwpr111p0` leads on to `vmbr0`. With Open vSwitch the firewall's bridge has the switch's
//! own port `fwln111o0`, and no master says in which of the switches a port is.

use super::round::{Bridge, Round};
use crate::{
    host::Host,
    net::{Interface, Link},
    probe::{evidence::Path, instance::Nic},
    reread::Pool,
};
use std::io;

/// What every port of Open vSwitch has for a master.
const OVS: &str = "ovs-system";

/// The way as it ought to be.
#[derive(Debug)]
pub(super) struct Way {
    bridge: Option<String>,
    tag: Option<u16>,
    wall: Option<Wall>,
}

/// The firewall's bridge and its way out.
#[derive(Debug)]
struct Wall {
    bridge: Interface,
    inside: Interface,
    outside: Interface,
    switch: Interface,
}

impl Way {
    pub fn new(host: &Host, nic: &Nic) -> Self {
        let wall = nic.tap.strip_prefix("tap").and_then(|rest| rest.split_once('i')).filter(|_| nic.firewall);
        let wall = wall.map(|(vm, n)| {
            let interface = |name: String| Interface::new(host, &name);
            Wall {
                bridge: interface(format!("fwbr{vm}i{n}")),
                inside: interface(format!("fwln{vm}i{n}")),
                outside: interface(format!("fwpr{vm}p{n}")),
                switch: interface(format!("fwln{vm}o{n}")),
            }
        });
        Self { bridge: nic.bridge.clone(), tag: nic.tag, wall }
    }

    /// How it is, for a tap that exists; whether the tap itself is up is told apart from it. Where no bridge is expected,
    /// that which the tap is in goes to `bridge`.
    pub fn look(
        &mut self,
        tap: &mut Interface,
        round: &mut Round<'_>,
        pool: &mut Pool,
        bridge: &mut Option<String>,
    ) -> io::Result<Path> {
        let expected = Expected { bridge: self.bridge.as_deref(), tag: self.tag };
        // The firewall that works by nftables does without a bridge of its own (`needs_fwbr` in `PVE::Firewall::Helpers`).
        let wall = self.wall.as_mut().filter(|wall| round.has(wall.bridge.name()));
        let Some(wall) = wall else { return port(tap, expected, round, pool, bridge) };
        let switched = round.has(wall.switch.name());
        let inside = if switched { &mut wall.switch } else { &mut wall.inside };
        let outside = (!switched).then(|| wall.outside.name());
        let names = [Some(inside.name()), outside, expected.bridge];
        if let Some(missing) = names.into_iter().flatten().find(|name| !round.has(name)) {
            return Ok(Path::Missing(missing.to_owned()));
        }
        if wall.bridge.link(pool)? == Link::Down {
            return Ok(Path::Down(wall.bridge.name().to_owned()));
        }
        for interface in [tap, &mut *inside] {
            if interface.master(pool)? != Some(wall.bridge.name()) {
                return Ok(no_port(interface.name(), wall.bridge.name()));
            }
        }
        if switched {
            let down = inside.link(pool)? == Link::Down;
            return Ok(if down { Path::Down(inside.name().to_owned()) } else { Path::Whole });
        }
        match wall.outside.link(pool)? {
            Link::Up => port(&mut wall.outside, expected, round, pool, bridge),
            Link::Down => Ok(Path::Down(wall.outside.name().to_owned())),
            // One end of a cable has no carrier when the other is down.
            Link::NoCarrier => Ok(Path::Down(inside.name().to_owned())),
        }
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
    last: &mut Interface,
    expected: Expected<'_>,
    round: &mut Round<'_>,
    pool: &mut Pool,
    bridge: &mut Option<String>,
) -> io::Result<Path> {
    let master = last.master(pool)?.map(str::to_owned);
    if let Some(name) = expected.bridge
        && !round.has(name)
    {
        return Ok(Path::Missing(name.to_owned()));
    }
    let name = match (master.as_deref(), expected.bridge) {
        (Some(OVS), _) => return Ok(Path::Whole),
        (Some(master), _) if expected.allows(master) => master,
        (None, Some(name)) if round.bridge(name, pool)? == Bridge::Foreign => {
            return Err(io::Error::other(format!("{name} is no bridge of the kernel's, its ports cannot be told")));
        }
        (_, Some(name)) => return Ok(no_port(last.name(), name)),
        (_, None) => return Err(io::Error::other("it is in no bridge, and none is told")),
    };
    bridge.get_or_insert_with(|| name.to_owned());
    Ok(match round.bridge(name, pool)? {
        Bridge::Down => Path::Down(name.to_owned()),
        Bridge::Up | Bridge::Foreign => Path::Whole,
    })
}

fn no_port(interface: &str, bridge: &str) -> Path {
    Path::NoPort { interface: interface.to_owned(), bridge: bridge.to_owned() }
}
