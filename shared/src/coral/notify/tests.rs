//! When is mailed, and what.

use super::*;
use crate::{
    config::Config,
    coral::{
        collect::Case,
        diagnose::{diagnose, samples},
        evidence::Guest,
        finding::State,
        nagios,
        patient::Action,
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
    assert_eq!(would_mail(dir.path(), &report), ["mail root: [] Coral 2-3: cured by replug (was qemu_stale, is ok)"]);
    let text = letter(&report, &report.corals[0]);
    assert!(text.starts_with("It was qemu_stale; replug cured it."), "{text}");
    assert!(text.contains("  next, in the VM:\n    docker restart frigate\n"), "{text}");
    assert!(text.ends_with("  and here: coral-check --vm 275\n"), "{text}");
    // The run is well, whatever a silent guest does not say.
    let evidence = &mut report.corals[0].case.evidence;
    evidence.vms[0].guest = Guest::Unknown("silent".into());
    report.corals[0].findings = diagnose(report.corals[0].evidence());
    assert_eq!((report.corals[0].state().1, report.outcome(), report.code()), (Severity::Warning, Severity::Ok, 0));
    let (line, code) = nagios::line(&report);
    assert!(line.starts_with("CORAL OK - 2-3 cured by replug, now guest_unknown: "), "{line}");
    assert_eq!(code, 0);
    report.corals[0].actions.clear();
    assert_eq!((report.code(), nagios::line(&report).1), (1, 3));
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

#[test]
fn a_mail_that_is_not_accepted_keeps_nothing_of_the_others_back() {
    let dir = tempfile::tempdir().unwrap();
    let deadline = Deadline::after(Duration::from_secs(20));
    // A tree's mails are never sent by this machine's sendmail, and there is no other.
    let session =
        Session::new(Host::new(dir.path()), Config::default(), deadline, Log::new("test", -2), Output::new(true));
    let path = session.host.lib_dir().join("coral-notify.json");
    let name = recovered().name();
    let lately = Told { state: "ok".into(), severity: Severity::Ok, at: now(), cured: Some(now()), unmailed: 0 };
    state::save(&path, &BTreeMap::from([(name.clone(), lately)])).unwrap();
    let dead = |address: &str| Pcie { address: address.into(), severity: Severity::Critical, ..Pcie::default() };
    let mut report = Report { treated: true, cures: true, ..of(dir.path(), recovered()) };
    report.pcie = vec![dead("0000:05:00.0")];
    notify(&session, &report).unwrap_err();
    let told: BTreeMap<String, Told> = state::load(&path).unwrap();
    assert_eq!(told[&name].unmailed, 1);
    // What was not mailed is not taken for mailed.
    assert_eq!(told.len(), 1, "{told:?}");
}
