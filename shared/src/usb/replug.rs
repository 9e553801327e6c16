//! The least cure for a device that a VM lost: QEMU lets go of it and takes it again, by its monitor. The guest sees an
//! unplug and a plug; nobody else sees anything.

mod heal;
mod options;
#[cfg(test)]
mod real;
mod record;
#[cfg(test)]
mod tests;

pub use heal::heal;

use super::{
    Passed, UsbDevice,
    handle::{Handle, handle},
};
use crate::{
    deadline::Deadline,
    fault::Fault,
    host::Host,
    lock::Locks,
    pve::{
        self,
        config_lock::locked_by,
        qmp::{Monitor, Trouble},
    },
    session::Session,
};
use anyhow::Result;
use options::{Options, Seen, XHCI_BUS};
use record::Record;
use serde_json::json;
use std::{thread, time::Duration};

/// How long the monitor may take until it is our turn, and for what is only asked.
const TURN: Duration = Duration::from_secs(5);
/// How long QEMU may take to let go of a device; it needs nothing of the guest for that.
const TAKE_OFF: Duration = Duration::from_secs(10);
/// Giving the device back has time of its own: a run whose time is over may not leave the VM without it. PVE allows this
/// command a minute, as QEMU opens the device within it.
const GIVE_BACK: Duration = Duration::from_secs(30);
/// QEMU looks for its devices every two seconds; a guest on a busy host takes some time to configure one.
const SETTLE: Duration = Duration::from_secs(15);
/// Between two looks.
const TICK: Duration = Duration::from_millis(100);
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(300);

/// What QEMU says of its `usbN`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QemuView {
    /// Whether there is such a device in QEMU at all.
    pub exists: bool,
    /// Whether QEMU says that it is attached; `None` where it does not say.
    pub attached: Option<bool>,
    /// How QEMU was told to find it: `hostbus=3,hostport=1.4` or `vendorid=…,productid=…`.
    pub options: String,
}

/// Asks QEMU about a `usbN` of a running VM; the error says why the answer is unknown (monitor busy, no answer).
pub fn ask(host: &Host, passed: &Passed, deadline: &Deadline) -> Result<QemuView, String> {
    let seen = Monitor::open(host, passed.vmid, deadline).and_then(|mut m| options::look(&mut m, &passed.usb.key));
    match seen {
        Ok(Some(seen)) => Ok(QemuView { exists: true, attached: seen.attached, options: seen.options.criteria() }),
        Ok(None) => Ok(QemuView { exists: false, attached: None, options: String::new() }),
        Err(trouble) => Err(trouble.to_string()),
    }
}

/// Takes the device off the VM and gives it back, verified by a live handle.
pub fn replug(session: &Session, passed: &Passed, device: &UsbDevice<'_>) -> Result<()> {
    session.require_root()?;
    let vmid = passed.vmid;
    let title = title(passed);
    let Some(pid) = pve::qemu_pid(&session.host, vmid) else {
        return Fault::problem(format!("{title}: the VM does not run")).next(format!("qm start {vmid}")).fail();
    };
    if !device.exists() {
        return Fault::problem(format!("{title}: {} is not plugged in; nothing was changed", device.port)).fail();
    }
    let _locks = exclusive(session, passed)?;
    let mut monitor = turn(session, vmid)?;
    let seen = options::look(&mut monitor, &passed.usb.key).map_err(|t| t.fault(vmid, "asking for its devices"))?;
    let options = match &seen {
        Some(seen) => known(passed, seen)?,
        None => match Record::load(&session.host, vmid, &passed.usb.key) {
            Some(record) => record.options,
            None => options::as_pve_would(&mut monitor, passed)?,
        },
    };
    if !options.mean(device) {
        return Fault::refused(format!(
            "{title}: QEMU looks for {}, and {} is not that; nothing was changed",
            options.criteria(),
            device.port
        ))
        .next(format!("qm set {vmid} --{} host={} && qm reboot {vmid}", passed.usb.key, device.port))
        .fail();
    }
    if session.dry_run {
        if seen.is_some() {
            session.would(&format!("run QMP device_del id={} on VM {vmid}", options.id));
        }
        session.would(&format!("run QMP device_add {options} on VM {vmid}"));
        return Ok(());
    }
    let record = Record::save(session, vmid, &options)?;
    if seen.is_some() {
        monitor = monitor.until(Deadline::after(TAKE_OFF));
        take_off(session, &mut monitor, vmid, &record)?;
    }
    give_back(session, monitor, vmid, &record)?;
    settle(&session.host, pid, passed, device, &session.deadline.within(SETTLE))
}

