//! `usb-reset list`: a tree of what is plugged in.

use anyhow::Result;
use passthrough::{
    report::Table,
    session::Session,
    usb::{
        Controller, Passed, UsbDevice,
        in_use::{UsbHandle, in_use, last_keyboard},
        reset::interrupted,
        root_hubs,
    },
};
use serde::Serialize;
use serde_json::{Number, json};

/// One controller.
#[derive(Debug, Serialize)]
struct Bus {
    address: String,
    driver: Option<String>,
    buses: Vec<u16>,
    devices: Vec<Row>,
}

/// One device.
#[derive(Debug, Serialize)]
struct Row {
    port: String,
    id: Option<String>,
    product: Option<String>,
    manufacturer: Option<String>,
    serial: Option<String>,
    speed_mbps: Option<Number>,
    devnum: Option<u16>,
    hub: bool,
    drivers: Vec<String>,
    authorized: Option<bool>,
    power_control: Option<String>,
    runtime_status: Option<String>,
    /// Not known where nobody is seen and not all can be; an empty list means nobody.
    held_by: Option<Vec<UsbHandle>>,
    /// The same for the host's own uses.
    used: Option<Vec<String>>,
    vms: Vec<u32>,
}

/// Lists every device.
pub fn list(session: &Session) -> Result<u8> {
    session.require_bus("pci")?;
    session.require_bus("usb")?;
    let host = &session.host;
    let controllers = Controller::all(host);
    let of_each: Vec<Vec<UsbDevice<'_>>> = controllers.iter().map(Controller::devices).collect();
    let uses = in_use(host, &of_each.concat());
    match uses.not_all() {
        Some(why) => session.log.info(&format!("warning: who holds a device cannot all be seen: {why}")),
        None => session.warn_unless_root(),
    }
    for unknown in &uses.unknown {
        session.log.info(&format!("warning: {}: {}", unknown.port, unknown.text));
    }
    let (passed, unreadable) = Passed::all(host);
    for (vmid, error) in &unreadable {
        session.log.info(&format!("warning: VM {vmid}: {error:#}"));
    }
    let row = |device: &UsbDevice<'_>| {
        let own = || uses.of(&device.port);
        let keyboard = last_keyboard(host, std::slice::from_ref(device));
        if let Err(unknown) = &keyboard {
            session.log.info(&format!("warning: {}: {}", unknown.port, unknown.text));
        }
        let unseen = uses.not_all().is_some();
        let unknown = unseen || keyboard.is_err() || uses.unknown.iter().any(|one| one.port == device.port);
        let told = own().filter(|found| found.handle.is_none()).map(|found| found.text.clone());
        let used: Vec<_> = told.chain(keyboard.ok().flatten().map(|found| found.text)).collect();
        let held_by: Vec<_> = own().filter_map(|found| found.handle).collect();
        let mut drivers: Vec<_> = device.interfaces().into_iter().filter_map(|interface| interface.driver).collect();
        drivers.dedup();
        let mut vms: Vec<_> = passed.iter().filter(|passed| passed.means(device)).map(|p| p.vmid).collect();
        vms.dedup();
        Row {
            port: device.port.clone(),
            id: device.id().map(|id| id.to_string()),
            product: device.product(),
            manufacturer: device.manufacturer(),
            serial: device.serial(),
            speed_mbps: device.exact_speed(),
            devnum: device.devnum(),
            hub: device.is_hub(),
            drivers,
            authorized: device.is_authorized(),
            power_control: device.power_control(),
            runtime_status: device.runtime_status(),
            held_by: Some(held_by).filter(|held_by| !(unseen && held_by.is_empty())),
            used: Some(used).filter(|used| !(unknown && used.is_empty())),
            vms,
        }
    };
    let buses = controllers.iter().zip(&of_each).map(|(controller, devices)| {
        let own = root_hubs(host).into_iter().filter(|hub| hub.controller().is_some_and(|c| c.dir == controller.dir));
        Bus {
            address: controller.name(),
            driver: controller.driver(),
            buses: own.filter_map(|hub| hub.bus()).collect(),
            devices: devices.iter().map(row).collect(),
        }
    });
    let buses: Vec<_> = buses.collect();
    let interrupted = interrupted(session);
    if session.output.is_json() {
        session.output.json(&json!({ "controllers": buses, "interrupted": interrupted }))?;
        return Ok(0);
    }
    if buses.is_empty() {
        session.output.text("no USB controller on this host");
    } else {
        session.output.text(&text(&buses));
    }
    for what in interrupted {
        session.log.info(&format!("{what} may be off since a reset that was interrupted; next: usb-reset heal"));
    }
    Ok(0)
}

fn text(buses: &[Bus]) -> String {
    let mut table = Table::default();
    table.row(["PORT", "ID", "SPEED", "DRIVER", "VM", "HELD BY", "PRODUCT"]);
    for bus in buses {
        let numbers: Vec<_> = bus.buses.iter().map(ToString::to_string).collect();
        let driver = bus.driver.as_deref().unwrap_or("no driver");
        table.row([bus.address.clone(), String::new(), String::new(), driver.to_owned()]);
        if bus.devices.is_empty() {
            table.row([format!("  nothing on bus {}", numbers.join(", "))]);
        }
        for row in &bus.devices {
            let depth = row.port.matches('.').count() + 1;
            let vms: Vec<_> = row.vms.iter().map(ToString::to_string).collect();
            let known = row.held_by.is_some() && row.used.is_some();
            let held = row.held_by.iter().flatten().map(ToString::to_string);
            let held: Vec<_> = held.chain(row.used.iter().flatten().cloned()).collect();
            table.row([
                format!("{}{}", "  ".repeat(depth), row.port),
                row.id.clone().unwrap_or_else(|| "-".into()),
                row.speed_mbps.as_ref().map_or_else(|| "-".into(), |speed| format!("{speed}M")),
                dash(&row.drivers.join(",")),
                dash(&vms.join(",")),
                if held.is_empty() && !known { "?".into() } else { dash(&held.join("; ")) },
                row.product.clone().unwrap_or_default(),
            ]);
        }
    }
    table.render()
}

fn dash(text: &str) -> String {
    if text.is_empty() { "-".into() } else { text.to_owned() }
}
