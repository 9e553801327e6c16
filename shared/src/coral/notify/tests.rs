//! When is mailed, and what.

use super::{post::wait, *};
use crate::{
    config::Config,
    coral::{
        diagnose::{diagnose, samples},
        evidence::Guest,
        finding::State,
        nagios,
        patient::Action,
        pcie::Pcie,
    },
    deadline::Deadline,
    fault::{Code, Fault},
    host::Host,
    log::Log,
    proc,
    report::Output,
};
use std::{
    io::{BufRead, BufReader},
    os::unix::process::CommandExt,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

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
    let mut patient = Patient::new(samples::healthy());
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
    patient.evidence.vms[0].guest = Guest::Unknown("silent".into());
    patient.findings = diagnose(patient.evidence());
    assert!(patient.is_cured());
    samples::host(&mut patient.evidence).runtime_status = Some("suspended".into());
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
    let evidence = &mut report.corals[0].evidence;
    evidence.vms[0].guest = Guest::Unknown("silent".into());
    report.corals[0].findings = diagnose(report.corals[0].evidence());
    assert_eq!((report.corals[0].state().1, report.outcome(), report.code()), (Severity::Warning, Severity::Ok, 0));
    let document = &report.document()["corals"][0];
    assert_eq!((&document["severity"], &document["outcome"]), (&"warning".into(), &"ok".into()));
    let (line, code) = nagios::line(&report);
    assert!(line.starts_with("CORAL OK - 2-3 cured by replug, now guest_unknown: "), "{line}");
    assert_eq!(code, 0);
    report.corals[0].actions.clear();
    assert_eq!((report.code(), nagios::line(&report).1), (1, 3));
    assert!(!letter(&report, &report.corals[0]).contains("docker"));
}

#[test]
fn a_sendmail_that_hangs_is_killed_with_its_children() {
    let mut child = Command::new("/bin/sh")
        .args(["-c", "sleep 1000 & echo $!; wait"])
        .stdout(Stdio::piped())
        .process_group(0)
        .spawn()
        .unwrap();
    // Not before it has one.
    let mut line = String::new();
    let mut said = BufReader::new(child.stdout.take().unwrap());
    said.read_line(&mut line).unwrap();
    let pid: i32 = line.trim().parse().unwrap();
    let is_there = || proc::stat(&Host::default(), pid).is_some_and(|stat| !stat.is_dead());
    assert!(is_there());
    let error = wait(&mut child, &Deadline::after(Duration::from_millis(100))).unwrap_err();
    assert!(error.to_string().contains("killed"), "{error}");
    let deadline = Deadline::after(Duration::from_secs(20));
    while is_there() {
        assert!(!deadline.expired(), "its child lives on");
        thread::sleep(Duration::from_millis(5));
    }
}

fn of(dir: &Path, patient: Patient) -> Report {
    Report::of(&Host::new(dir), vec![patient])
}

/// A host with a stand-in for sendmail is not needed for a dry run, which tells what it would mail.
fn would_mail(dir: &Path, report: &Report) -> Vec<String> {
    let deadline = Deadline::after(Duration::from_secs(20));
    let mut session =
        Session::new(Host::new(dir), Config::default(), deadline, Log::new("test", -2), Output::new(true));
    session.dry_run = true;
    assert!(notify(&session, report).is_empty());
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
    let well = Patient::new(samples::healthy());
    let mut report = Report { pcie: vec![dead], ..of(dir.path(), well) };
    let mails = would_mail(dir.path(), &report);
    assert_eq!(mails.len(), 2, "{mails:?}");
    assert!(mails[0].ends_with("Coral 0000:05:00.0: the driver gave it up"), "{mails:?}");
    assert!(mails[1].ends_with("Coral 1-3: over (was wrong_speed)"), "{mails:?}");
    // Who looks at one of them does not know of the others.
    report.whole = false;
    assert_eq!(would_mail(dir.path(), &report), mails[..1]);
}

/// What is remembered once this was told on a host without anybody who takes mails: a tree's are never sent by this
/// machine's sendmail, and there is no other.
fn told_in_vain(report: &Report, last: &BTreeMap<String, Told>) -> (Vec<Error>, BTreeMap<String, Told>) {
    let dir = tempfile::tempdir().unwrap();
    let deadline = Deadline::after(Duration::from_secs(20));
    let session =
        Session::new(Host::new(dir.path()), Config::default(), deadline, Log::new("test", -2), Output::new(true));
    let path = session.host.lib_dir().join("coral-notify.json");
    state::save(&path, last).unwrap();
    let failed = notify(&session, report);
    (failed, state::load(&path).unwrap())
}

#[test]
fn a_mail_that_is_not_accepted_keeps_nothing_of_the_others_back() {
    let name = recovered().name();
    let lately = Told { state: "ok".into(), severity: Severity::Ok, at: now(), cured: Some(now()), unmailed: 0 };
    let dead = |address: &str| Pcie { address: address.into(), severity: Severity::Critical, ..Pcie::default() };
    let mut report = Report { treated: true, cures: true, ..of(Path::new("/nonexistent"), recovered()) };
    report.pcie = vec![dead("0000:05:00.0"), dead("0000:06:00.0")];
    let (failed, told) = told_in_vain(&report, &BTreeMap::from([(name.clone(), lately)]));
    assert_eq!(told[&name].unmailed, 1);
    // What was not mailed is not taken for mailed, and all of it is told.
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(failed.len(), 2, "{failed:?}");
}

#[test]
fn a_cure_that_was_not_mailed_leaves_the_state_as_news() {
    let mut patient = recovered();
    let name = patient.name();
    let ill = Told { state: "qemu_stale".into(), severity: Severity::Critical, at: 7, cured: None, unmailed: 0 };
    let report = |patient| Report { treated: true, cures: true, ..of(Path::new("/nonexistent"), patient) };
    let (failed, told) = told_in_vain(&report(recovered()), &BTreeMap::from([(name.clone(), ill.clone())]));
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert_eq!(told[&name], Told { unmailed: 1, ..ill });
    // One that nobody was told of before, with a guest that is silent: that is not taken for told either.
    patient.evidence.vms[0].guest = Guest::Unknown("silent".into());
    patient.findings = diagnose(patient.evidence());
    let (failed, told) = told_in_vain(&report(patient), &BTreeMap::new());
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert_eq!((told[&name].severity, told[&name].unmailed), (Severity::Ok, 1), "{told:?}");
    let now = Told { state: "guest_unknown".into(), severity: Severity::Warning, ..told[&name].clone() };
    assert_eq!((due(told.get(&name), &now), summary(&now).is_some()), (Some(Why::Changed), true));
}

#[test]
fn without_time_or_after_one_that_hung_nothing_is_handed_over() {
    let deadline = Deadline::after(Duration::ZERO);
    let host = Host::new("/nonexistent");
    let session = Session::new(host, Config::default(), deadline, Log::new("test", -2), Output::new(true));
    let post = Post { session: &session, hung: Cell::new(false) };
    for why in ["no time is left", "not tried any more"] {
        let error = post.mail("2-3", "ok", Why::Changed, None, "").unwrap_err();
        assert_eq!(Fault::code_of(&error), Code::Wedged);
        assert!(error.to_string().starts_with(&format!("sendmail root: {why}: ")), "{error}");
        post.hung.set(true);
    }
}
