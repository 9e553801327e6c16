//! What a run that died left switched off is switched on again.

use super::{
    climb::lock,
    hub_power::Half,
    record::{Off, Record, records},
};
use crate::{
    deadline::Deadline,
    fault::{Code, Fault},
    pci::Device,
    session::Session,
    sysfs::{Access, Answer, Did, Do, Step, Taken},
    tree,
    usb::{Port, XHCI},
};
use anyhow::Result;
use std::path::Path;

/// What a run that died may have left off, in words. Looks only.
pub fn interrupted(session: &Session) -> Vec<String> {
    let (records, garbage) = records(&session.host);
    let garbage = garbage.iter().map(|path| format!("{}, which cannot be understood", session.host.shown(path)));
    records.iter().map(|record| title(&record.off)).chain(garbage).collect()
}

/// Switches on what a run that died left off, reads it back and forgets it; what was healed.
pub fn heal(session: &Session) -> Result<Vec<String>> {
    let (mut healed, mut result) = (Vec::new(), Ok(()));
    let (records, garbage) = records(&session.host);
    for record in records {
        // One that cannot be healed keeps nobody from the others.
        match heal_one(session, &record) {
            Ok(told) => healed.extend(told),
            Err(error) if result.is_err() => session.log.warn(&format!("{error:#}")),
            Err(error) => result = Err(error),
        }
    }
    for path in garbage {
        let shown = session.host.shown(&path);
        session.log.warn(&format!(
            "{shown} cannot be understood, so what it says is off may still be; next: grep . /sys/bus/usb/devices/*/*/disable; rm {shown}"
        ));
    }
    result.map(|()| healed)
}

