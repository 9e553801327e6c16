//! The proof: the same device is back at its place, enumerated anew where it should be, it answers, and the VM has it.

use super::{Identity, Outcome, climb::Climb};
use crate::{
    sysfs::{Control, Did, Do},
    tree,
    usb::{
        Passed, UsbDevice,
        handle::{Handle, handle},
    },
};
use anyhow::Result;
use std::{thread, time::Duration};

/// How long a device may take to come back, and QEMU to take it.
const RETURN: Duration = Duration::from_secs(10);
const ATTACH: Duration = Duration::from_secs(8);

/// What must be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expect {
    /// The same enumeration, awake.
    Awake,
    /// The same enumeration or a new one.
    Either,
    /// A new enumeration.
    Enumerated,
}

pub(super) fn verify(climb: &mut Climb<'_>, expect: Expect) -> Result<Outcome> {
    let deadline = climb.deadline.within(RETURN);
    let back = loop {
        match look(climb, expect)? {
            Ok(back) => break back,
            Err(NotYet::Never(why)) => return Ok(Outcome::Failed(why)),
            Err(NotYet::Wait(why)) if deadline.expired() => {
                let waited = humantime::format_duration(Duration::from_secs(deadline.budget().as_secs().max(1)));
                return Ok(Outcome::Failed(format!("{why} after {waited}")));
            }
            Err(NotYet::Wait(_)) => thread::sleep(Duration::from_millis(10)),
        }
    };
    keep_power_setting(climb, &back)?;
    let anew = climb.before.as_ref().is_none_or(|before| !before.is_same_enumeration(&back));
    let was = climb.before.as_ref().filter(|_| anew).map(|before| format!(", was device {}", before.devnum));
    let how = if anew { "enumerated anew" } else { "in place" };
    let told = format!("{} answers, {how}{}", back.title(), was.unwrap_or_default());
    climb.device = UsbDevice::new(climb.device.host, back.port.clone());
    Ok(match vm_has_it(climb) {
        Ok(Some(vm)) => Outcome::Worked(format!("{told}; {vm} has a live handle")),
        Ok(None) => Outcome::Worked(told),
        Err(why) => Outcome::Failed(format!("{told}, but {why}")),
    })
}

enum NotYet {
    Wait(String),
    Never(String),
}

fn look(climb: &mut Climb<'_>, expect: Expect) -> Result<Result<Identity, NotYet>> {
    let wait = |why: String| Ok(Err(NotYet::Wait(why)));
    let port = climb.device.port.clone();
    let Some((device, now)) = find(climb) else {
        let elsewhere = climb.device.hub_port().and_then(|port| port.peer());
        let elsewhere = elsewhere.and_then(|peer| Identity::of(&UsbDevice::new(climb.device.host, peer.name)));
        if let (Some(other), Some(before)) = (elsewhere, &climb.before)
            && other.is_same_device(before)
        {
            let speed = other.speed_mbps.map_or_else(|| "unknown".into(), |speed| speed.to_string());
            return wait(format!("it came back at {} with {speed} Mb/s instead of {port}", other.port));
        }
        return wait(format!("nothing is to be seen at {port}"));
    };
    if let Some(before) = &climb.before {
        let anew = !before.is_same_enumeration(&now);
        if anew && !before.is_same_device(&now) {
            return Ok(Err(NotYet::Never(format!("{} came back at {port} instead of {}", now.id, before.id))));
        }
        if !anew && expect == Expect::Enumerated {
            return wait(format!("it was not enumerated anew: it is still device {}", now.devnum));
        }
    }
    match device.configuration() {
        Ok(value) if value.is_empty() && device.is_authorized() == Some(false) => {}
        Ok(value) if value.is_empty() => return wait(format!("{} has no configuration", now.title())),
        Ok(_) => {}
        Err(error) => return wait(format!("the configuration of {} cannot be read: {error}", now.title())),
    }
    if expect == Expect::Awake && device.runtime_status().as_deref() == Some("suspended") {
        return wait("it is still suspended".into());
    }
    Ok(match answers(climb, &device)? {
        Ok(()) => Ok(now),
        Err(why) => Err(NotYet::Wait(format!("{} {why}", now.title()))),
    })
}

