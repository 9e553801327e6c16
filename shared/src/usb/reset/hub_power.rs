//! The power of one socket: both its halves, by requests to the hubs, which alone reach ports that sysfs cannot switch.

use super::{
    Outcome,
    climb::Climb,
    record::{Off, Record},
    rungs::{forget, still_off},
    verify::{Expect, verify},
};
use crate::{
    host::Host,
    sysfs::{Control, Did, Do, Step},
    usb::{Port, UsbDevice},
};
use anyhow::Result;
use nix::libc;
use std::path::PathBuf;

/// Long enough for capacitors.
const OFF: u64 = 2000;
const PATIENCE: u64 = 3000;

// Chapter 11.24.2 of the USB 2.0 specification; chapter 10.16.2 of USB 3.2 for the others.
const PORT_POWER: u16 = 8;
const CLEAR_FEATURE: u8 = 1;
const SET_FEATURE: u8 = 3;
const TO_PORT: u8 = 0x23;
const FROM_PORT: u8 = 0xa3;
const FROM_HUB: u8 = 0xa0;

/// One half of a socket: a hub, and the number of its port.
pub(super) struct Half {
    pub(super) port: String,
    node: PathBuf,
    /// The hub's node as the host spells it.
    hub: String,
    number: u16,
    superspeed: bool,
}

impl Half {
    /// By the bus-port; `None` where its hub is not there.
    pub(super) fn of(host: &Host, port: &str) -> Option<Self> {
        let hub = UsbDevice::new(host, port).parent()?;
        let number = port.rsplit(['.', '-']).next()?.parse().ok()?;
        let (name, superspeed) = (hub.node()?, hub.speed()? >= 5000);
        Some(Self { port: port.to_owned(), node: host.at(&name), hub: name, number, superspeed })
    }

    fn request(&self, request: u8) -> Do {
        let (value, index) = (PORT_POWER, self.number);
        Do::Control(self.node.clone(), Control { kind: TO_PORT, request, value, index, length: 0 })
    }

    /// Switches it on.
    pub(super) fn on(&self) -> Do {
        self.request(SET_FEATURE)
    }

    /// Asks for the port's status.
    pub(super) fn status(&self) -> Do {
        let control = Control { kind: FROM_PORT, request: 0, value: 0, index: self.number, length: 4 };
        Do::Control(self.node.clone(), control)
    }

    /// Whether a status says that there is power.
    pub(super) fn has_power(&self, status: &[u8]) -> Option<bool> {
        let bits = u16::from_le_bytes([*status.first()?, *status.get(1)?]);
        Some(bits & if self.superspeed { 1 << 9 } else { 1 << 8 } != 0)
    }

    fn descriptor(&self) -> Do {
        let value = if self.superspeed { 0x2a00 } else { 0x2900 };
        Do::Control(self.node.clone(), Control { kind: FROM_HUB, request: 6, value, index: 0, length: 15 })
    }

    fn title(&self, what: &str) -> String {
        format!("{what} the power of port {} of {}", self.number, self.hub)
    }
}

/// How a hub switches the power of its ports, by `wHubCharacteristics` of its descriptor.
#[derive(Debug, PartialEq, Eq)]
enum Switching {
    PerPort,
    Ganged,
    No,
}

fn switching(descriptor: &[u8]) -> Option<Switching> {
    Some(match descriptor.get(3)? & 3 {
        0 => Switching::Ganged,
        1 => Switching::PerPort,
        _ => Switching::No,
    })
}

pub(super) fn hub_power(climb: &mut Climb<'_>) -> Result<Outcome> {
    let host = &climb.session.host;
    let peer = Port::of(host, &climb.device.port).and_then(|port| port.peer()).map(|peer| peer.name);
    let ports: Vec<String> = [climb.device.port.clone()].into_iter().chain(peer).collect();
    let halves: Vec<Half> = ports.iter().filter_map(|port| Half::of(host, port)).collect();
    if halves.len() < ports.len() {
        return Ok(Outcome::Skipped("not every hub of this socket has a device node".into()));
    }
    let lines = |what: &str| halves.iter().map(|half| half.title(what)).collect::<Vec<_>>();
    if let Some(dry) = climb.would(&[lines("switch off"), lines("switch on")].concat()) {
        return Ok(dry);
    }
    for half in &halves {
        if let Some(why) = cannot_switch(climb, half)? {
            return Ok(Outcome::Skipped(why));
        }
    }
    let record = Record::new(&climb.session.host, &climb.controller.name(), Off::Power(ports));
    climb.change("power of its port off and on");
    record.save(&climb.session.host)?;
    let gone = climb.before.as_ref().map(|_| Step::new(Do::UntilGone(climb.device.dir(), PATIENCE)));
    let off = halves.iter().map(|half| Step::new(half.request(CLEAR_FEATURE)));
    let on = halves.iter().map(|half| Step::always(half.on()));
    let steps: Vec<_> = off.chain(gone).chain([Step::new(Do::Wait(OFF))]).chain(on).collect();
    let did = climb.take("switching the port's power", &steps)?;
    for half in &halves {
        let status = climb.take_one("asking the port", half.status())?;
        let powered = if let Did::Done(status) = &status { half.has_power(status) } else { None };
        if powered != Some(true) {
            return still_off(climb, &format!("port {} has not got its power back", half.port));
        }
    }
    forget(climb, &record);
    match did.iter().find_map(Did::error) {
        Some(error) if error.raw_os_error() == Some(libc::ETIMEDOUT) => Ok(Outcome::Failed(
            "the hub says that it switches the power of each port, but the device stayed: it does not".into(),
        )),
        Some(error) => Ok(Outcome::Failed(format!("cannot switch the power of its port: {error}"))),
        None => verify(climb, Expect::Enumerated),
    }
}

fn cannot_switch(climb: &mut Climb<'_>, half: &Half) -> Result<Option<String>> {
    let hub = &half.hub;
    Ok(match climb.take_one("asking the hub", half.descriptor())? {
        Did::Done(descriptor) => match switching(&descriptor) {
            Some(Switching::PerPort) => None,
            Some(Switching::Ganged) => Some(format!("the hub {hub} switches all its ports together")),
            Some(Switching::No) => Some(format!("the hub {hub} cannot switch the power of its ports")),
            None => Some(format!("the hub {hub} gave no descriptor")),
        },
        other => {
            let why = other.error().map(|error| error.to_string()).unwrap_or_default();
            Some(format!("the hub {hub} does not tell how it switches power: {why}"))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_descriptor_tells_how_power_is_switched() {
        for (low, expected) in [(0x00, Switching::Ganged), (0x09, Switching::PerPort), (0x0a, Switching::No)] {
            assert_eq!(switching(&[9, 0x29, 4, low, 0]), Some(expected));
        }
        assert_eq!(switching(&[9, 0x29]), None);
    }

    #[test]
    fn power_is_another_bit_of_the_status_on_usb_3() {
        let half =
            |superspeed| Half { port: "3-1".into(), node: PathBuf::new(), hub: String::new(), number: 1, superspeed };
        assert_eq!(half(false).has_power(&[0x03, 0x01, 0, 0]), Some(true));
        assert_eq!(half(true).has_power(&[0x03, 0x01, 0, 0]), Some(false));
        assert_eq!(half(true).has_power(&[0x03, 0x02, 0, 0]), Some(true));
        assert_eq!(half(true).has_power(&[]), None);
    }
}
