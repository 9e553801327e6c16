//! Before a VM starts: its USB devices stay awake.

use super::{Passed, devices};
use crate::{pve::VmConfig, session::Session, sysfs, tree};
use anyhow::Result;
use std::{fs::OpenOptions, io::Write, path::Path};

/// Sets `power/control` to `on` for the USB devices that a VM is given. What could not be done is told, and stops nothing:
/// the VM starts without a USB device as well.
pub fn prepare(session: &Session, config: &VmConfig) -> Result<Vec<String>> {
    let mut told = Vec::new();
    if config.usb.is_empty() {
        return Ok(told);
    }
    let present = devices(&session.host);
    for passed in Passed::of(&session.host, config) {
        let key = &passed.usb.key;
        let source = match &passed.source {
            Ok(source) => source,
            Err(error) => {
                told.push(format!("{key}: {error}"));
                continue;
            }
        };
        let mut found = present.iter().filter(|device| device.is(source)).peekable();
        if found.peek().is_none() && session.require_bus("usb").is_err() {
            let bus = session.host.shown(&session.host.usb_devices());
            told.push(format!("{key}: whether {source} is plugged in is not known: {bus} is not there"));
        } else if found.peek().is_none() {
            told.push(format!("{key}: {source} is not plugged in"));
        }
        for device in found {
            if let Err(error) = keep_awake(session, &device.dir().join("power/control")) {
                told.push(format!("{key}: {} may fall asleep: {error}", device.port));
            }
        }
    }
    Ok(told)
}

fn keep_awake(session: &Session, control: &Path) -> std::io::Result<()> {
    if sysfs::read(control)? == "on" {
        return Ok(());
    }
    if session.dry_run {
        session.would(&format!("write \"on\" to {}", session.host.shown(control)));
        return Ok(());
    }
    OpenOptions::new().write(true).truncate(true).open(tree::target(control)?)?.write_all(b"on")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::Config, deadline::Deadline, log::Log, report::Output, tree::planted};
    use std::time::Duration;

    #[test]
    fn what_cannot_be_looked_at_is_not_called_missing() {
        let config = VmConfig::parse("usb0: host=2-3\n", Path::new("275.conf")).unwrap();
        let told = |files: &[(&str, &str)]| {
            let (_dir, host) = planted(files);
            let deadline = Deadline::after(Duration::from_secs(20));
            let session = Session::new(host, Config::default(), deadline, Log::new("test", -2), Output::new(true));
            prepare(&session, &config).unwrap()
        };
        let unknown = "usb0: whether 2-3 is plugged in is not known: /sys/bus/usb/devices is not there";
        assert_eq!(told(&[]), [unknown]);
        assert_eq!(told(&[("sys/bus/usb/devices/usb2/busnum", "2\n")]), ["usb0: 2-3 is not plugged in"]);
    }
}