fn heal_one(session: &Session, record: &Record) -> Result<Option<String>> {
    let what = title(&record.off);
    let mut access = match lock(session, &record.controller, &format!("heal {what}")) {
        Ok(access) => access,
        Err(error) if Fault::code_of(&error) == Code::Busy => {
            // Whoever holds the lock is still at it.
            session.log.info(&format!("{what}: left to the one who holds its lock: {error:#}"));
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    if !record.is_there(&session.host) {
        return Ok(None);
    }
    let changed = switch_on(session, &mut access, record)?;
    if session.dry_run {
        return Ok(None);
    }
    if changed {
        session.log.change(&format!("{what}: on again after a run that was interrupted"));
    }
    record.forget(&session.host)?;
    Ok(changed.then_some(what))
}

fn title(off: &Off) -> String {
    match off {
        Off::Port(port) => format!("port {port}"),
        Off::Power(ports) => format!("power of port {}", ports.join(" and ")),
        Off::Driver(address) => format!("controller {address}"),
    }
}

/// Whether there was something to do. A hub or controller that is gone needs nothing any more.
fn switch_on(session: &Session, access: &mut Access, record: &Record) -> Result<bool> {
    match &record.off {
        Off::Port(name) => {
            let Some(port) = Port::of(&session.host, name) else { return Ok(false) };
            let switch = port.disable();
            if reads(access, &switch, "0", &session.deadline)? {
                return Ok(false);
            }
            write(session, access, &switch, "0")?;
            if !session.dry_run && !reads(access, &switch, "0", &session.deadline)? {
                return failed(&format!("{} does not read 0 although it was written", session.host.shown(&switch)));
            }
            Ok(!session.dry_run)
        }
        Off::Driver(name) => {
            let Ok(address) = name.parse() else { return Ok(false) };
            let device = Device::new(&session.host, address);
            // With another driver, somebody else has moved it since.
            if !tree::exists(&device.dir()) || device.driver().is_some() {
                return Ok(false);
            }
            write(session, access, &session.host.pci_driver(XHCI).join("bind"), name)?;
            if !session.dry_run && device.driver().as_deref() != Some(XHCI) {
                return failed(&format!("{name} is not bound to {XHCI} although it was written"));
            }
            Ok(!session.dry_run)
        }
        Off::Power(ports) => {
            let mut changed = false;
            for half in ports.iter().filter_map(|port| Half::of(&session.host, port)) {
                changed |= power_on(session, access, &half)?;
            }
            Ok(changed)
        }
    }
}

fn power_on(session: &Session, access: &mut Access, half: &Half) -> Result<bool> {
    let mut powered = |steps: &[Step]| -> Result<Option<bool>> {
        let Taken::All(did) = access.take(steps, &session.deadline)? else {
            return Fault::wedged(format!("port {}: the hub does not answer", half.port)).next("usb-reset list").fail();
        };
        Ok(if let Some(Did::Done(status)) = did.last() { half.has_power(status) } else { None })
    };
    if session.dry_run {
        session.would(&format!("switch on the power of port {}", half.port));
        return Ok(false);
    }
    if powered(&[Step::new(half.status())])? == Some(true) {
        return Ok(false);
    }
    let on = [Step::new(half.on()), Step::new(Do::Wait(100)), Step::new(half.status())];
    match powered(&on)? {
        Some(true) => Ok(true),
        _ => failed(&format!("port {} does not get its power back", half.port)),
    }
}

fn write(session: &Session, access: &mut Access, path: &Path, value: &str) -> Result<()> {
    let what = format!("write {value:?} to {}", session.host.shown(path));
    if session.dry_run {
        session.would(&what);
        return Ok(());
    }
    match access.write(path, value, &session.deadline)? {
        Answer::Done(_) => Ok(()),
        Answer::Failed(error) => failed(&format!("cannot {what}: {error}")),
        Answer::Stuck | Answer::Late => Fault::wedged(format!("the kernel has not answered by the deadline: {what}"))
            .next("journalctl -k -n 50; usb-reset heal")
            .fail(),
        Answer::Died => failed(&format!("the process that was to {what} died")),
    }
}

fn failed<T>(what: &str) -> Result<T> {
    Fault::problem(what).next("journalctl -k -n 50; usb-reset heal").fail()
}

/// Whether an attribute that the kernel reads under a lock reads like this.
pub(super) fn reads(access: &mut Access, path: &Path, value: &str, deadline: &Deadline) -> Result<bool> {
    Ok(match access.read(path, 16, deadline.remaining(), deadline)? {
        Answer::Done(text) => text.trim_ascii() == value.as_bytes(),
        Answer::Failed(_) => false,
        silent => {
            let who =
                if matches!(silent, Answer::Late) { "this machine is too busy" } else { "the kernel has not answered" };
            return Fault::wedged(format!("{who}; not read by the deadline: {}", path.display()))
                .next("journalctl -k -n 50; usb-reset heal")
                .fail();
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::Config, host::Host, log::Log, report::Output};
    use std::{fs, time::Duration};

    fn session(root: &Path) -> Session {
        let deadline = Deadline::after(Duration::from_secs(5));
        Session::new(Host::new(root), Config::default(), deadline, Log::new("usb-reset", -2), Output::new(true))
    }

    #[test]
    fn a_port_that_was_left_off_is_switched_on_once() {
        let root = tempfile::tempdir().unwrap();
        let session = session(root.path());
        let switch = session.host.usb_devices().join("3-1:1.0/3-1-port4/disable");
        fs::create_dir_all(switch.parent().unwrap()).unwrap();
        fs::write(&switch, "1\n").unwrap();
        Record::new(&session.host, "0000:03:00.0", Off::Port("3-1.4".into())).save(&session.host).unwrap();
        assert_eq!(interrupted(&session), ["port 3-1.4"]);
        assert_eq!(heal(&session).unwrap(), ["port 3-1.4"]);
        assert_eq!(fs::read_to_string(&switch).unwrap(), "0");
        assert!(heal(&session).unwrap().is_empty() && interrupted(&session).is_empty());
    }

    #[test]
    fn a_dry_run_heals_nothing_and_what_is_gone_or_on_needs_nothing() {
        let root = tempfile::tempdir().unwrap();
        let mut session = session(root.path());
        let switch = session.host.usb_devices().join("3-1:1.0/3-1-port4/disable");
        fs::create_dir_all(switch.parent().unwrap()).unwrap();
        fs::write(&switch, "1\n").unwrap();
        let record = Record::new(&session.host, "0000:03:00.0", Off::Port("3-1.4".into()));
        record.save(&session.host).unwrap();
        session.dry_run = true;
        assert!(heal(&session).unwrap().is_empty());
        assert_eq!(fs::read_to_string(&switch).unwrap(), "1\n");
        assert_eq!(session.planned().len(), 1);
        session.dry_run = false;
        fs::write(&switch, "0\n").unwrap();
        assert!(heal(&session).unwrap().is_empty() && !record.is_there(&session.host));
        for off in [Off::Port("9-1".into()), Off::Driver("0000:09:00.0".into()), Off::Power(vec!["9-1".into()])] {
            Record::new(&session.host, "0000:09:00.0", off).save(&session.host).unwrap();
        }
        assert!(heal(&session).unwrap().is_empty() && interrupted(&session).is_empty());
    }
}
