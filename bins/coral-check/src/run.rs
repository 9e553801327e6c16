//! Look, cure, tell.

use crate::cli::{Cli, Verb, unknown};
use anyhow::{Error, Result};
use passthrough::{
    coral::{
        collect::{Wanted, collect},
        consent,
        finding::Severity,
        fix, history, inside, metrics, nagios as plugin, notify,
        offer::offers,
        patient::Patient,
        pcie, persistence, reboot, remember,
        report::Report,
    },
    fault::{Code, Fault},
    session::Session,
    usb,
};
use serde_json::json;
use std::{process::ExitCode, time::Duration};

/// A look has an answer within this time, whoever hangs.
const LOOK: Duration = Duration::from_secs(30);
/// Cures take longer, …
const FIX: Duration = Duration::from_secs(120);
/// … and a reboot longer still.
const REBOOT: Duration = Duration::from_secs(8 * 60);
/// How many recoveries are shown.
const SHOWN: usize = 50;

/// Runs; the number is the exit code.
pub fn run(cli: &Cli) -> Result<u8> {
    let session = session(cli)?;
    let code = match cli.verb {
        Some(Verb::History) => told(&session)?,
        None if cli.guest => guest(&session)?,
        None => check(&session, cli)?,
    };
    session.output.check()?;
    Ok(code)
}

fn session(cli: &Cli) -> Result<Session> {
    let timeout = match () {
        () if cli.auto_reboot => REBOOT,
        () if cli.fixes() => FIX,
        () => LOOK,
    };
    cli.common.session("coral-check", timeout)
}

fn told(session: &Session) -> Result<u8> {
    let (entries, damaged) = history::read(&session.host)?;
    if damaged > 0 {
        session.log.warn(&format!("lines of the history that cannot be understood, and are left out: {damaged}"));
    }
    let trend = history::trend(&entries, history::now());
    let shown = &entries[entries.len().saturating_sub(SHOWN)..];
    if session.output.is_json() {
        session.output.json(&json!({ "history": shown, "trend": trend }))?;
    } else {
        session.output.text(&history::text(shown, &trend));
    }
    Ok(0)
}

/// Without sysfs nothing is known, which is not the same as no Coral.
fn require_sysfs(session: &Session) -> Result<()> {
    if session.host.at("sys/bus").is_dir() { Ok(()) } else { session.require_bus("usb") }
}

fn guest(session: &Session) -> Result<u8> {
    require_sysfs(session)?;
    let seen = inside::look(&session.host);
    if session.output.is_json() {
        session.output.json(&seen.document())?;
    } else {
        session.output.text(&seen.text());
    }
    Ok(u8::from(!seen.is_visible()))
}

fn check(session: &Session, cli: &Cli) -> Result<u8> {
    let mut report = examined(session, cli)?;
    // Before the document, which tells what a dry run would do there as well; it is told whatever fails there.
    let published = published(session, cli, &mut report);
    let code = report.code();
    if session.output.is_json() {
        let mut document = report.document();
        document["dry_run"] = session.dry_run.into();
        document["would"] = session.planned().into();
        session.output.json(&document)?;
    } else if !cli.common.quiet || code > 0 {
        session.output.text(&report.text(&session.output));
    }
    published.map(|()| code)
}

/// The one line of a plugin; whatever goes wrong is UNKNOWN.
pub fn nagios(cli: &Cli) -> ExitCode {
    let outcome = session(cli).and_then(|session| {
        let mut report = examined(&session, cli)?;
        // First, since what fails there makes another line of it, and there is to be one.
        published(&session, cli, &mut report)?;
        let (line, code) = plugin::line(&report);
        session.output.text(&line);
        session.output.check()?;
        Ok(code)
    });
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(error) => unknown(&format!("{error:#}")),
    }
}

fn examined(session: &Session, cli: &Cli) -> Result<Report> {
    session.warn_unless_root();
    require_sysfs(session)?;
    // Before the look: what another run cures meanwhile is not to be cured once more.
    let turn = if cli.fixes() { fix::turn(session) } else { Ok(None) };
    let unhealed = if cli.fixes() { heal(session)? } else { None };
    let (vm, port) = (cli.vm, cli.port.clone());
    let wanted = Wanted { vm, port, ask_guests: !cli.no_guest, resets_allowed: cli.resets, closing: false };
    let seen = collect(session, &wanted)?;
    for problem in &seen.problems {
        session.log.info(&format!("warning: {problem}"));
    }
    let mut corals = Patient::all(seen.cases);
    if cli.fixes() || cli.notify || cli.metrics.is_some() {
        // Before anything is done, so that one which does not come back is missed.
        remember(session, &corals);
    }
    if cli.fixes() {
        for patient in &mut corals {
            match &turn {
                Ok(_) => treat(session, cli, &wanted, patient)?,
                Err(error) => fix::leave(session, patient, error, cli.skip_checks),
            }
        }
        remember(session, &corals);
    }
    let whole = cli.vm.is_none() && cli.port.is_none();
    let past = history::read(&session.host).map(|(entries, _)| history::trend(&entries, history::now()));
    Ok(Report {
        corals,
        pcie: if whole { pcie::corals(&session.host) } else { Vec::new() },
        persistence: persistence::look(&session.host),
        problems: seen.problems,
        failed: unhealed.into_iter().collect(),
        past: past.unwrap_or_default(),
        whole,
        cures: cli.fixes(),
        treated: cli.fixes() && !session.dry_run,
    })
}

/// Gives back what runs that died left off; why that failed, if it did. What cannot be had now, as another VM is being
/// backed up, keeps nobody from looking, unless the kernel does not answer.
fn heal(session: &Session) -> Result<Option<String>> {
    session.require_root()?;
    match usb::heal(session) {
        Ok(healed) => {
            for what in &healed {
                session.log.change(what);
            }
            Ok(None)
        }
        Err(error) if Fault::code_of(&error) == Code::Wedged => Err(error),
        Err(error) => Ok(Some(warned(session, &error))),
    }
}

fn treat(session: &Session, cli: &Cli, wanted: &Wanted, patient: &mut Patient) -> Result<()> {
    fix::cure(session, wanted, patient, cli.skip_checks)?;
    if cli.auto_reboot
        && let Err(error) = reboot::reboot(session, wanted, patient)
    {
        session.log.warn(&format!("{error:#}"));
    }
    if session.dry_run || cli.auto_reboot || session.output.is_json() || !consent::somebody_is_there() {
        return Ok(());
    }
    for offer in offers(patient.evidence(), &patient.findings) {
        if patient.state().1 < Severity::Critical {
            break;
        }
        session.log.info(&format!("{}: what is left is {}", patient.name(), offer.command()));
        if consent::agreed(&offer.question(), &session.deadline) {
            reboot::accept(session, wanted, patient, &offer)?;
        }
    }
    Ok(())
}

/// What others are told; a mail that fails there does not change what was found, and is told with it.
fn published(session: &Session, cli: &Cli, report: &mut Report) -> Result<()> {
    if let Some(path) = &cli.metrics {
        metrics::write(session, report, path)?;
    }
    if cli.notify {
        let failed = notify::notify(session, report);
        report.failed.extend(failed.iter().map(|error| warned(session, error)));
    }
    Ok(())
}

/// Warns of something that does not end the run, with what to type; its words.
fn warned(session: &Session, error: &Error) -> String {
    let next = Fault::of(error).and_then(|fault| fault.next.as_ref());
    let next = next.map(|next| format!("; next: {next}")).unwrap_or_default();
    session.log.warn(&format!("{error:#}{next}"));
    format!("{error:#}")
}
