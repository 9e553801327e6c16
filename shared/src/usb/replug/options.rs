//! How QEMU was told to find a device and where the guest sees it, read off QEMU itself, so that it can be told again.

use super::{
    super::{Passed, UsbDevice},
    title,
};
use crate::{
    fault::Fault,
    pve::{
        UsbSource,
        qmp::{Monitor, Trouble},
    },
};
use anyhow::Result;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::fmt;

/// The bus of PVE's USB 3 controller.
pub(super) const XHCI_BUS: &str = "xhci.0";
/// The object with all devices that have an id.
const PERIPHERAL: &str = "/machine/peripheral";
/// The type of PVE's controller where every device has a port of its own: since machine 7.1, for guests that can
/// (`get_usb_controllers` in `PVE::QemuServer::USB`).
const XHCI: &str = "child<qemu-xhci>";

/// What tells one device from another for QEMU; zero and the empty text mean any.
const CRITERIA: [&str; 6] = ["hostbus", "hostaddr", "hostport", "vendorid", "productid", "hostdevice"];
/// What else may have been set, with its default (`usb_host_dev_properties` in hw/usb/host-libusb.c).
const OTHERS: [(&str, Value); 4] = [
    ("bootindex", Value::Null),
    ("guest-reset", Value::Bool(true)),
    ("guest-resets-all", Value::Bool(false)),
    ("pipeline", Value::Bool(true)),
];

/// The options of one usb-host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Options {
    /// `usb0`.
    pub(super) id: String,
    /// `xhci.0`.
    pub(super) bus: String,
    /// The port of that bus.
    pub(super) port: String,
    /// Which device of the host, and the rest.
    pub(super) rest: Vec<(String, Value)>,
}

/// A device in QEMU.
#[derive(Debug)]
pub(super) struct Seen {
    /// Its type.
    pub(super) kind: String,
    /// Its options.
    pub(super) options: Options,
    /// Whether the guest has it on its bus.
    pub(super) attached: Option<bool>,
}

/// Looks a device up; `None` where QEMU has none of that id.
pub(super) fn look(monitor: &mut Monitor, id: &str) -> Result<Option<Seen>, Trouble> {
    if kind_of(monitor, id)?.is_none() {
        return Ok(None);
    }
    match read(monitor, id) {
        // It went in between.
        Err(trouble) if trouble.is_not_found() => Ok(None),
        other => other.map(Some),
    }
}

/// The type that QEMU lists an object with, such as `child<usb-host>`.
fn kind_of(monitor: &mut Monitor, id: &str) -> Result<Option<String>, Trouble> {
    let list = monitor.execute("qom-list", &json!({ "path": PERIPHERAL }))?;
    let entries = list.as_array().map(Vec::as_slice).unwrap_or_default();
    let entry = entries.iter().find(|entry| entry["name"] == id);
    Ok(entry.map(|entry| entry["type"].as_str().unwrap_or_default().to_owned()))
}

fn read(monitor: &mut Monitor, id: &str) -> Result<Seen, Trouble> {
    let path = format!("{PERIPHERAL}/{id}");
    let list = monitor.execute("qom-list", &json!({ "path": path }))?;
    let names: Vec<_> = list.as_array().into_iter().flatten().filter_map(|entry| entry["name"].as_str()).collect();
    let mut get = |name: &str| {
        let known = names.contains(&name);
        if known { monitor.execute("qom-get", &json!({ "path": path, "property": name })) } else { Ok(Value::Null) }
    };
    let mut rest = Vec::new();
    for name in CRITERIA {
        let value = get(name)?;
        if !(value.is_null() || value == 0 || value == "") {
            rest.push((name.to_owned(), value));
        }
    }
    for (name, default) in OTHERS {
        let value = get(name)?;
        if !value.is_null() && value != default && value != -1 {
            rest.push((name.to_owned(), value));
        }
    }
    let text = |value: Value| value.as_str().unwrap_or_default().to_owned();
    let bus = text(get("parent_bus")?);
    Ok(Seen {
        kind: text(get("type")?),
        attached: get("attached")?.as_bool(),
        options: Options {
            id: id.to_owned(),
            // `/machine/peripheral/xhci/xhci.0`.
            bus: bus.rsplit('/').next().unwrap_or_default().to_owned(),
            port: text(get("port")?),
            rest,
        },
    })
}

