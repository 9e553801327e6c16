//! Mail: when a state changes, and once a day while it is bad. What was mailed is remembered on disk.

use super::{
    finding::{Severity, State},
    fix::Patient,
    history::now,
    report::Report,
};
use crate::{command, deadline::Deadline, fault::Fault, pve::qm, session::Session, state};
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    io::Write,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::Duration,
};

/// How often is reminded of a Coral that stays bad.
const DAY: u64 = 24 * 60 * 60;
/// How long `sendmail` may take to accept a mail.
const PATIENCE: Duration = Duration::from_secs(20);
/// Less than a pipe holds, so that writing it never waits.
const LARGEST: usize = 16 << 10;

/// What was mailed last about one Coral.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Told {
    state: State,
    severity: Severity,
    at: u64,
}

/// Why there is a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    Changed,
    Reminder,
}

/// Mails what is due. A mail that was not accepted is tried again by the next run.
pub fn notify(session: &Session, report: &Report) -> Result<()> {
    let path = session.host.lib_dir().join("coral-notify.json");
    let mut told: BTreeMap<String, Told> = state::load(&path).unwrap_or_default();
    let before = told.clone();
    for patient in &report.corals {
        let (state, severity) = patient.state();
        let now = Told { state, severity, at: now() };
        let name = patient.name();
        match due(told.get(&name), now) {
            Some(why) => {
                mail(session, &name, why, told.get(&name), &letter(report, patient))?;
                told.insert(name, now);
            }
            None if !told.contains_key(&name) => drop(told.insert(name, now)),
            None => {}
        }
    }
    if session.dry_run || told == before {
        return Ok(());
    }
    state::save(&path, &told)
}

fn due(last: Option<&Told>, now: Told) -> Option<Why> {
    match last {
        // What is well from the start is no news.
        None => (now.severity > Severity::Ok).then_some(Why::Changed),
        Some(last) if last.state != now.state => {
            (last.severity.max(now.severity) > Severity::Ok).then_some(Why::Changed)
        }
        // Also when the clock was set back by a day.
        Some(last) => (now.severity > Severity::Ok && now.at.abs_diff(last.at) >= DAY).then_some(Why::Reminder),
    }
}

fn letter(report: &Report, patient: &Patient) -> String {
    let mut text: String =
        patient.findings.iter().flat_map(|finding| [finding.state.word(), ": ", &finding.text, "\n"]).collect();
    for action in &patient.actions {
        text.push_str(&format!("done: {} {}: {}\n", action.rung, action.result, action.detail));
    }
    let advice = report.advice(patient);
    if !advice.is_empty() {
        text.push_str(&format!("\nNext:\n  {}\n", advice.join("\n  ")));
    }
    text
}

fn mail(session: &Session, name: &str, why: Why, last: Option<&Told>, body: &str) -> Result<()> {
    let node = session.host.node();
    let what = body.split(':').next().unwrap_or_default();
    let was = last.filter(|_| why == Why::Changed).map(|last| format!(" (was {})", last.state)).unwrap_or_default();
    let reminder = if why == Why::Reminder { "still " } else { "" };
    let subject: String =
        format!("[{node}] Coral {name}: {reminder}{what}{was}").chars().filter(|c| !c.is_control()).collect();
    if session.dry_run {
        session.would(&format!("mail root: {subject}"));
        return Ok(());
    }
    let mut text = format!("To: root\nSubject: {subject}\nContent-Type: text/plain; charset=utf-8\n\n{body}");
    let mut end = text.len().min(LARGEST);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    if command::find("sendmail").or_else(|| command::find("/usr/sbin/sendmail")).is_none() {
        return Fault::problem("sendmail root: sendmail is not installed").next("apt install postfix").fail();
    }
    let program = qm::program(&session.host, "sendmail", "sendmail root")?;
    let mut child = Command::new(&program)
        .args(["-i", "root"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("sendmail root")?;
    let written = child.stdin.take().map_or(Ok(()), |mut pipe| pipe.write_all(text.as_bytes()));
    let status = wait(&mut child, &session.deadline.within(PATIENCE))?;
    if !status.success() || written.is_err() {
        return Fault::problem(format!("sendmail root: {status}")).next("sendmail -i root </dev/null").fail();
    }
    session.log.change(&format!("mailed root: {subject}"));
    Ok(())
}

fn wait(child: &mut Child, deadline: &Deadline) -> Result<ExitStatus> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if deadline.expired() {
            let _ = child.kill();
            let _ = child.wait();
            return Fault::wedged("sendmail root: no end in time, killed").next("mailq").fail();
        }
        thread::sleep(Duration::from_millis(20));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_and_daily_reminders_are_mailed_and_nothing_else() {
        let told = |state, severity, at| Told { state, severity, at };
        let well = told(State::Ok, Severity::Ok, 1000);
        let bad = told(State::QemuStale, Severity::Critical, 1000);
        let later = |told: Told, seconds| Told { at: told.at + seconds, ..told };
        assert_eq!(due(None, well), None);
        assert_eq!(due(None, bad), Some(Why::Changed));
        assert_eq!(due(Some(&well), bad), Some(Why::Changed));
        assert_eq!(due(Some(&bad), well), Some(Why::Changed));
        assert_eq!(due(Some(&bad), later(bad, 600)), None);
        assert_eq!(due(Some(&bad), later(bad, DAY)), Some(Why::Reminder));
        assert_eq!(due(Some(&later(bad, 10 * DAY)), bad), Some(Why::Reminder));
        assert_eq!(due(Some(&well), later(well, 2 * DAY)), None);
        let stopped = told(State::VmStopped, Severity::Ok, 1000);
        assert_eq!(due(Some(&well), stopped), None);
    }
}
