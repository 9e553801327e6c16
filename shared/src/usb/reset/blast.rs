//! What else a rung touches, and who would be harmed.

use super::{Rung, given};
use crate::{
    pci::Address,
    session::Session,
    usb::{
        UsbDevice, XHCI, devices,
        in_use::{Use, in_use, last_keyboard},
    },
};

/// The devices that a rung touches, the device itself included where it is there.
pub fn touched<'h>(device: &UsbDevice<'h>, rung: Rung) -> Vec<UsbDevice<'h>> {
    let with_those_below = |port: &str| -> Vec<UsbDevice<'h>> {
        let top = UsbDevice::new(device.host, port);
        devices(device.host).into_iter().filter(|other| other.port == port || other.is_below(&top)).collect()
    };
    match rung {
        Rung::Power | Rung::Replug => Some(device.clone()).filter(UsbDevice::exists).into_iter().collect(),
        Rung::Ioctl | Rung::Port => with_those_below(&device.port),
        Rung::HubPower => {
            let mut all = with_those_below(&device.port);
            let peer = device.hub_port().and_then(|port| port.peer());
            all.extend(peer.into_iter().flat_map(|peer| with_those_below(&peer.name)));
            all
        }
        Rung::Controller => device.controller().map(|controller| controller.devices()).unwrap_or_default(),
    }
}

/// Why a rung must not be taken, if there is something in the way.
pub(super) fn harm(session: &Session, device: &UsbDevice<'_>, rung: Rung) -> Option<String> {
    if rung == Rung::Power {
        return None;
    }
    let touched = touched(device, rung);
    let host = &session.host;
    let uses = in_use(host, &touched);
    if let Some(why) = uses.blind {
        return Some(format!("cannot tell who uses the {} devices that it touches: {why}", touched.len()));
    }
    let holders: Vec<u32> =
        uses.found.iter().filter_map(|u| u.handle.filter(|_| u.port == device.port)?.vmid).collect();
    let tenants: Vec<u32> = if holders.is_empty() {
        given(session, device).iter().map(|(passed, _)| passed.vmid).collect()
    } else {
        holders
    };
    // QEMU follows its devices through all of these, but an ioctl takes its claim away without a word.
    let follows = |vmid: u32| rung != Rung::Ioctl && tenants.contains(&vmid);
    let others = uses.found.iter().filter(|u| !u.handle.is_some_and(|handle| handle.vmid.is_some_and(follows)));
    let keyboard = if rung == Rung::Replug { Ok(None) } else { last_keyboard(host, &touched) };
    let told = |uses: Vec<&Use>| -> Vec<String> { uses.iter().map(|u| format!("{}: {}", u.port, u.text)).collect() };
    let mut found = told(others.chain(keyboard.iter().flatten()).collect());
    if found.is_empty() {
        // What is not known is not nothing.
        found = told(uses.unknown.iter().chain(keyboard.as_ref().err()).collect());
    }
    (!found.is_empty()).then(|| found.join("; "))
}

/// Why a controller must not be reset: consent and driver. Those who use its devices are looked at by [`harm`].
pub(super) fn no_consent(device: &UsbDevice<'_>, consent: Option<&str>) -> Option<String> {
    let controller = device.controller()?;
    let name = controller.name();
    if controller.address.is_none() {
        return Some(format!("{name} is no PCI function"));
    }
    let driver = controller.driver();
    if driver.as_deref() != Some(XHCI) {
        let driver = driver.unwrap_or_else(|| "no driver".into());
        return Some(format!("{name} is on {driver}; only controllers on {XHCI} are reset"));
    }
    if consent.is_some_and(|typed| typed.parse().is_ok_and(|typed: Address| controller.address == Some(typed))) {
        return None;
    }
    let list: Vec<_> = controller.devices().iter().map(title).collect();
    let all = format!("the reset of {name} takes {} off and back on: {}", list.len(), list.join(", "));
    Some(match consent {
        Some(other) => format!("--controller {other} is not the controller of {}; {all}", device.port),
        None => format!("{all}; it needs --controller {name}"),
    })
}

/// How a device is called in lists.
pub(super) fn title(device: &UsbDevice<'_>) -> String {
    let id = device.id().map(|id| format!(" {id}")).unwrap_or_default();
    let product = device.product().map(|name| format!(" ({name})")).unwrap_or_default();
    format!("{}{id}{product}", device.port)
}
