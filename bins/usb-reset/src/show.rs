//! Results, for people and for programs.

use crate::run::Report;
use anyhow::Result;
use passthrough::{
    fault::Fault,
    plain::harmless,
    report::Colour,
    session::Session,
    usb::{
        UsbDevice,
        reset::{Attempt, Identity, Outcome, Rung},
    },
};
use serde_json::{Value, json};
use std::io::{self, Write};

/// What the rungs would touch, told before anything is.
pub fn touched(
    session: &Session,
    device: &UsbDevice<'_>,
    before: Option<&Identity>,
    touched: &[(Rung, Vec<UsbDevice<'_>>)],
) {
    let what = before.map_or_else(|| format!("{}, where nothing is plugged in,", device.port), Identity::title);
    for (rung, devices) in touched {
        let others: Vec<_> = devices.iter().filter(|other| other.port != device.port).map(title).collect();
        let text = match others.len() {
            0 => format!("{rung} touches {what} and nothing else"),
            n => format!("{rung} touches {what} and {n} more: {}", others.join(", ")),
        };
        session.log.info(&text);
    }
}

fn title(device: &UsbDevice<'_>) -> String {
    let id = device.id().map(|id| id.to_string()).unwrap_or_default();
    let product = device.product().map(|name| format!(" ({name})")).unwrap_or_default();
    format!("{} {id}{product}", device.port)
}

/// One attempt in words.
pub fn sentence(attempt: &Attempt) -> String {
    let (word, detail) = words(&attempt.outcome);
    format!("{} {word}: {detail}", attempt.rung)
}

fn words(outcome: &Outcome) -> (&'static str, &str) {
    match outcome {
        Outcome::Worked(how) => ("worked", how),
        Outcome::Failed(why) => ("failed", why),
        Outcome::Refused(why) => ("refused", why),
        Outcome::Skipped(why) => ("skipped", why),
    }
}

/// What came of a reset that worked, or of a dry run.
pub fn report(session: &Session, report: &Report<'_>) -> Result<()> {
    if session.output.is_json() {
        return session.output.json(&document(session, report));
    }
    for attempt in report.attempts.iter().filter(|_| !session.dry_run) {
        let (word, detail) = words(&attempt.outcome);
        let colour = if word == "worked" { Colour::Green } else { Colour::Yellow };
        session.output.text(&format!("{} {}: {detail}", attempt.rung, session.output.paint(colour, word)));
    }
    Ok(())
}

/// The document of a reset that did not help, and what others print for an error.
pub fn failure(session: &Session, report: &Report<'_>, fault: &Fault) -> Result<u8> {
    let code = fault.code.number();
    let mut document = document(session, report);
    document["error"] = json!({ "exit_code": code, "message": fault.what, "next": fault.next });
    session.output.json(&document)?;
    let program = session.log.program();
    let next = fault.next.as_ref().map(|next| format!("{program}: next: {next}\n")).unwrap_or_default();
    // A closed stderr changes nothing about what was done.
    let text = format!("{program}: {}\n{next}", fault.what);
    let _ = io::stderr().write_all(harmless(&text, false).as_bytes());
    Ok(code)
}

fn document(session: &Session, report: &Report<'_>) -> Value {
    let touched: Vec<_> = report
        .touched
        .iter()
        .map(|(rung, devices)| {
            let ports: Vec<_> = devices.iter().map(|device| &device.port).collect();
            json!({ "rung": rung, "ports": ports })
        })
        .collect();
    let worked = report.attempts.last().filter(|attempt| matches!(attempt.outcome, Outcome::Worked(_)));
    json!({
        "target": report.target.to_string(),
        "dry_run": session.dry_run,
        "would": session.planned(),
        "healed": report.healed,
        "touched": touched,
        "attempts": report.attempts,
        "cured_by": worked.map(|attempt| attempt.rung),
        "before": report.before,
        "after": report.after,
    })
}

/// `usb-reset heal`.
pub fn healed(session: &Session, healed: &[String], left: &[String]) -> Result<()> {
    if session.output.is_json() {
        return session
            .output
            .json(&json!({ "dry_run": session.dry_run, "would": session.planned(), "healed": healed, "left": left }));
    }
    if healed.is_empty() && left.is_empty() && session.planned().is_empty() && !session.log.is_quiet() {
        session.output.text("nothing to heal: no reset was interrupted");
    }
    Ok(())
}
