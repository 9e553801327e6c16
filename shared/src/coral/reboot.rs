//! What touches more than the Coral: a reboot of its VM, by consent given beforehand or just now, and the controller's reset.

use super::{
    budget,
    collect::Wanted,
    finding::Severity,
    fix::{Recovery, begin, end, ends_it, fault_of, look_again, word},
    offer::{Offer, reboot_cures, reboot_is_vain},
    patient::Patient,
};
use crate::{
    fault::Fault,
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
    let Some(vmid) = reboot_cures(patient.evidence(), &patient.findings) else {
        if let Some(why) = reboot_is_vain(patient.evidence(), &patient.findings) {
            refuse(session, patient, why);
        }
        return Ok(None);
    };
    if let Some(why) = keeps_from_it(patient) {
        refuse(session, patient, format!("VM {vmid} is not rebooted: {why}"));
        return Ok(None);
    }
    let begun = begin(patient);
    if session.dry_run {
        session.would(&format!("run qm reboot {vmid}, if nothing else helped"));
        return Ok(Some(()));
    }
    let nth = match may_reboot(session, vmid) {
        Ok(nth) => nth,
        Err(error) => {
            patient.fault.get_or_insert_with(|| fault_of(&error));
            refuse(session, patient, format!("{error:#}"));
            return Ok(None);
        }
    };
    session.log.change(&format!(
        "VM {vmid}: reboot {nth} of {} in this hour, for the Coral {}",
        budget::MOST,
        patient.name()
    ));
    run_reboot(session, wanted, patient, vmid, &begun)?;
    Ok(Some(()))
}

/// Says why there is no reboot, among what was done: nobody else does, where nobody watches.
fn refuse(session: &Session, patient: &mut Patient, why: String) {
    if session.dry_run {
        return session.log.warn(&why);
    }
    patient.note(session, "vm-reboot", &Outcome::Refused(why));
}

/// What speaks against a reboot that nobody is asked about.
fn keeps_from_it(patient: &Patient) -> Option<String> {
    if let Some(fault) = patient.fault.as_ref().filter(|fault| ends_it(fault)) {
        return Some(fault.what.clone());
    }
    // Nobody is asked on a terminal either.
    let (state, severity) = patient.state();
    (severity < Severity::Critical).then(|| format!("{state} is no reason for it"))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coral::{
        diagnose::samples,
        evidence::{Evidence, HandleSide},
    };

    fn patient(change: impl FnOnce(&mut Evidence)) -> Patient {
        let mut evidence = samples::healthy();
        change(&mut evidence);
        Patient::new(evidence)
    }

    #[test]
    fn unasked_it_is_only_for_what_is_critical_and_not_against_a_refusal() {
        let mut stale = patient(|e| e.vms[0].handle = HandleSide::Stale("gone".into()));
        assert_eq!(keeps_from_it(&stale), None);
        for (fault, keeps) in [
            (Fault::problem("QEMU has not opened it"), false),
            // No place of its own in QEMU: a re-plug is refused, and a reboot is what it names.
            (Fault::refused("is on the bus \"uhci.0\"").this_way_only(), false),
            (Fault::refused("the VM is paused").next("qm resume 275"), true),
            (Fault::busy("the VM is locked (backup)"), true),
            (Fault::wedged("no answer").next("qm reboot 275"), true),
        ] {
            stale.fault = Some(fault);
            assert_eq!(keeps_from_it(&stale).is_some(), keeps, "{:?}", stale.fault);
        }
        let unclaimed = patient(|e| samples::host(e).drivers = vec![None]);
        assert_eq!(keeps_from_it(&unclaimed).as_deref(), Some("claim_lost is no reason for it"));
    }
}
