//! Mail: when a state changes, when a Coral was cured, and once a day while it is bad. What was mailed is remembered on disk.

use super::{finding::Severity, fix::Patient, history::now, report::Report};
use crate::{command, deadline::Deadline, fault::Fault, pve::qm, session::Session, state};
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    io::Write,
    os::unix::process::CommandExt,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::Duration,
};

/// How often is reminded of a Coral that stays bad.
const DAY: u64 = 24 * 60 * 60;
/// One that is cured again and again is mailed once in this time, and counted meanwhile.
const HOUR: u64 = 60 * 60;
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
    /// When a cure was mailed last.
    #[serde(default)]
    cured: Option<u64>,
    /// Cures since then that were not.
    #[serde(default)]
    unmailed: u32,
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
        (patient.name(), state.to_string(), severity, letter(report, patient), cure(patient))
    });
    let pcie = report.pcie.iter().map(|coral| {
        let letter = format!("{}\n\nNext:\n  coral-check\n", coral.text);
        (coral.address.clone(), coral.text.clone(), coral.severity, letter, None)
    });
    let seen: Vec<_> = corals.chain(pcie).collect();
    let mut failed = None;
    for (name, state, severity, body, cure) in &seen {
        let last = told.get(name);
        let mut now = Told { state: state.clone(), severity: *severity, at: now(), cured: None, unmailed: 0 };
        (now.cured, now.unmailed) = last.map_or((None, 0), |last| (last.cured, last.unmailed));
        if let Some((what, was)) = cured(last, &now, cure.as_ref()) {
            if let Some(what) = what {
                match mail(session, name, &format!("{what}{was}"), Why::Changed, None, body) {
                    Ok(()) => (now.cured, now.unmailed) = (Some(now.at), 0),
                    // The next run finds nothing to cure, and mails what is counted.
                    Err(error) => {
                        now.unmailed += 1;
                        now.cured = None;
                        failed = Some(error);
                    }
                }
            } else {
                now.unmailed += 1;
            }
            // What a cure leaves is told when it is still so the next time: a guest may need a while.
            if let Some(last) = last.filter(|last| last.severity < Severity::Critical && now.severity > Severity::Ok) {
                (now.state, now.severity, now.at) = (last.state.clone(), last.severity, last.at);
            }
            told.insert(name.clone(), now);
            continue;
        }
        if let Some(summary) = summary(&now) {
            mail(session, name, &summary, Why::Changed, None, body)?;
            (now.cured, now.unmailed) = (Some(now.at), 0);
            if let Some(last) = told.get_mut(name) {
                (last.cured, last.unmailed) = (now.cured, 0);
            }
        }
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
    if !session.dry_run && told != before {
        state::save(&path, &told)?;
    }
    failed.map_or(Ok(()), Err)
}

/// What this run cured, and what it was.
fn cure(patient: &Patient) -> Option<(String, String)> {
    let by = patient.worked().filter(|_| patient.is_cured())?;
    let before = patient.before.map(|before| before.to_string()).unwrap_or_default();
    Some((by.rung.clone(), before))
}

/// How a cure is mailed, and what it was; without words it is only counted, since one was mailed within the hour. That one
/// of which it was mailed that it is ill works again is always mailed.
fn cured(last: Option<&Told>, now: &Told, cure: Option<&(String, String)>) -> Option<(Option<String>, String)> {
    let (by, was) = cure?;
    let bad = last.is_some_and(|last| last.severity == Severity::Critical);
    let lately = now.cured.is_some_and(|at| now.at.abs_diff(at) < HOUR);
    let more = if now.unmailed > 0 { format!(", after {} unmailed cures", now.unmailed) } else { String::new() };
    let what = (bad || !lately).then(|| format!("cured by {by}{more}"));
    Some((what, format!(" (was {was}, is {})", now.state)))
}