/// Refuses while PVE works on the VM, and keeps others of us away. A dry run takes no lock.
fn exclusive(session: &Session, passed: &Passed) -> Result<Option<Locks>> {
    let (host, vmid) = (&session.host, passed.vmid);
    if let Some(operation) = pve::load(host, vmid)?.lock {
        return Fault::busy(format!("VM {vmid} is locked ({operation}); nothing was changed"))
            .next(format!("wait until that has ended: qm config {vmid}"))
            .fail();
    }
    if let Some(pid) = locked_by(host, vmid) {
        return Fault::busy(format!("PVE is at work on VM {vmid} (pid {pid}); nothing was changed"))
            .next(format!("wait for it, or look at it: ps -fp {pid}"))
            .fail();
    }
    if session.dry_run {
        return Ok(None);
    }
    let key = &passed.usb.key;
    let command = format!("{} re-plug of {key} of VM {vmid}", session.log.program());
    Locks::take(host, &[format!("usb-{vmid}-{key}")], &command, &session.lock_deadline()).map(Some)
}

/// A session with the monitor of a VM that runs. QEMU opens no USB device for one that is paused.
fn turn(session: &Session, vmid: u32) -> Result<Monitor> {
    let open = |monitor: &mut Monitor| monitor.execute("query-status", &json!({}));
    let deadline = session.deadline.within(TURN);
    let opened = Monitor::open(&session.host, vmid, &deadline).and_then(|mut m| Ok((open(&mut m)?, m)));
    let (status, monitor) = opened.map_err(|trouble| trouble.fault(vmid, "QMP query-status"))?;
    if status["running"] == true {
        return Ok(monitor);
    }
    let state = status["status"].as_str().unwrap_or("unknown");
    Fault::refused(format!(
        "VM {vmid} is in the state {state:?}, and QEMU takes no USB device until it runs; nothing was changed"
    ))
    .next(format!("qm resume {vmid}"))
    .fail()
}

/// The options of a device that PVE made and that can be made again.
fn known(passed: &Passed, seen: &Seen) -> Result<Options> {
    let why = if seen.kind.is_empty() {
        "is there in QEMU, but does not tell its type, so it is no usb-host".to_owned()
    } else if seen.kind != "usb-host" {
        format!("is a {:?} in QEMU, no usb-host", seen.kind)
    } else if seen.options.bus != XHCI_BUS || seen.options.port.is_empty() {
        format!("is on the bus {:?} in QEMU, where it would not find its place again", seen.options.bus)
    } else {
        return Ok(seen.options.clone());
    };
    Fault::refused(format!("{} {why}; nothing was changed", title(passed)))
        .next(format!("qm reboot {}", passed.vmid))
        .this_way_only()
        .fail()
}

