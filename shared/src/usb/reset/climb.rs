//! One climb: the lock, and for each rung refusals, the move itself, and the proof.

use super::{Attempt, Consent, Identity, Outcome, Rung, blast, given, hub_power, rungs};
use crate::{
    deadline::Deadline,
    fault::Fault,
    lock::Locks,
    session::Session,
    sysfs::{Access, Did, Do, Step, Taken},
    usb::{Controller, Passed, UsbDevice},
};
use anyhow::Result;

/// What a rung says of itself in a dry run once it has told what it would do.
pub const DRY: &str = "dry run";

/// A climb under its lock.
pub(super) struct Climb<'a> {
    pub(super) session: &'a Session,
    pub(super) device: UsbDevice<'a>,
    pub(super) controller: Controller<'a>,
    pub(super) access: Access,
    /// The device as it was; `None` where nothing was plugged in.
    pub(super) before: Option<Identity>,
    /// The running VMs that are given it.
    pub(super) given: Vec<(Passed, i32)>,
    /// When the climb must end.
    pub(super) deadline: Deadline,
    /// In a dry run: the rung that comes only if those before it do not help, until that is told.
    later: Option<Rung>,
}

pub(super) fn climb(
    session: &Session,
    device: &UsbDevice<'_>,
    rungs: &[Rung],
    consent: &Consent,
) -> Result<Vec<Attempt>> {
    let port = &device.port;
    if device.is_root_hub() {
        let outcome = Outcome::Refused(format!("{port} is the root hub of a bus: only its controller can be reset"));
        return Ok(rungs.first().map(|rung| Attempt { rung: *rung, outcome }).into_iter().collect());
    }
    // By the session's host, so that what is kept lives as long as the session.
    let device = UsbDevice::new(&session.host, port.clone());
    let Some(controller) = device.controller() else {
        return Fault::problem(format!("{port}: there is no such bus")).next("usb-reset list").fail();
    };
    let access = lock(session, &controller.name(), port)?;
    let (before, given) = (Identity::of(&device), given(session, &device));
    let mut climb =
        Climb { session, device, controller, access, before, given, deadline: session.deadline, later: None };
    let mut attempts: Vec<Attempt> = Vec::new();
    for rung in rungs {
        let would = |attempt: &Attempt| matches!(&attempt.outcome, Outcome::Skipped(why) if why == DRY);
        climb.later = Some(*rung).filter(|_| attempts.iter().any(would));
        let outcome = climb.rung(*rung, consent)?;
        climb.tell(*rung, &outcome);
        let over = matches!(outcome, Outcome::Worked(_) | Outcome::Refused(_));
        attempts.push(Attempt { rung: *rung, outcome });
        if over {
            break;
        }
    }
    Ok(attempts)
}

/// The lock of everybody who resets something at a controller.
pub(super) fn lock(session: &Session, controller: &str, what: &str) -> Result<Access> {
    if session.dry_run {
        return Ok(Access::reading(&session.host));
    }
    session.require_root()?;
    let command = format!("{} {what}", session.log.program());
    let locks = Locks::take(&session.host, &[format!("usb-{controller}")], &command, &session.lock_deadline())?;
    Ok(Access::locked(&session.host, locks))
}

impl Climb<'_> {
    fn rung(&mut self, rung: Rung, consent: &Consent) -> Result<Outcome> {
        let there = self.device.exists();
        if !there && matches!(rung, Rung::Power | Rung::Replug | Rung::Ioctl) {
            return Ok(Outcome::Skipped(format!("nothing is plugged in at {}", self.device.port)));
        }
        if let Some(why) = blast::harm(self.session, &self.device, rung) {
            return Ok(Outcome::Refused(why));
        }
        if rung == Rung::Controller
            && let Some(why) = blast::no_consent(&self.device, consent.controller.as_deref())
        {
            return Ok(Outcome::Refused(why));
        }
        if self.deadline.expired() {
            return Ok(Outcome::Skipped("out of time".into()));
        }
        match rung {
            Rung::Power => rungs::power(self),
            Rung::Replug => rungs::replug(self),
            Rung::Ioctl => rungs::ioctl(self),
            Rung::Port => rungs::port(self),
            Rung::HubPower => hub_power::hub_power(self),
            Rung::Controller => rungs::controller(self),
        }
    }

    /// In a dry run, says what would be done; then the rung is over.
    pub(super) fn would(&mut self, lines: &[String]) -> Option<Outcome> {
        self.session.dry_run.then(|| {
            self.only_if_needed();
            for line in lines {
                self.session.would(line);
            }
            Outcome::Skipped(DRY.into())
        })
    }

    /// In a dry run, says that what follows comes only if nothing before it has helped.
    pub(super) fn only_if_needed(&mut self) {
        if let Some(rung) = self.later.take() {
            self.session.would(&format!("try next, until it is cured: {rung}"));
        }
    }

    /// An attribute as the host spells it, for messages.
    pub(super) fn writes(&self, value: &str, path: &std::path::Path) -> String {
        format!("write {value:?} to {}", self.session.host.shown(path))
    }

    /// Takes steps to their end; what came of each. A kernel that does not answer ends the climb.
    pub(super) fn take(&mut self, what: &str, steps: &[Step]) -> Result<Vec<Did>> {
        let port = self.device.port.clone();
        match self.access.take(steps, &self.deadline)? {
            Taken::All(did) => Ok(did),
            Taken::Stuck => {
                let pid = self.access.stuck_worker().unwrap_or_default();
                Fault::wedged(format!(
                    "{port}: the kernel has not answered by the deadline ({what}); pid {pid} waits for it, keeps the lock, \
                     and puts back what it took"
                ))
                .next(format!("cat /proc/{pid}/stack; journalctl -k -n 50; once pid {pid} has ended: usb-reset heal"))
                .fail()
            }
            Taken::Died => {
                Fault::problem(format!("{port}: the process that does it died ({what}); how far it came is unknown"))
                    .next("usb-reset heal   # who killed it? journalctl -k | grep -i oom")
                    .fail()
            }
        }
    }

    /// One step.
    pub(super) fn take_one(&mut self, what: &str, step: Do) -> Result<Did> {
        Ok(self.take(what, &[Step::new(step)])?.pop().unwrap_or(Did::LeftOut))
    }

    /// Logs that something is about to be changed.
    pub(super) fn change(&self, what: &str) {
        let id = self.before.as_ref().map(|before| format!(" ({})", before.id)).unwrap_or_default();
        self.session.log.change(&format!("{}{id}: {what}", self.device.port));
    }

    fn tell(&self, rung: Rung, outcome: &Outcome) {
        let port = &self.device.port;
        match outcome {
            Outcome::Failed(why) | Outcome::Skipped(why) if self.session.dry_run => {
                if why != DRY {
                    self.session.would(&format!("skip {rung}: {why}"));
                }
            }
            Outcome::Worked(how) => self.session.log.change(&format!("{port}: {rung} worked: {how}")),
            Outcome::Failed(why) => self.session.log.warn(&format!("{port}: {rung} did not help: {why}")),
            Outcome::Refused(_) => {}
            Outcome::Skipped(why) => self.session.log.detail(&format!("{port}: {rung} skipped: {why}")),
        }
    }
}