/// The options that PVE would start the device with (`print_usbdevice_full` in `PVE::QemuServer::USB`), for one that QEMU
/// does not have.
pub(super) fn as_pve_would(monitor: &mut Monitor, passed: &Passed) -> Result<Options> {
    let (vmid, key) = (passed.vmid, &passed.usb.key);
    let refuse = |why: String| {
        let what = format!("{} is not in QEMU, and {why}; nothing was changed", title(passed));
        Fault::refused(what).next(format!("qm reboot {vmid}")).this_way_only().fail()
    };
    let controller = kind_of(monitor, "xhci").map_err(|trouble| trouble.fault(vmid, "asking for its controllers"))?;
    if controller.as_deref() != Some(XHCI) {
        return refuse("its place in this machine is not known".to_owned());
    }
    let Some(port) = key.strip_prefix("usb").and_then(|n| n.parse::<u32>().ok()).map(|n| n + 1) else {
        return refuse("its number is not known".to_owned());
    };
    let rest = match &passed.source {
        Ok(UsbSource::Port { bus, ports }) => {
            let ports: Vec<_> = ports.iter().map(ToString::to_string).collect();
            vec![("hostbus".to_owned(), json!(bus)), ("hostport".to_owned(), json!(ports.join(".")))]
        }
        Ok(UsbSource::Id { vendor, product }) => {
            vec![("vendorid".to_owned(), json!(vendor)), ("productid".to_owned(), json!(product))]
        }
        Ok(other) => return refuse(format!("{other} names no device of the host")),
        Err(why) => return refuse(why.clone()),
    };
    Ok(Options { id: key.clone(), bus: XHCI_BUS.to_owned(), port: port.to_string(), rest })
}

impl Options {
    /// The arguments of `device_add`.
    pub(super) fn arguments(&self) -> Value {
        let own = [("driver", "usb-host"), ("id", &self.id), ("bus", &self.bus), ("port", &self.port)];
        let own = own.map(|(name, value)| (name.to_owned(), Value::from(value)));
        Value::Object(own.into_iter().chain(self.rest.iter().cloned()).collect::<Map<_, _>>())
    }

    /// How QEMU finds it: `hostbus=3,hostport=1.4`.
    pub(super) fn criteria(&self) -> String {
        let among = self.rest.iter().filter(|(name, _)| CRITERIA.contains(&name.as_str()));
        among.map(|(name, value)| format!("{name}={}", shown(name, value))).collect::<Vec<_>>().join(",")
    }

    /// Whether QEMU would take this device.
    pub(super) fn mean(&self, device: &UsbDevice<'_>) -> bool {
        let (_, port) = device.port.split_once('-').unwrap_or_default();
        let id = device.id();
        let fits = |(name, value): &(String, Value)| match name.as_str() {
            "hostbus" => device.bus().is_some_and(|bus| *value == bus),
            "hostaddr" => device.devnum().is_some_and(|number| *value == number),
            "hostport" => value == port,
            "vendorid" => id.is_some_and(|id| *value == id.0),
            "productid" => id.is_some_and(|id| *value == id.1),
            _ => true,
        };
        !self.criteria().is_empty() && self.rest.iter().all(fits)
    }
}

/// As QEMU's human monitor takes it.
impl fmt::Display for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "usb-host,id={},bus={},port={}", self.id, self.bus, self.port)?;
        self.rest.iter().try_for_each(|(name, value)| write!(f, ",{name}={}", shown(name, value)))
    }
}

fn shown(name: &str, value: &Value) -> String {
    match value {
        Value::Bool(flag) => if *flag { "on" } else { "off" }.to_owned(),
        Value::String(text) => text.clone(),
        Value::Number(number) if matches!(name, "vendorid" | "productid") => {
            number.as_u64().map_or_else(|| number.to_string(), |number| format!("{number:#06x}"))
        }
        other => other.to_string(),
    }
}