/// `device_del`, and the event that it has gone.
fn take_off(session: &Session, monitor: &mut Monitor, vmid: u32, record: &Record) -> Result<()> {
    let id = &record.options.id;
    session.log.change(&format!("VM {vmid}: QMP device_del id={id}"));
    crate::failpoint::before_write();
    let asked = monitor.execute("device_del", &json!({ "id": id }));
    crate::failpoint::write_handed_over();
    match asked {
        Ok(_) => {}
        Err(trouble) if trouble.is_not_found() => return Ok(()),
        Err(trouble @ Trouble::Failed { .. }) => {
            record.forget(&session.host)?;
            return Err(trouble.fault(vmid, &format!("QMP device_del id={id}")).into());
        }
        // Whether it was done is not known: the record stays, and whoever heals will see.
        Err(trouble) => return Err(trouble.fault(vmid, &format!("QMP device_del id={id}")).into()),
    }
    let gone = monitor.wait_event("DEVICE_DELETED", |data| data["device"] == id.as_str());
    if gone.is_ok() || matches!(options::look(monitor, id), Ok(None)) {
        return Ok(());
    }
    let why = gone.err().map(|trouble| trouble.to_string()).unwrap_or_default();
    Fault::wedged(format!("VM {vmid}: QMP device_del id={id} was accepted, but {id} has not gone: {why}"))
        .next(format!("qm reboot {vmid}"))
        .fail()
}

/// `device_add`, again if it fails, and then the record is not needed any more.
fn give_back(session: &Session, monitor: Monitor, vmid: u32, record: &Record) -> Result<()> {
    let options = &record.options;
    let deadline = Deadline::after(GIVE_BACK);
    let mut monitor = Some(monitor.until(deadline));
    let mut told = Trouble::NoAnswer;
    for attempt in 0..3 {
        if attempt > 0 {
            session.log.warn(&format!("VM {vmid}: QMP device_add {options}: {told}; trying again"));
            thread::sleep(PAUSE);
        }
        match add(session, &mut monitor, vmid, options, &deadline) {
            Ok(()) => return record.forget(&session.host),
            Err(trouble) => told = trouble,
        }
    }
    let what = told.fault(vmid, &format!("QMP device_add {options}"));
    let next = format!("qm monitor {vmid}   # and there: device_add {options}");
    Fault { what: format!("{}; the VM is without it", what.what), ..what }.next(next).fail()
}

fn add(
    session: &Session,
    monitor: &mut Option<Monitor>,
    vmid: u32,
    options: &Options,
    deadline: &Deadline,
) -> Result<(), Trouble> {
    let again = monitor.is_none();
    let mut open = match monitor.take() {
        Some(monitor) => monitor,
        None => Monitor::open(&session.host, vmid, deadline)?,
    };
    // The one that failed may have been done all the same.
    if again && options::look(&mut open, &options.id)?.is_some() {
        return Ok(());
    }
    session.log.change(&format!("VM {vmid}: QMP device_add {options}"));
    crate::failpoint::before_write();
    let added = open.execute("device_add", &options.arguments());
    crate::failpoint::write_handed_over();
    added.map(drop)
}

/// Waits until QEMU has the device open, as `device_add` succeeds without it.
fn settle(host: &Host, pid: i32, passed: &Passed, device: &UsbDevice<'_>, deadline: &Deadline) -> Result<()> {
    let mut attached = Err("not asked".to_owned());
    loop {
        let now = handle(host, pid, Some(device));
        if now == Handle::Live {
            attached = ask(host, passed, &deadline.within(TURN)).map(|view| view.attached);
            if attached == Ok(Some(true)) {
                return Ok(());
            }
        }
        if deadline.expired() {
            let why = match (now, attached) {
                (Handle::Live, Ok(_)) => "QEMU has it open, but has not attached it for the guest".to_owned(),
                (Handle::Live, Err(why)) => format!("QEMU has it open; whether it is attached is unknown: {why}"),
                (Handle::Stale(why) | Handle::Unknown(why), _) => why,
                (Handle::None, _) => format!("QEMU has not opened {}", device.port),
            };
            let took = humantime::format_duration(Duration::from_secs(deadline.budget().as_secs()));
            return Fault::problem(format!("{}: given back, but not live after {took}: {why}", title(passed)))
                .next(format!("usb-reset {} --rung port", device.port))
                .fail();
        }
        thread::sleep(TICK.min(deadline.remaining()));
    }
}

fn title(passed: &Passed) -> String {
    format!("VM {}: {}", passed.vmid, passed.usb.key)
}
