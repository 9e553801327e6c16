//! One function per thing that can be asked for.

use crate::{
    cli::{Choice, Cli, Verb},
    list, next, show,
};
use anyhow::Result;
use passthrough::{
    fault::Fault,
    session::Session,
    usb::{
        UsbDevice, heal,
        in_use::in_use,
        reset::{Attempt, Consent, DRY, Identity, Outcome, Rung, auto, climb_healed, interrupted, touched},
        target::Target,
    },
};
use std::time::Duration;

/// Runs it; the number is the exit code.
pub fn run(cli: &Cli) -> Result<u8> {
    let session = cli.common.session("usb-reset", Duration::from_secs(60))?;
    consent_has_a_meaning(cli)?;
    let code = match (&cli.verb, &cli.target) {
        (Some(_), Some(target)) => {
            return Fault::usage(format!("{target} and a verb: either a device is reset, or not")).fail();
        }
        (Some(Verb::List), None) => list::list(&session),
        (Some(Verb::Heal), None) => healed(&session),
        (None, Some(target)) => reset(&session, cli, target),
        (None, None) => Fault::usage("no target").next("usb-reset --help").fail(),
    }?;
    session.output.check()?;
    Ok(code)
}

/// Who consents to the reset of a controller, and asks for something else, does not get what he thinks.
fn consent_has_a_meaning(cli: &Cli) -> Result<()> {
    let (Some(address), false) = (&cli.controller, cli.verb.is_none() && cli.rung == Choice::Controller) else {
        return Ok(());
    };
    let target = cli.target.as_ref().map_or_else(|| "TARGET".to_owned(), ToString::to_string);
    Fault::usage(format!("--controller {address} consents to --rung controller, which is not asked for"))
        .next(format!("usb-reset {target} --rung controller --controller {address}"))
        .fail()
}

fn healed(session: &Session) -> Result<u8> {
    session.require_root()?;
    let healed = heal(session)?;
    let left = if session.dry_run { Vec::new() } else { interrupted(session) };
    show::healed(session, &healed, &left)?;
    Ok(u8::from(!left.is_empty()))
}

/// Everything about one reset, for the one who asked for it.
pub struct Report<'a> {
    /// What was typed.
    pub target: &'a Target,
    /// Whether one rung was asked for, rather than the ladder.
    pub single: bool,
    /// What was healed before.
    pub healed: Vec<String>,
    /// What the rungs touch.
    pub touched: Vec<(Rung, Vec<UsbDevice<'a>>)>,
    /// The device before.
    pub before: Option<Identity>,
    /// The device after.
    pub after: Option<Identity>,
    /// What was tried.
    pub attempts: Vec<Attempt>,
}

fn reset(session: &Session, cli: &Cli, target: &Target) -> Result<u8> {
    session.require_root()?;
    session.require_bus("usb")?;
    // First, since a device whose port is off cannot be found.
    let healed = heal(session)?;
    let device = find(session, target, !healed.is_empty())?;
    let rungs = cli.rung.rung().map_or_else(|| auto(session, &device), |rung| vec![rung]);
    let mut distinct = rungs.clone();
    distinct.sort_unstable();
    distinct.dedup();
    let touched: Vec<_> = distinct.iter().map(|rung| (*rung, touched(&device, *rung))).collect();
    let before = Identity::of(&device);
    show::touched(session, &device, before.as_ref(), &touched);
    if !session.host.is_live()
        && let Some(why) = in_use(&session.host, std::slice::from_ref(&device)).unseen
    {
        session.log.info(&format!("warning: who holds a device cannot all be seen: {why}"));
    }
    let consent = Consent { controller: cli.controller.clone() };
    let attempts = climb_healed(session, &device, &rungs, &consent)?;
    let after = Identity::of(&device);
    let single = cli.rung.rung().is_some();
    let report = Report { target, single, healed, touched, before, after, attempts };
    judge(session, &device, &report)
}

/// A port that was just switched on again needs a moment until its device is there.
fn find<'h>(session: &'h Session, target: &Target, healed: bool) -> Result<UsbDevice<'h>> {
    let patience = session.deadline.within(Duration::from_secs(if healed { 5 } else { 0 }));
    loop {
        match target.resolve(&session.host) {
            Ok(device) if device.exists() || patience.expired() => return Ok(device),
            Err(error) if patience.expired() => return Err(error),
            _ => std::thread::sleep(Duration::from_millis(50)),
        }
    }
}

fn judge(session: &Session, device: &UsbDevice<'_>, report: &Report<'_>) -> Result<u8> {
    let port = &device.port;
    let Some(last) = report.attempts.last() else {
        return Fault::problem(format!("{port}: there is nothing to try")).fail();
    };
    let rung = last.rung;
    // A dry run is well when something would be done, and nothing is in the way.
    let would = |attempt: &Attempt| matches!(&attempt.outcome, Outcome::Skipped(why) if why == DRY);
    let refused = report.attempts.iter().any(|attempt| matches!(attempt.outcome, Outcome::Refused(_)));
    let dry = session.dry_run && !refused && report.attempts.iter().any(would);
    if dry || matches!(last.outcome, Outcome::Worked(_)) {
        show::report(session, report)?;
        if matches!(last, Attempt { rung: Rung::Power, outcome: Outcome::Worked(_) }) {
            session.log.info(&format!("it was asleep; if that was not all: usb-reset {port} --rung ioctl"));
        }
        return Ok(0);
    }
    let tried = report.attempts.iter().any(|attempt| matches!(attempt.outcome, Outcome::Failed(_)));
    let said: Vec<_> = report.attempts.iter().map(show::sentence).collect();
    let fault = match &last.outcome {
        Outcome::Refused(why) if !tried => {
            Fault::refused(format!("{port}: {rung} is refused, nothing was changed: {why}"))
                .next(next::after_refusal(session, device, last, why))
        }
        _ => {
            let mut fault = Fault::problem(format!("{port}: not cured: {}", said.join("; ")));
            fault.next = next::after_failure(session, device, report);
            fault
        }
    };
    if session.output.is_json() {
        // What was tried belongs to the answer, so it is in the document beside the error.
        return show::failure(session, report, &fault);
    }
    fault.fail()
}
