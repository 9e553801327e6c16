//! Mail: when a state changes, and once a day while it is bad. What was mailed is remembered on disk.

use super::{finding::Severity, fix::Patient, history::now, report::Report};
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Told {
    state: String,
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
    let corals = report.corals.iter().map(|patient| {
        let (state, severity) = patient.state();
        (patient.name(), state.to_string(), severity, letter(report, patient))
    });
    let pcie = report.pcie.iter().map(|coral| {
        (coral.address.clone(), coral.text.clone(), coral.severity, format!("{}\n\nNext:\n  coral-check\n", coral.text))
    });
    let seen: Vec<_> = corals.chain(pcie).collect();
    for (name, state, severity, body) in &seen {
        let now = Told { state: state.clone(), severity: *severity, at: now() };
        match due(told.get(name), &now) {
            Some(why) => {
                mail(session, name, state, why, told.get(name), body)?;
                told.insert(name.clone(), now);
            }
            None if !told.contains_key(name) => drop(told.insert(name.clone(), now)),
            None => {}
        }
    }
    // What was ill where no Coral is looked for any more is so no longer: it is at another port, or nobody's.
    let gone = |name: &String| report.whole && !seen.iter().any(|(other, ..)| other == name);
    for (name, last) in before.iter().filter(|(name, _)| gone(name)) {
        if last.severity > Severity::Ok {
            let now: String = seen.iter().flat_map(|(name, state, ..)| [name, ": ", state, "\n"]).collect();
            mail(session, name, "over", Why::Changed, Some(last), &now)?;
        }
        told.remove(name);
    }
    if session.dry_run || told == before {
        return Ok(());
    }
    state::save(&path, &told)
}

fn due(last: Option<&Told>, now: &Told) -> Option<Why> {
    match last {
        // What is well from the start is no news.
        None => (now.severity > Severity::Ok).then_some(Why::Changed),
        Some(last) if (&last.state, last.severity) != (&now.state, now.severity) => {
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
    for left in report.left(patient) {
        text.push_str(&format!("{}\n", left.text()));
    }
    let advice = report.advice(patient);
    if !advice.is_empty() {
        text.push_str(&format!("\nNext:\n  {}\n", advice.join("\n  ")));
    }
    text
}

fn mail(session: &Session, name: &str, what: &str, why: Why, last: Option<&Told>, body: &str) -> Result<()> {
    let node = session.host.node();
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
    use crate::{
        config::Config,
        coral::{collect::Case, diagnose::samples, pcie::Pcie, persistence},
        host::Host,
        log::Log,
        report::Output,
    };
    use std::path::Path;

    #[test]
    fn news_and_daily_reminders_are_mailed_and_nothing_else() {
        let told = |state: &str, severity, at| Told { state: state.into(), severity, at };
        let well = told("ok", Severity::Ok, 1000);
        let bad = told("qemu_stale", Severity::Critical, 1000);
        let later = |told: &Told, seconds| Told { at: told.at + seconds, ..told.clone() };
        assert_eq!(due(None, &well), None);
        assert_eq!(due(None, &bad), Some(Why::Changed));
        assert_eq!(due(Some(&well), &bad), Some(Why::Changed));
        assert_eq!(due(Some(&bad), &well), Some(Why::Changed));
        assert_eq!(due(Some(&bad), &later(&bad, 600)), None);
        assert_eq!(due(Some(&bad), &later(&bad, DAY)), Some(Why::Reminder));
        assert_eq!(due(Some(&later(&bad, 10 * DAY)), &bad), Some(Why::Reminder));
        assert_eq!(due(Some(&well), &later(&well, 2 * DAY)), None);
        assert_eq!(due(Some(&well), &told("vm_stopped", Severity::Ok, 1000)), None);
        // Two VMs that want it, and then neither has it: the same word, and much worse.
        let rivals = told("qemu_detached", Severity::Warning, 1000);
        assert_eq!(due(Some(&rivals), &told("qemu_detached", Severity::Critical, 1060)), Some(Why::Changed));
    }

    /// A host with a stand-in for sendmail is not needed for a dry run, which tells what it would mail.
    fn would_mail(dir: &Path, report: &Report) -> Vec<String> {
        let deadline = Deadline::after(Duration::from_secs(20));
        let mut session =
            Session::new(Host::new(dir), Config::default(), deadline, Log::new("test", -2), Output::new(true));
        session.dry_run = true;
        notify(&session, report).unwrap();
        session.planned()
    }

    #[test]
    fn corals_on_pcie_and_ports_that_are_left_are_news_too() {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::new(dir.path());
        let told = [("1-3", "wrong_speed", Severity::Warning), ("4-1", "ok", Severity::Ok)];
        let told: BTreeMap<_, _> =
            told.map(|(name, state, severity)| (name, Told { state: state.into(), severity, at: now() })).into();
        state::save(&host.lib_dir().join("coral-notify.json"), &told).unwrap();
        let dead = Pcie {
            address: "0000:05:00.0".into(),
            severity: Severity::Critical,
            text: "the driver gave it up".into(),
            ..Pcie::default()
        };
        let mut report = Report {
            corals: vec![Patient::new(Case { evidence: samples::healthy(), passed: vec![] })],
            pcie: vec![dead],
            persistence: persistence::look(&host),
            problems: vec![],
            past: vec![],
            whole: true,
            cures: false,
            treated: false,
        };
        let mails = would_mail(dir.path(), &report);
        assert_eq!(mails.len(), 2, "{mails:?}");
        assert!(mails[0].ends_with("Coral 0000:05:00.0: the driver gave it up"), "{mails:?}");
        assert!(mails[1].ends_with("Coral 1-3: over (was wrong_speed)"), "{mails:?}");
        // Who looks at one of them does not know of the others.
        report.whole = false;
        assert_eq!(would_mail(dir.path(), &report), mails[..1]);
    }
}
