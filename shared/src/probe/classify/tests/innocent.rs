//! What looks like a failure and is none.

use super::*;

#[test]
fn what_is_understood_is_no_failure() {
    use Status::{Healthy, Stopped, Unknown};
    #[rustfmt::skip]
    let table: &[(Status, &str, Spoil)] = &[
        (Stopped, "", |i, f, d| {
            i.power = Power::Stopped;
            (f.process, d.qmp, d.vnc) = (process(0, ProcessState::Gone), Qmp::Absent, Vnc::Absent);
        }),
        (Stopped, "", |_, f, d| (f.process, d.qmp) = (process(0, ProcessState::Gone), Qmp::Absent)),
        (Stopped, "", |i, f, d| {
            i.ha = Some("stopped".into());
            (f.process, d.qmp) = (process(0, ProcessState::Gone), Qmp::Absent);
        }),
        (Stopped, "locked: migrate", |i, f, d| {
            (i.lock, i.ha) = (Some("migrate".into()), Some("started".into()));
            (f.process, d.qmp) = (process(0, ProcessState::Gone), Qmp::Absent);
        }),
        (Stopped, "a template", |i, f, d| {
            (i.template, f.process, d.qmp) = (true, process(0, ProcessState::Gone), Qmp::Absent);
        }),
        (Unknown, "its monitor answers, and its pid file is missing or names another process", |_, f, _| {
            f.process = process(0, ProcessState::Gone);
        }),
        (Healthy, "paused by a person", |_, _, d| *d = deep("paused")),
        (Healthy, "locked: snapshot; paused meanwhile", |i, _, d| {
            (i.lock, *d) = (Some("snapshot".into()), deep("paused"));
        }),
        (Healthy, "locked: backup; QEMU is loaded, and its machine not started yet", |i, _, d| {
            (i.lock, *d) = (Some("backup".into()), deep("prelaunch"));
        }),
        (Healthy, "it is coming from another node", |_, _, d| *d = deep("inmigrate")),
        (Healthy, "its migration is about to end", |_, _, d| *d = deep("finish-migrate")),
        (Healthy, "it has moved to another node, or its state was saved", |_, _, d| *d = deep("postmigrate")),
        (Healthy, "its state is being saved", |_, _, d| *d = deep("save-vm")),
        (Healthy, "its state is being restored", |_, _, d| *d = deep("restore-vm")),
        (Healthy, "the guest sleeps (suspended to memory)", |_, _, d| *d = deep("suspended")),
        (Stopped, "the guest has shut down, and QEMU is about to end", |_, _, d| {
            (*d, d.vnc) = (deep("shutdown"), Vnc::Refused);
        }),
        (Healthy, "a debugger stopped the machine", |_, _, d| *d = deep("debug")),
        (Healthy, "it is migrating, or its state is being saved", |_, _, d| d.migrating = known(true)),
        (Healthy, "its monitor is busy with somebody else: the run state is not known", |_, _, d| {
            (d.qmp, d.run_state) = (Qmp::Busy, unknown());
        }),
        (Healthy, "the cable of net0 is unplugged", |_, f, _| {
            let mut out = nic("net0", "tap111i0");
            (out.link_down, out.up) = (true, known(false));
            f.nics = known(vec![out]);
        }),
        (Healthy, "the cable of net0 is unplugged", |_, f, d| {
            let mut out = nic("net0", "tap111i0");
            (out.path, d.unplugged) = (known(Path::Down("tap111i0".into())), known(vec!["net0".into()]));
            f.nics = known(vec![out]);
        }),
        (Healthy, "", |i, _, d| {
            i.hardware.as_mut().unwrap().display = false;
            d.vnc = Vnc::Absent;
        }),
        (Healthy, "", |_, f, _| f.sound = known(Sound { server_running: None, ..Sound::default() })),
        (Healthy, "paused by a person", |_, f, d| {
            let mut full = nic("net0", "tap111i0");
            full.rates = known(Rates { dropped: 9000.0, ..Rates::default() });
            (f.nics, *d) = (known(vec![full]), deep("paused"));
        }),
        (Unknown, "locked: backup; QEMU (pid 4711) does not answer meanwhile", |i, _, d| {
            (i.lock, d.qmp, d.vnc) = (Some("backup".into()), Qmp::Hung, Vnc::Silent);
        }),
        (Unknown, "it is starting", |i, f, d| {
            (i.power, f.process) = (Power::Starting, process(0, ProcessState::Gone));
            (d.qmp, d.vnc) = (Qmp::Absent, Vnc::Absent);
        }),
        (Unknown, "its monitor could not be asked: Permission denied", |_, _, d| {
            d.qmp = Qmp::Unknown("Permission\x1b denied".into());
        }),
        (
            Unknown,
            "its monitor is not there; whether its process lives is not known: not a regular file; nor is its VNC server",
            |_, f, d| {
                f.process = Figure::unknown("/run/qemu-server/VMID.pid", "not a regular file");
                (d.qmp, d.vnc) = (Qmp::Absent, Vnc::Absent);
            },
        ),
        (Unknown, "its VNC server is not this VM's: pid 5 (x) answers there", |_, _, d| {
            d.vnc = Vnc::Stranger("pid 5 (x) answers there".into());
        }),
    ];
    for (status, notes, spoil) in table {
        let verdict = judge(&evidence(spoil));
        assert_eq!(verdict.problems, [], "{notes}");
        assert_eq!((verdict.status, verdict.notes.join("; ").as_str()), (*status, *notes));
        assert_eq!((verdict.failure_type, verdict.recovery_needed), (FailureType::None, false));
    }
}

