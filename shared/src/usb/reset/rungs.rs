//! The rungs, each of which moves something and then proves what came of it.

use super::{
    Outcome,
    climb::{Climb, DRY},
    record::{Off, Record},
    verify::{Expect, verify},
};
use crate::{
    fault::{Code, Fault},
    sysfs::{Do, Step},
    tree,
    usb::{self, XHCI},
};
use anyhow::Result;
use nix::libc;
use std::path::Path;

/// How long a port stays off. QEMU looks every two seconds: what comes back sooner leaves it with a dead handle.
const OFF: u64 = 500;
const OFF_FOR_A_VM: u64 = 2300;
/// How long a controller stays without its driver.
const UNBOUND: u64 = 200;

pub(super) fn power(climb: &mut Climb<'_>) -> Result<Outcome> {
    let control = climb.device.dir().join("power/control");
    if let Some(dry) = climb.would(&[climb.writes("on", &control)]) {
        return Ok(dry);
    }
    if climb.device.power_control().is_none() {
        return Ok(Outcome::Skipped("it has no power/control".into()));
    }
    climb.change("power/control = on");
    let did = climb.take_one("power/control", Do::Write(control, "on".into()))?;
    if let Some(error) = did.error() {
        return Ok(Outcome::Failed(format!("cannot write power/control: {error}")));
    }
    if climb.device.power_control().as_deref() != Some("on") {
        return Ok(Outcome::Failed("power/control is not \"on\" although it was written".into()));
    }
    verify(climb, Expect::Awake)
}

pub(super) fn replug(climb: &mut Climb<'_>) -> Result<Outcome> {
    if climb.given.is_empty() {
        return Ok(Outcome::Skipped("no running VM is given it".into()));
    }
    climb.only_if_needed();
    let mut done = Vec::new();
    for (passed, _) in &climb.given {
        let vm = format!("VM {} ({})", passed.vmid, passed.usb.key);
        match usb::replug::replug(climb.session, passed, &climb.device) {
            Ok(()) => done.push(vm),
            Err(error) => match Fault::code_of(&error) {
                Code::Wedged => return Err(error),
                Code::Refused => return Ok(Outcome::Refused(once(&format!("{error:#}"), passed.vmid, &vm))),
                _ => return Ok(Outcome::Failed(once(&format!("{error:#}"), passed.vmid, &vm))),
            },
        }
    }
    if climb.session.dry_run {
        return Ok(Outcome::Skipped(DRY.into()));
    }
    Ok(Outcome::Worked(format!("{} has it again by a live handle", done.join(", "))))
}

/// Why a re-plug did not come about: who, and that nothing was changed, is said once by the sentence that this goes into.
fn once(why: &str, vmid: u32, vm: &str) -> String {
    let why = why.strip_suffix("; nothing was changed").unwrap_or(why);
    let named = why.strip_prefix(&format!("VM {vmid}")).is_some_and(|rest| rest.starts_with([':', ' ']));
    if named { why.to_owned() } else { format!("{vm}: {why}") }
}

pub(super) fn ioctl(climb: &mut Climb<'_>) -> Result<Outcome> {
    let Some(node) = climb.device.node() else {
        return Ok(Outcome::Skipped("it has no device node".into()));
    };
    if let Some(dry) = climb.would(&[format!("reset it by USBDEVFS_RESET on {node}")]) {
        return Ok(dry);
    }
    climb.change("USBDEVFS_RESET");
    let did = climb.take_one("USBDEVFS_RESET", Do::ResetDevice(climb.session.host.at(&node)))?;
    match did.error() {
        None => verify(climb, Expect::Either),
        // It was not the same any more after the reset, so the kernel made a new device of it.
        Some(error) if error.raw_os_error() == Some(libc::ENODEV) => verify(climb, Expect::Enumerated),
        Some(error) => {
            let why = match error.raw_os_error() {
                Some(libc::EISDIR) => " (it is a root hub)",
                Some(libc::EINVAL) => " (it is no longer attached)",
                Some(libc::EINPROGRESS) => " (another reset is under way)",
                _ => "",
            };
            Ok(Outcome::Failed(format!("USBDEVFS_RESET on {node}: {error}{why}")))
        }
    }
}

