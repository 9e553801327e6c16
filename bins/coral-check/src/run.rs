//! Look, cure, tell.

use crate::cli::{Cli, Verb};
use anyhow::Result;
use passthrough::{
    coral::{
        collect::{Wanted, collect},
        consent,
        finding::Severity,
        fix,
        fix::Patient,
        history, inside, metrics, nagios as plugin, notify,
        offer::offers,
        pcie, persistence, reboot, remember,
        report::Report,
    },
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
    let entries = history::last(&session.host, SHOWN);
    if session.output.is_json() {
        session.output.json(&json!({ "history": entries }))?;
    } else {
        session.output.text(&history::text(&entries));
    }
    Ok(0)
}

fn guest(session: &Session) -> Result<u8> {
    let seen = inside::look(&session.host);
    if session.output.is_json() {
        session.output.json(&seen.document())?;
    } else {
        session.output.text(&seen.text());
    }
    Ok(u8::from(!seen.is_visible()))
}

fn check(session: &Session, cli: &Cli) -> Result<u8> {
    let (report, mut code) = examined(session, cli)?;
    if session.output.is_json() {
        let mut document = report.document();
        document["dry_run"] = session.dry_run.into();
        document["would"] = session.planned().into();
        session.output.json(&document)?;
    } else if !cli.common.quiet || report.severity() > Severity::Ok {
        session.output.text(&report.text(&session.output));
    }
    code = code.max(published(session, cli, &report)?);
    Ok(code)
}

/// The one line of a plugin; whatever goes wrong is UNKNOWN.
pub fn nagios(cli: &Cli) -> ExitCode {
    let outcome = session(cli).and_then(|session| {
        let (report, _) = examined(&session, cli)?;
        let (line, code) = plugin::line(&report);
        session.output.text(&line);
        published(&session, cli, &report)?;
        session.output.check()?;
        Ok(code)
    });
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            println!("CORAL UNKNOWN - {}", format!("{error:#}").replace(['\n', '|'], " "));
            ExitCode::from(3)
        }
    }
}

fn examined(session: &Session, cli: &Cli) -> Result<(Report, u8)> {
    session.warn_unless_root();
    if cli.fixes() {
        session.require_root()?;
        for healed in usb::heal(session)? {
            session.log.change(&healed);
        }
    }
    let wanted = Wanted { vm: cli.vm, port: cli.port.clone(), ask_guests: !cli.no_guest, resets_allowed: cli.resets };
    let seen = collect(session, &wanted)?;
    for problem in &seen.problems {
        session.log.info(&format!("warning: {problem}"));
    }
    let mut corals: Vec<_> = seen.cases.into_iter().map(Patient::new).collect();
    if cli.fixes() {
        for patient in &mut corals {
            treat(session, cli, &wanted, patient)?;
        }
    }
    if cli.fixes() || cli.notify || cli.metrics.is_some() {
        remember(session, &corals);
    }
    let report = Report {
        corals,
        pcie: if cli.vm.is_none() && cli.port.is_none() { pcie::corals(&session.host) } else { Vec::new() },
        persistence: persistence::look(&session.host),
        problems: seen.problems,
        treated: cli.fixes() && !session.dry_run,
    };
    let code = report.code();
    Ok((report, code))
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

/// What others are told; what fails there does not change what was found.
fn published(session: &Session, cli: &Cli, report: &Report) -> Result<u8> {
    if let Some(path) = &cli.metrics {
        metrics::write(session, report, path)?;
    }
    if cli.notify
        && let Err(error) = notify::notify(session, report)
    {
        session.log.warn(&format!("{error:#}"));
        return Ok(1);
    }
    Ok(0)
}
