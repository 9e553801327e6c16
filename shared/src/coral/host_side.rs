//! What the host knows of a Coral that it lists, and of a port where one is missing.

use super::{
    evidence::{Configuration, Events, HolderSide, HostSide, Missed},
    is_coral,
};
use crate::{
    host::{Host, names},
    proc::{self, openers, openers_among},
    pve, sysfs,
    usb::{
        Controller, Port, UsbDevice,
        events::{What, events},
    },
};
use std::{collections::BTreeSet, io::ErrorKind, time::Duration};

/// How far back the kernel's log is looked at.
const WINDOW: Duration = Duration::from_secs(60 * 60);

/// Every Coral that the host lists.
pub(super) fn corals(host: &Host) -> Vec<UsbDevice<'_>> {
    crate::usb::devices(host).into_iter().filter(|device| device.id().is_some_and(is_coral)).collect()
}

/// The sockets where something is plugged in that does not tell what it is, which may be a Coral, and why.
pub(super) fn unreadable(host: &Host) -> Vec<(String, String)> {
    let ports = names(&host.usb_devices()).into_iter().filter(|name| !name.contains(':') && !name.starts_with("usb"));
    let why = |port: &str| {
        let file = |name: &str| host.usb_devices().join(port).join(name);
        // What is pulled out meanwhile is not there.
        let failed = ["idVendor", "idProduct"].into_iter().find_map(|name| {
            let error = sysfs::read(&file(name)).err().filter(|error| error.kind() != ErrorKind::NotFound)?;
            Some(format!("cannot read {}: {error}", host.shown(&file(name))))
        });
        failed.filter(|_| UsbDevice::new(host, port).exists())
    };
    ports.filter_map(|port| why(&port).map(|why| (port, why))).collect()
}

/// The host's view of one of them. `others` are all that there are.
pub(super) fn look(device: &UsbDevice<'_>, others: &[UsbDevice<'_>]) -> Option<HostSide> {
    let id = device.id()?;
    let controller = device.controller();
    let port = device.hub_port();
    let configuration = match device.configuration() {
        Ok(value) if value.is_empty() => Configuration::Empty,
        Ok(value) => Configuration::Value(value),
        Err(_) => Configuration::Unknown,
    };
    Some(HostSide {
        port: device.port.clone(),
        id,
        speed_mbps: device.speed(),
        devnum: device.devnum(),
        power_control: device.power_control(),
        runtime_status: device.runtime_status(),
        authorized: device.is_authorized(),
        // Its serial number is read under the same lock.
        serial: (configuration != Configuration::Unknown).then(|| device.serial()).flatten(),
        configuration,
        drivers: device.interfaces().into_iter().map(|interface| interface.driver).collect(),
        over_current: port.as_ref().and_then(Port::over_current_count),
        peer: port.and_then(|port| port.peer()).map(|peer| peer.name),
        controller: controller.as_ref().map(Controller::name),
        controller_driver: controller.as_ref().and_then(Controller::driver),
        twins: others.iter().filter(|other| other.port != device.port && other.id() == Some(id)).count(),
        holders: Vec::new(),
    })
}

/// Who has it open: QEMUs only, which is quick, or with `everybody` all processes.
pub(super) fn holders(device: &UsbDevice<'_>, qemus: &[i32], everybody: bool) -> Vec<HolderSide> {
    let host = device.host;
    let (Some(number), Some(node)) = (device.dev_no(), device.node()) else { return Vec::new() };
    let wanted = [(number, node)];
    let found = if everybody { openers(host, &wanted) } else { openers_among(host, qemus, &wanted) };
    let look = |pid: i32| HolderSide { pid, command: proc::command(host, pid), vmid: pve::vm_of(host, pid) };
    let pids: BTreeSet<_> = found.found.iter().map(|opener| opener.pid).collect();
    pids.into_iter().map(look).collect()
}

/// What is known of a port where a Coral should be.
pub(super) fn missed(host: &Host, port: Option<String>, because: Option<String>) -> Missed {
    let Some(name) = port else { return Missed { because, ..Missed::default() } };
    let device = UsbDevice::new(host, name.as_str());
    let controller = device.controller();
    Missed {
        instead: device.id().filter(|id| !is_coral(*id)).map(|id| id.to_string()),
        over_current: Port::of(host, &name).and_then(|port| port.over_current_count()),
        controller: controller.as_ref().map(Controller::name),
        controller_driver: controller.as_ref().and_then(Controller::driver),
        port: Some(name),
        because,
        elsewhere: Vec::new(),
    }
}

/// What the kernel logged about a port and the other half of its socket; `None` where the log cannot be read.
pub(super) fn logged(host: &Host, port: &str, peer: Option<&str>) -> Option<Events> {
    let mut sum = Events::default();
    let peers = peer.and_then(|peer| events(host, peer, WINDOW)).unwrap_or_default();
    let own = events(host, port, WINDOW)?;
    // A controller that died is told for each of its ports.
    let died = own.iter().chain(&peers).any(|event| event.what == What::ControllerDied);
    let mut last = None;
    for event in own.iter().chain(&peers) {
        match event.what {
            What::Reset => sum.resets += 1,
            What::LinkError => sum.link_errors += 1,
            What::ConfigRefused => sum.config_refused += 1,
            What::OverCurrent => sum.over_current += 1,
            What::Disconnect | What::Connect | What::ControllerDied => {}
        }
        if !matches!(event.what, What::Reset | What::Disconnect | What::Connect) {
            last = last.filter(|last: &&crate::usb::events::Event| last.at > event.at).or(Some(event));
        }
    }
    sum.controller_died = died.into();
    sum.last = last.map(|event| event.text.chars().filter(|c| !c.is_control()).take(200).collect());
    Some(sum)
}
