//! Evidence to begin tests with.

use crate::{
    coral::{READY, evidence::*},
    usb::UsbId,
};

/// A Coral that VM 275 has and works with.
pub fn healthy() -> Evidence {
    let host = HostSide {
        port: "2-3".into(),
        id: READY,
        speed_mbps: Some(5000),
        devnum: Some(3),
        power_control: Some("on".into()),
        runtime_status: Some("active".into()),
        authorized: Some(true),
        configuration: Configuration::Value("1".into()),
        serial: None,
        drivers: vec![Some("usbfs".into())],
        over_current: Some(0),
        controller: Some("0000:03:00.0".into()),
        controller_driver: Some("xhci_hcd".into()),
        peer: Some("1-3".into()),
        twins: 0,
        holders: vec![holder(275)],
    };
    Evidence {
        host: Some(host),
        vms: vec![vm(275)],
        events: Some(Events::NONE),
        resets_allowed: 10,
        ..Evidence::default()
    }
}

/// No Coral at the port where it was.
pub fn absent() -> Evidence {
    let missed = Missed {
        port: Some("2-3".into()),
        controller: Some("0000:03:00.0".into()),
        controller_driver: Some("xhci_hcd".into()),
        over_current: Some(0),
        ..Missed::default()
    };
    Evidence { missed, events: Some(Events::NONE), resets_allowed: 10, ..Evidence::default() }
}

/// A VM that has it.
pub fn vm(vmid: u32) -> VmSide {
    VmSide {
        vmid,
        name: "frigate".into(),
        key: "usb0".into(),
        form: Form::Port,
        source: "2-3".into(),
        means: Some(Ok("2-3".into())),
        fits: true,
        pid: Some(4711),
        qemu: Some(Ok(QemuSide { exists: true, attached: Some(true), options: String::new() })),
        handle: HandleSide::Live,
        guest: Guest::Lists(vec![READY]),
        given: 1,
        ..VmSide::default()
    }
}

/// A QEMU that has it open.
pub fn holder(vmid: u32) -> HolderSide {
    HolderSide { pid: 4711, command: "/usr/bin/kvm".into(), vmid: Some(vmid) }
}

/// The host's side of a Coral that is there.
pub fn host(evidence: &mut Evidence) -> &mut HostSide {
    evidence.host.as_mut().unwrap()
}

/// Some id that is no Coral's.
pub const KEYBOARD: UsbId = UsbId(0x046d, 0xc31c);