/// The device at its place. A controller that was bound anew may have got other bus numbers.
fn find<'a>(climb: &Climb<'a>) -> Option<(UsbDevice<'a>, Identity)> {
    let with_identity = |device: UsbDevice<'a>| Identity::of(&device).map(|now| (device, now));
    let own = UsbDevice::new(&climb.session.host, climb.device.port.clone());
    if own.exists() && own.controller().is_none_or(|controller| controller.dir == climb.controller.dir) {
        return with_identity(own);
    }
    let before = climb.before.as_ref()?;
    let path = |port: &str| port.split_once('-').map(|(_, path)| path.to_owned());
    let same_place = climb.controller.devices().into_iter().filter(|other| path(&other.port) == path(&before.port));
    let mut same = same_place
        .filter_map(|other| with_identity(UsbDevice::new(&climb.session.host, other.port)))
        .filter(|(_, now)| now.is_same_device(before) && now.speed_mbps == before.speed_mbps);
    let bus_is_gone =
        !tree::exists(&climb.session.host.usb_devices().join(format!("usb{}", before.port.split('-').next()?)))
            || own.controller().is_none_or(|controller| controller.dir != climb.controller.dir);
    same.next().filter(|_| bus_is_gone)
}

/// Asks the device itself for its descriptor: what sysfs and a read of the node show is what it said when it was enumerated.
fn answers(climb: &mut Climb<'_>, device: &UsbDevice<'_>) -> Result<Result<(), String>> {
    let (Some(node), Some(id)) = (device.node(), device.id()) else { return Ok(Err("has no device node".into())) };
    if !climb.session.host.is_live() {
        return Ok(Ok(()));
    }
    let control = Control { kind: 0x80, request: 6, value: 0x0100, index: 0, length: 18 };
    let did = climb.take_one("asking the device", Do::Control(climb.session.host.at(&node), control))?;
    Ok(match did {
        Did::Done(descriptor) => {
            let word = |at: usize| Some(u16::from_le_bytes([*descriptor.get(at)?, *descriptor.get(at + 1)?]));
            let same = word(8) == Some(id.0) && word(10) == Some(id.1);
            if same { Ok(()) } else { Err("answers with another descriptor".into()) }
        }
        other => Err(format!("does not answer: {}", other.error().map(|e| e.to_string()).unwrap_or_default())),
    })
}

/// A device that was kept awake is so after it was enumerated anew.
fn keep_power_setting(climb: &mut Climb<'_>, back: &Identity) -> Result<()> {
    let on = |setting: &Option<String>| setting.as_deref() == Some("on");
    if !climb.before.as_ref().is_some_and(|before| on(&before.power_control)) || on(&back.power_control) {
        return Ok(());
    }
    let control = UsbDevice::new(&climb.session.host, back.port.clone()).dir().join("power/control");
    let did = climb.take_one("power/control", Do::Write(control, "on".into()))?;
    if let Some(error) = did.error() {
        climb.session.log.warn(&format!("{}: power/control cannot be set as it was: {error}", back.port));
    }
    Ok(())
}

/// Whether the running VMs that are given it have it: which, or why not.
fn vm_has_it(climb: &Climb<'_>) -> Result<Option<String>, String> {
    let mut given = climb.given.clone();
    for (passed, pid) in super::given(climb.session, &climb.device) {
        if !given.iter().any(|(known, _)| known.vmid == passed.vmid) {
            given.push((passed, pid));
        }
    }
    if given.is_empty() {
        return Ok(None);
    }
    // Several may name it; it can only be with one.
    let deadline = climb.deadline.within(ATTACH);
    loop {
        let mut why = Vec::new();
        for (Passed { vmid, .. }, pid) in &given {
            match handle(&climb.session.host, *pid, Some(&climb.device)) {
                Handle::Live => return Ok(Some(format!("VM {vmid}"))),
                Handle::Stale(what) => why.push(format!("VM {vmid} has a dead handle ({what})")),
                Handle::None => why.push(format!("VM {vmid} has not taken it")),
                Handle::Unknown(what) => why.push(format!("whether VM {vmid} has it is unknown: {what}")),
            }
        }
        if deadline.expired() {
            return Err(why.join(", "));
        }
        thread::sleep(Duration::from_millis(50));
    }
}
