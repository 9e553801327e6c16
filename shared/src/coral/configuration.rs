//! What a VM's configuration will do to a Coral, told before the VM starts.

use super::{BLANK, READY, evidence::Form, is_coral, lines};
use crate::{
    host::Host,
    pve::VmConfig,
    usb::{UsbDevice, devices},
};

/// Lines of a configuration that lose a Coral, or that PVE refuses; each with the command that mends it.
pub fn fragile(host: &Host, config: &VmConfig) -> Vec<String> {
    if config.usb.is_empty() {
        return Vec::new();
    }
    let corals: Vec<_> = devices(host).into_iter().filter(|device| device.id().is_some_and(is_coral)).collect();
    let configs = std::slice::from_ref(config);
    let lines = lines::lines(host, configs).into_iter().filter(|line| line.form != Form::Port && line.names_coral());
    lines
        .map(|line| {
            let key = &line.passed.usb.key;
            let port = the_only(&corals).map_or("BUS-PORT", |coral| coral.port.as_str());
            let now = the_only(&corals).and_then(UsbDevice::id);
            let what = match (line.form, line.id().zip(now)) {
                (Form::Mapping, Some((expected, now))) if expected != now => {
                    format!("the mapping expects {expected} and it is {now} now: PVE refuses the start")
                }
                (Form::Mapping, _) => "the mapping names a Coral by its id, which changes when its firmware is loaded: PVE then \
                     refuses the start"
                    .into(),
                _ => format!("names a Coral by its id, which changes ({BLANK} to {READY}) when its firmware is loaded: the VM then loses it"),
            };
            format!("{key}: {what}; better: qm set {} --{key} host={port}", config.vmid)
        })
        .collect()
}

fn the_only<'a, 'h>(corals: &'a [UsbDevice<'h>]) -> Option<&'a UsbDevice<'h>> {
    corals.first().filter(|_| corals.len() == 1)
}
