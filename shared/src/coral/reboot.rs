//! What touches more than the Coral: a reboot of its VM, by consent given beforehand or just now, and the controller's reset.

use super::{
    budget,
    collect::Wanted,
    fix::{Patient, Recovery, begin, end, fault_of, look_again, word},
    offer::{Offer, reboot_cures},
};
use crate::{
    fault::{Code, Fault},
    pve::{self, config_lock, qm},
    session::Session,
    usb::{
        UsbDevice,
        reset::{Consent, Outcome, Rung, climb},
    },
};
use anyhow::{Context, Result};
use std::time::Duration;

/// How long a guest may take to boot and to see its Coral.
const BOOT: Duration = Duration::from_secs(180);
/// How long it may take to see what was plugged in.
const SETTLE: Duration = Duration::from_secs(10);
/// Less time than this is not enough for a reboot.
const REBOOT: Duration = Duration::from_secs(30);

/// Reboots the VM without asking, where that is what is left and the budget allows it. `None` where it would cure nothing.
pub fn reboot(session: &Session, wanted: &Wanted, patient: &mut Patient) -> Result<Option<()>> {
    let Some(vmid) = reboot_cures(patient.evidence(), &patient.findings) else { return Ok(None) };
    if patient.fault.as_ref().is_some_and(|fault| fault.code != Code::Problem) {
        return Ok(None);
    }
    let begun = begin(patient);
    if session.dry_run {
        session.would(&format!("run qm reboot {vmid}, if nothing else helped"));
        return Ok(Some(()));
    }
    let nth = may_reboot(session, vmid)?;
    session.log.change(&format!(
        "VM {vmid}: reboot {nth} of {} in this hour, for the Coral {}",
        budget::MOST,
        patient.name()
    ));
    run_reboot(session, wanted, patient, vmid, &begun)?;
    Ok(Some(()))
}

fn may_reboot(session: &Session, vmid: u32) -> Result<usize> {
    let next = format!("qm reboot {vmid}");
    if session.deadline.remaining() < REBOOT {
        return Fault::busy(format!("VM {vmid}: too little time is left for a reboot"))
            .next("the same with --timeout 5m")
            .fail();
    }
    if let Some(lock) = pve::load(&session.host, vmid)?.lock {
        return Fault::busy(format!("VM {vmid} is locked ({lock}): not rebooted")).next(next).fail();
    }
    if let Some(pid) = config_lock::locked_by(&session.host, vmid) {
        return Fault::busy(format!("PVE is at work on VM {vmid} (pid {pid}): not rebooted")).next(next).fail();
    }
    budget::take(session, vmid)
}

fn run_reboot(session: &Session, wanted: &Wanted, patient: &mut Patient, vmid: u32, begun: &Recovery) -> Result<()> {
    let pid = pve::qemu_pid(&session.host, vmid);
    let done = qm::reboot(&session.host, vmid, session.deadline.remaining()).with_context(|| format!("VM {vmid}"));
    let outcome = match done {
        Ok(()) => {
            look_again(session, wanted, patient, BOOT)?;
            let now = pve::qemu_pid(&session.host, vmid);
            let anew = now.is_some() && now != pid;
            if anew {
                Outcome::Worked("a new QEMU runs".into())
            } else {
                Outcome::Failed("the same QEMU runs on".into())
            }
        }
        Err(error) => {
            patient.fault = Some(fault_of(&error));
            Outcome::Failed(format!("{error:#}"))
        }
    };
    patient.note(session, "vm-reboot", &outcome);
    end(session, patient, begun);
    Ok(())
}

/// Does what a person agreed to.
pub fn accept(session: &Session, wanted: &Wanted, patient: &mut Patient, offer: &Offer) -> Result<()> {
    let begun = begin(patient);
    match offer {
        Offer::Reboot { vmid } => run_reboot(session, wanted, patient, *vmid, &begun),
        Offer::Controller { port, address } => {
            let device = UsbDevice::new(&session.host, port.as_str());
            let consent = Consent { controller: Some(address.clone()) };
            let attempts = climb(session, &device, &[Rung::Controller], &consent)?;
            for attempt in &attempts {
                patient.note(session, word(attempt.rung), &attempt.outcome);
            }
            look_again(session, wanted, patient, SETTLE)?;
            end(session, patient, &begun);
            Ok(())
        }
    }
}
