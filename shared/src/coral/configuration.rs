//! What a VM's configuration will do to a Coral, told before the VM starts.

use super::{
    BLANK, READY,
    evidence::{Form, by_port, without},
    is_coral, lines,
};
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
    let lines = lines::lines(host, configs);
    // Several lines for the only Coral: one is enough, and no two may name one port.
    let by_port_already =
        lines.iter().any(|line| line.form == Form::Port && the_only(&corals).is_some_and(|coral| line.means(coral)));
    let lines = lines.into_iter().filter(|line| line.form != Form::Port && line.names_coral());
    lines
        .enumerate()
        .map(|(n, line)| {
            let key = &line.passed.usb.key;
            let port = the_only(&corals).map_or("BUS-PORT", |coral| coral.port.as_str());
            let better = if by_port_already || (n > 0 && corals.len() <= 1) {
                without(config.vmid, key)
            } else {
                by_port(config.vmid, key, line.passed.usb.usb3, port)
            };
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
            format!("{key}: {what}; better: {better}")
        })
        .collect()
}

fn the_only<'a, 'h>(corals: &'a [UsbDevice<'h>]) -> Option<&'a UsbDevice<'h>> {
    corals.first().filter(|_| corals.len() == 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, path::Path};

    /// What is better, for a VM with these lines, while Corals are plugged in at these ports.
    fn better(corals: &[&str], text: &str) -> Vec<String> {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::new(dir.path());
        for port in corals {
            let device = host.usb_devices().join(port);
            fs::create_dir_all(&device).unwrap();
            for (name, value) in [("idVendor", "1a6e"), ("idProduct", "089a"), ("busnum", "2"), ("devnum", "3")] {
                fs::write(device.join(name), value).unwrap();
            }
        }
        let config = VmConfig::parse(text, Path::new("275.conf")).unwrap();
        fragile(&host, &config).iter().map(|line| line.split_once("better: ").unwrap().1.to_owned()).collect()
    }

    #[test]
    fn of_several_lines_for_one_coral_one_stays() {
        let both = "usb0: host=1a6e:089a,usb3=1\nusb1: host=18d1:9302,usb3=1\n";
        let mended = ["qm set 275 --usb0 host=2-1,usb3=1", "qm set 275 --delete usb1"];
        assert_eq!(better(&["2-1"], both), mended);
        assert_eq!(better(&["2-1"], "usb0: host=1a6e:089a\n"), ["qm set 275 --usb0 host=2-1"]);
        assert_eq!(better(&["2-1"], "usb0: host=1a6e:089a\nusb1: host=2-1\n"), ["qm set 275 --delete usb0"]);
        // Which of two is meant is not known.
        let unknown = ["qm set 275 --usb0 host=BUS-PORT,usb3=1", "qm set 275 --usb1 host=BUS-PORT,usb3=1"];
        assert_eq!(better(&["2-1", "2-2"], both), unknown);
        assert!(better(&["2-1"], "usb0: host=2-1\n").is_empty());
    }
}