/// Cures that were only counted are told once the hour is over.
fn summary(now: &Told) -> Option<String> {
    let over = now.cured.is_none_or(|at| now.at.abs_diff(at) >= HOUR);
    (now.unmailed > 0 && over).then(|| format!("cured again, times: {} (coral-check history)", now.unmailed))
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
    let mut text = String::new();
    if let Some((by, was)) = cure(patient) {
        text.push_str(&format!("It was {was}; {by} cured it. What used it in the VM has to begin anew.\n\n"));
    }
    let findings = patient.findings.iter().flat_map(|finding| [finding.state.word(), ": ", &finding.text, "\n"]);
    text.extend(findings);
    for action in &patient.actions {
        text.push_str(&format!("done: {} {}: {}\n", action.rung, action.result, action.detail));
    }
    for left in report.left(patient) {
        text.push_str(&format!("{}\n", left.text()));
    }
    let closing = report.closing(patient);
    if !closing.is_empty() {
        text.push_str(&format!("\n{closing}"));
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
        .process_group(0)
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
            // With what it started.
            command::end(child);
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
        coral::{
            collect::Case,
            diagnose::{diagnose, samples},
            evidence::Guest,
            finding::State,
            fix::Action,
            pcie::Pcie,
            persistence,
        },
        host::Host,
        log::Log,
        report::Output,
    };
    use std::path::Path;

    #[test]
    fn news_and_daily_reminders_are_mailed_and_nothing_else() {
        let told = |state: &str, severity, at| Told { state: state.into(), severity, at, cured: None, unmailed: 0 };
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

    /// A Coral that was stale, and that this run cured.
    fn recovered() -> Patient {
        let action = Action { rung: "replug".into(), result: "worked".into(), detail: "off and back".into() };
        let mut patient = Patient::new(Case { evidence: samples::healthy(), passed: vec![] });
        (patient.before, patient.actions) = (Some(State::QemuStale), vec![action]);
        patient
    }

    #[test]
    fn a_cure_is_mailed_at_most_once_an_hour_and_the_others_are_counted() {
        let mut patient = recovered();
        let cure = cure(&patient).unwrap();
        assert_eq!((cure.0.as_str(), cure.1.as_str()), ("replug", "qemu_stale"));
        let at = |at, cured, unmailed| Told { state: "ok".into(), severity: Severity::Ok, at, cured, unmailed };
        let (well, fresh) = (at(0, None, 0), at(9000, None, 0));
        let (what, was) = cured(Some(&well), &fresh, Some(&cure)).unwrap();
        assert_eq!((what.unwrap() + &was).as_str(), "cured by replug (was qemu_stale, is ok)");
        assert_eq!(cured(Some(&well), &at(9000, Some(8000), 2), Some(&cure)).unwrap().0, None);
        let later = cured(Some(&well), &at(9000, Some(5000), 2), Some(&cure)).unwrap().0;
        assert_eq!(later.as_deref(), Some("cured by replug, after 2 unmailed cures"));
        // It was mailed that it is ill: that it is no longer is mailed whenever it is so.
        let ill = Told { severity: Severity::Critical, ..well.clone() };
        assert!(cured(Some(&ill), &at(9000, Some(8000), 2), Some(&cure)).unwrap().0.is_some());
        assert_eq!(cured(Some(&well), &fresh, None), None);
        assert_eq!(summary(&at(9000, Some(8000), 2)), None);
        assert_eq!(summary(&at(9000, Some(5000), 0)), None);
        assert_eq!(summary(&at(9000, Some(5000), 2)).as_deref(), Some("cured again, times: 2 (coral-check history)"));
        // A guest that gives no answer is no reason to call it ill; a host that puts it to sleep is.
        patient.case.evidence.vms[0].guest = Guest::Unknown("silent".into());
        patient.findings = diagnose(patient.evidence());
        assert!(patient.is_cured());
        samples::host(&mut patient.case.evidence).runtime_status = Some("suspended".into());
        patient.findings = diagnose(patient.evidence());
        assert!(!patient.is_cured());
    }

    #[test]
    fn a_mail_of_a_cure_says_what_to_type_in_the_vm() {
        let dir = tempfile::tempdir().unwrap();
        let mut report = Report { treated: true, cures: true, ..of(dir.path(), recovered()) };
        assert_eq!(
            would_mail(dir.path(), &report),
            ["mail root: [] Coral 2-3: cured by replug (was qemu_stale, is ok)"]
        );
        let text = letter(&report, &report.corals[0]);
        assert!(text.starts_with("It was qemu_stale; replug cured it."), "{text}");
        assert!(text.contains("  next, in the VM:\n    docker restart frigate\n"), "{text}");
        assert!(text.ends_with("  and here: coral-check --vm 275\n"), "{text}");
        // The run is well, whatever a silent guest does not say.
        let evidence = &mut report.corals[0].case.evidence;
        evidence.vms[0].guest = Guest::Unknown("silent".into());
        report.corals[0].findings = diagnose(report.corals[0].evidence());
        assert_eq!((report.severity(), report.code()), (Severity::Warning, 0));
        report.corals[0].actions.clear();
        assert_eq!(report.code(), 1);
        assert!(!letter(&report, &report.corals[0]).contains("docker"));
    }

    #[test]
    fn a_sendmail_that_hangs_is_killed_with_its_children() {
        let dir = tempfile::tempdir().unwrap();
        let mark = dir.path().join("mark");
        let script = format!("(sleep 1; : >{}) & wait", mark.display());
        let mut child = Command::new("/bin/sh").args(["-c", &script]).process_group(0).spawn().unwrap();
        let error = wait(&mut child, &Deadline::after(Duration::from_millis(100))).unwrap_err();
        assert!(error.to_string().contains("killed"), "{error}");
        thread::sleep(Duration::from_millis(1300));
        assert!(!mark.exists());
    }

    fn of(dir: &Path, patient: Patient) -> Report {
        Report {
            corals: vec![patient],
            pcie: vec![],
            persistence: persistence::look(&Host::new(dir)),
            problems: vec![],
            past: vec![],
            whole: true,
            cures: false,
            treated: false,
        }
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
        let told: BTreeMap<_, _> = told
            .map(|(name, state, severity)| {
                let told = Told { state: state.into(), severity, at: now(), cured: None, unmailed: 0 };
                (name, told)
            })
            .into();
        state::save(&host.lib_dir().join("coral-notify.json"), &told).unwrap();
        let dead = Pcie {
            address: "0000:05:00.0".into(),
            severity: Severity::Critical,
            text: "the driver gave it up".into(),
            ..Pcie::default()
        };
        let well = Patient::new(Case { evidence: samples::healthy(), passed: vec![] });
        let mut report = Report { pcie: vec![dead], ..of(dir.path(), well) };
        let mails = would_mail(dir.path(), &report);
        assert_eq!(mails.len(), 2, "{mails:?}");
        assert!(mails[0].ends_with("Coral 0000:05:00.0: the driver gave it up"), "{mails:?}");
        assert!(mails[1].ends_with("Coral 1-3: over (was wrong_speed)"), "{mails:?}");
        // Who looks at one of them does not know of the others.
        report.whole = false;
        assert_eq!(would_mail(dir.path(), &report), mails[..1]);
    }
}