#[test]
fn a_silent_agent_is_a_note_and_nothing_else() {
    let mut evidence = evidence(|_, _, _| {});
    evidence.slow = Some(Arc::new(Slow {
        at: NOW,
        frames: unknown(),
        display: unknown(),
        audio_level: unknown(),
        agent: known(Agent::Silent),
        memory: unknown(),
    }));
    let verdict = judge(&evidence);
    assert_eq!((verdict.status, verdict.recovery_needed), (Status::Healthy, false));
    assert_eq!(verdict.notes, ["the guest agent does not answer"]);
}

#[test]
fn what_is_too_old_says_nothing_good_and_nothing_bad() {
    for state in ["running", "io-error"] {
        let evidence = evidence(|_, _, d| *d = deep(state));
        let verdict = classify(&evidence, &Limits::default(), NOW + 120_000);
        assert_eq!((verdict.status, verdict.problems.len()), (Status::Unknown, 0), "{state}");
        assert!(verdict.notes.iter().any(|note| note.contains("120 s old")), "{:?}", verdict.notes);
    }
    let patience = Patience { fast: 200_000, deep: 200_000, ..Patience::default() };
    let verdict = classify_by(&evidence(|_, _, _| {}), &Limits::default(), &patience, NOW + 120_000);
    assert_eq!(verdict.status, Status::Healthy);
    // A clock that was set back makes nothing old.
    assert_eq!(classify(&evidence(|_, _, _| {}), &Limits::default(), NOW - 120_000).status, Status::Healthy);
}

#[test]
fn a_vm_that_nobody_has_asked_yet_is_unknown() {
    let mut evidence = evidence(|_, _, _| {});
    evidence.deep = None;
    assert_eq!(judge(&evidence).status, Status::Unknown);
    evidence.fast = None;
    assert_eq!(judge(&evidence).status, Status::Unknown);
}

#[test]
fn a_vm_that_is_off_and_starts_at_boot_is_stopped_with_a_hint() {
    let off = |spoil: Spoil| {
        judge(&evidence(|i, f, d| {
            (i.power, i.onboot, f.process) = (Power::Stopped, true, process(0, ProcessState::Gone));
            (d.qmp, d.vnc) = (Qmp::Absent, Vnc::Absent);
            spoil(i, f, d);
        }))
    };
    let told = off(|_, _, _| {});
    assert_eq!((told.status, told.problems.len(), told.recovery_needed), (Status::Stopped, 0, false));
    let hint = "it is off, and the host starts it at boot (onboot: 1); to start it now: qm start 111";
    assert_eq!(told.notes, [hint]);
    // Others start those, or are at work on them.
    let silent: [Spoil; 4] = [
        |i, _, _| i.onboot = false,
        |i, _, _| i.ha = Some("stopped".into()),
        |i, _, _| i.lock = Some("backup".into()),
        |i, _, _| i.template = true,
    ];
    for spoil in silent {
        assert!(!off(spoil).notes.iter().any(|note| note.contains("onboot")));
    }
}

#[test]
fn a_tap_that_is_down_while_pve_is_at_work_is_told_with_why_it_does_not_count() {
    let down = "net0: its interface tap111i0 is down, or QEMU is not at its other end; no failure while";
    let table: [(Spoil, &str); 3] = [
        (|i, _, _| i.lock = Some("backup".into()), "PVE has it locked (backup)"),
        (|i, _, _| i.task = Some(4712), "PVE is at work on it"),
        (|_, _, d| d.run_state = known("prelaunch".into()), "its state is prelaunch"),
    ];
    for (spoil, why) in table {
        let verdict = judge(&evidence(|i, f, d| {
            let mut card = nic("net0", "tap111i0");
            card.up = known(false);
            f.nics = known(vec![card]);
            spoil(i, f, d);
        }));
        assert_eq!((verdict.status, verdict.problems.len()), (Status::Healthy, 0), "{why}");
        assert!(verdict.notes.contains(&format!("{down} {why}")), "{:?}", verdict.notes);
    }
}
