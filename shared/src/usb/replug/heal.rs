//! Gives back what a run that died took off a VM.

use super::{
    super::{Passed, devices},
    exclusive, give_back, options,
    record::Record,
    settle, title, turn,
};
use crate::{
    fault::Fault,
    pve::{self, qemu_pid},
    session::Session,
    state, tree,
};
use anyhow::{Context, Result};
use std::{fs, path::Path};

/// Gives back every device that was taken off a VM which still runs, and that did not come back; what was done is told. One
/// that cannot be given back now keeps nobody from the others; the first such error is returned, the others are warnings.
pub fn heal(session: &Session) -> Result<Vec<String>> {
    let mut done = Vec::new();
    let mut failed = None;
    for (path, record) in Record::all(&session.host)? {
        let healed = match record {
            Ok(record) if record.is_current(&session.host) => heal_one(session, &record),
            Ok(record) if record.may_be_current(&session.host) => unknown(session, &record, &path),
            // Of a QEMU that is gone: it says nothing any more.
            Ok(_) if session.dry_run => continue,
            Ok(_) => state::remove(&path).map(|()| None),
            Err(why) => set_aside(session, &path, &why),
        };
        match healed {
            Ok(told) => done.extend(told),
            Err(error) if failed.is_some() => session.log.warn(&format!("{error:#}")),
            Err(error) => failed = Some(error),
        }
    }
    failed.map_or(Ok(done), Err)
}

/// What cannot be understood may be about a device that a VM is without: it is told once, and kept for whoever looks.
fn set_aside(session: &Session, path: &Path, why: &str) -> Result<Option<String>> {
    let shown = session.host.shown(path);
    let what = format!("{shown}: {why}: which device has to be given back is not known");
    if session.dry_run {
        session.would(&format!("rename {shown} to {shown}.damaged"));
        return Fault::problem(what).next("usb-reset heal").fail();
    }
    session.require_root()?;
    let aside = path.with_extension("json.damaged");
    crate::failpoint::before_write();
    let renamed = tree::entry(path).and_then(|from| fs::rename(from, tree::entry(&aside)?));
    crate::failpoint::write_handed_over();
    renamed.with_context(|| format!("{what}; cannot rename it to {shown}.damaged"))?;
    let vm = path.file_name().and_then(|name| name.to_str()?.split('-').nth(1)?.parse::<u32>().ok());
    let cure = vm.map(|vmid| format!(" && qm reboot {vmid}   # where the VM is without a device"));
    Fault::problem(format!("{what}; it is {shown}.damaged now"))
        .next(format!("cat {shown}.damaged{}", cure.unwrap_or_default()))
        .fail()
}

/// The QEMU that it is about lives, and PVE's file does not name it: it may be without its device.
fn unknown(session: &Session, record: &Record, path: &Path) -> Result<Option<String>> {
    let (host, vmid) = (&session.host, record.vmid);
    let pidfile = host.shown(&host.qemu_run().join(format!("{vmid}.pid")));
    Fault::problem(format!(
        "VM {vmid}: whether {} has to be given back is not known: its QEMU lives, and {pidfile} does not name it",
        record.options.id
    ))
    .next(format!("cat {pidfile}; cat {}", host.shown(path)))
    .fail()
}

fn heal_one(session: &Session, record: &Record) -> Result<Option<String>> {
    let host = &session.host;
    let (vmid, id) = (record.vmid, &record.options.id);
    let config = pve::load(host, vmid)?;
    let Some(passed) = Passed::of(host, &config).into_iter().find(|passed| passed.usb.key == *id) else {
        // Taken out of the configuration since: it does not belong to the VM any more.
        if session.dry_run {
            return Ok(None);
        }
        record.forget(host)?;
        let shown = host.shown(&host.vm_configs().join(format!("{vmid}.conf")));
        return Ok(Some(format!("VM {vmid}: {id} is not in {shown} any more, so it is not given back")));
    };
    session.require_root()?;
    let _locks = exclusive(session, &passed)?;
    // Whoever had the lock may have finished.
    let Some(record) = Record::load(host, vmid, id) else { return Ok(None) };
    let mut monitor = turn(session, vmid)?;
    let seen = options::look(&mut monitor, id).map_err(|trouble| trouble.fault(vmid, "asking for its devices"))?;
    if session.dry_run {
        if seen.is_none() {
            session.would(&format!("run QMP device_add {} on VM {vmid}", record.options));
        }
        return Ok(None);
    }
    if seen.is_some() {
        record.forget(host)?;
        return Ok(None);
    }
    let other = devices(host).into_iter().find(|device| record.options.mean(device) && !passed.means(device));
    if let (Some(device), Ok(source)) = (other, &passed.source) {
        record.forget(host)?;
        let (title, port) = (title(&passed), &device.port);
        return Ok(Some(format!(
            "{title}: {port} is not given back: it is {source} now, which counts from the next start of the VM"
        )));
    }
    give_back(session, monitor, vmid, &record)?;
    let told = format!("{} was given back ({})", title(&passed), record.options.criteria());
    match (qemu_pid(host, vmid), &passed.devices(host)[..]) {
        (Some(pid), [device]) => {
            settle(host, pid, &passed, device, &session.deadline.within(super::SETTLE))?;
            Ok(Some(told))
        }
        (_, []) => Ok(Some(format!("{told}; it is not plugged in"))),
        _ => Ok(Some(told)),
    }
}
