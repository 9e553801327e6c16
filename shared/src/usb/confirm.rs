//! After a VM started: has its QEMU a live handle on every USB device that it was given?

use super::{
    Passed,
    handle::{Handle, handle},
};
use crate::{
    deadline::Deadline,
    pve::{self, VmConfig},
    session::Session,
};
use std::{thread, time::Duration};

/// QEMU takes a device when libusb tells it of it, some time after the start.
const TICK: Duration = Duration::from_millis(200);

/// What is not as it should be, in sentences, once the deadline is over; empty as soon as all is well. A device that is not
/// plugged in was told of before the start. Who is not seen clearly is not called ill.
pub fn confirm(session: &Session, config: &VmConfig, deadline: &Deadline) -> Vec<String> {
    let host = &session.host;
    let passed = Passed::of(host, config);
    if passed.is_empty() {
        return Vec::new();
    }
    let Some(pid) = pve::qemu_pid(host, config.vmid) else {
        return vec![format!("VM {} does not run: nothing holds its USB devices", config.vmid)];
    };
    loop {
        let problems: Vec<_> = passed.iter().flat_map(|passed| look(session, pid, passed)).collect();
        if problems.is_empty() || deadline.expired() {
            return problems;
        }
        thread::sleep(TICK.min(deadline.remaining()));
    }
}

/// One line of the configuration. Of several devices with the same id, QEMU takes one.
fn look(session: &Session, pid: i32, passed: &Passed) -> Vec<String> {
    let mut problems = Vec::new();
    for device in passed.devices(&session.host) {
        let what = match handle(&session.host, pid, Some(&device)) {
            Handle::Live => return Vec::new(),
            Handle::Unknown(why) => {
                session.log.detail(&format!("whether QEMU holds {} is unknown: {why}", device.port));
                return Vec::new();
            }
            Handle::None => "is not held by QEMU".to_owned(),
            Handle::Stale(what) => format!("is lost to QEMU: {what}"),
        };
        problems.push(format!("{}: {} {what} (pid {pid})", passed.usb.key, device.port));
    }
    problems
}