pub(super) fn port(climb: &mut Climb<'_>) -> Result<Outcome> {
    let Some(port) = climb.device.hub_port() else {
        return Ok(Outcome::Skipped(format!("the hub of {} does not tell of its ports", climb.device.port)));
    };
    let switch = port.disable();
    if !tree::exists(&switch) {
        let kernel = climb.session.host.kernel_release();
        let shown = climb.session.host.shown(&switch);
        let what = format!("there is no {shown} (kernel {kernel}; 6.0 is the first that can switch ports)");
        return Ok(Outcome::Skipped(what));
    }
    if let Some(dry) = climb.would(&[climb.writes("1", &switch), climb.writes("0", &switch)]) {
        return Ok(dry);
    }
    let record = Record::new(&climb.session.host, &climb.controller.name(), Off::Port(port.name.clone()));
    climb.change("port off and on");
    record.save(&climb.session.host)?;
    let steps = [
        Step::new(Do::Write(switch.clone(), "1".into())),
        Step::new(Do::Wait(if climb.given.is_empty() { OFF } else { OFF_FOR_A_VM })),
        Step::always(Do::Write(switch.clone(), "0".into())),
    ];
    let did = climb.take("disabling the port", &steps)?;
    let shown = climb.session.host.shown(&switch);
    if let Some(error) = did.last().and_then(crate::sysfs::Did::error) {
        return still_off(climb, &format!("cannot write \"0\" to {shown}: {error}"));
    }
    if !climb.reads(&switch, "0")? {
        return still_off(climb, &format!("{shown} does not read 0 although it was written"));
    }
    forget(climb, &record);
    if let Some(error) = did.first().and_then(crate::sysfs::Did::error) {
        return Ok(Outcome::Failed(format!("cannot write \"1\" to {shown}: {error}")));
    }
    verify(climb, Expect::Enumerated)
}

pub(super) fn controller(climb: &mut Climb<'_>) -> Result<Outcome> {
    let name = climb.controller.name();
    let driver = climb.session.host.pci_driver(XHCI);
    let [unbind, bind] = ["unbind", "bind"].map(|file| driver.join(file));
    if let Some(dry) = climb.would(&[climb.writes(&name, &unbind), climb.writes(&name, &bind)]) {
        return Ok(dry);
    }
    let record = Record::new(&climb.session.host, &name, Off::Driver(name.clone()));
    climb.change(&format!("controller {name} off its driver and back"));
    record.save(&climb.session.host)?;
    let steps = [
        Step::new(Do::Write(unbind, name.clone())),
        Step::new(Do::Wait(UNBOUND)),
        Step::always(Do::Write(bind.clone(), name.clone())),
    ];
    let did = climb.take("unbinding the controller", &steps)?;
    let mut bound = climb.controller.driver().as_deref() == Some(XHCI);
    if !bound {
        // Once more: the kernel may still have been at it.
        climb.take_one("binding the controller", Do::Write(bind, name.clone()))?;
        bound = climb.controller.driver().as_deref() == Some(XHCI);
    }
    if !bound {
        let why = did.last().and_then(crate::sysfs::Did::error).map(|e| format!(": {e}")).unwrap_or_default();
        return still_off(climb, &format!("{name} cannot be bound to {XHCI} again{why}"));
    }
    forget(climb, &record);
    if let Some(error) = did.first().and_then(crate::sysfs::Did::error) {
        return Ok(Outcome::Failed(format!("cannot unbind {name} from {XHCI}: {error}")));
    }
    verify(climb, Expect::Enumerated)
}

/// It is off and stays so for now: the record stays, so that the next run switches it on.
pub(super) fn still_off<T>(climb: &Climb<'_>, what: &str) -> Result<T> {
    Fault::problem(format!("{}: {what}", climb.device.port)).next("usb-reset heal").fail()
}

/// What is on again need not be remembered; a disk that is full is no reason to say that it is off.
pub(super) fn forget(climb: &Climb<'_>, record: &Record) {
    if let Err(error) = record.forget(&climb.session.host) {
        climb.session.log.warn(&format!("{error:#}"));
    }
}

impl Climb<'_> {
    /// Whether an attribute whose reading may block reads like this.
    fn reads(&mut self, path: &Path, value: &str) -> Result<bool> {
        super::heal::reads(&mut self.access, path, value, &self.deadline)
    }
}

#[cfg(test)]
mod tests {
    use super::once;

    #[test]
    fn a_vm_is_named_once() {
        let told = |why| once(why, 275, "VM 275 (usb0)");
        assert_eq!(told("VM 275: usb0 is none; nothing was changed"), "VM 275: usb0 is none");
        assert_eq!(told("VM 275 is locked (backup); nothing was changed"), "VM 275 is locked (backup)");
        assert_eq!(told("VM 2751 has it"), "VM 275 (usb0): VM 2751 has it");
        assert_eq!(told("no room for the record"), "VM 275 (usb0): no room for the record");
    }
}
