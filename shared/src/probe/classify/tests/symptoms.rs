//! What is a failure: its name, its class, its sentence.

use super::*;

#[test]
fn a_vm_with_which_all_is_well_is_healthy() {
    let verdict = judge(&evidence(|_, _, _| {}));
    assert_eq!(verdict, Verdict { status: Status::Healthy, ..Verdict::default() });
}

#[test]
fn each_symptom_is_named_with_its_class() {
    use FailureType::{Mixed, Network, Qemu};
    use Status::{Degraded, Unhealthy};
    #[rustfmt::skip]
    let table: &[(&str, Status, FailureType, bool, Spoil)] = &[
        ("process_gone", Unhealthy, Qemu, false, |_, f, d| {
            (f.process, d.qmp) = (process(4711, ProcessState::Gone), Qmp::Refused);
        }),
        ("process_gone", Unhealthy, Qemu, false, |_, f, d| {
            f.process = process(0, ProcessState::Gone);
            d.qmp = Qmp::Refused;
        }),
        ("process_gone", Unhealthy, Qemu, false, |i, f, d| {
            (i.power, i.ha) = (Power::Stopped, Some("started".into()));
            f.process = process(0, ProcessState::Gone);
            d.qmp = Qmp::Absent;
        }),
        ("process_gone", Unhealthy, Qemu, false, |i, f, d| {
            i.origin = Origin::Container;
            f.process = process(0, ProcessState::Gone);
            d.qmp = Qmp::NotAsked;
        }),
        ("process_halted", Unhealthy, Qemu, false, |_, f, d| {
            f.process = process(4711, ProcessState::Halted);
            (d.qmp, d.vnc, d.run_state) = (Qmp::Hung, Vnc::Silent, unknown());
        }),
        ("qmp_hung", Unhealthy, Qemu, true, |_, _, d| (d.qmp, d.vnc) = (Qmp::Hung, Vnc::Silent)),
        ("qmp_hung", Unhealthy, Qemu, true, |_, _, d| (d.qmp, d.vnc, d.run_state) = (Qmp::Busy, Vnc::Silent, unknown())),
        ("qmp_gone", Degraded, Qemu, false, |_, _, d| d.qmp = Qmp::Refused),
        ("vnc_gone", Degraded, Qemu, false, |_, _, d| d.vnc = Vnc::Refused),
        ("vnc_gone", Degraded, Qemu, false, |_, _, d| d.vnc = Vnc::Absent),
        ("vnc_silent", Degraded, Qemu, false, |_, _, d| d.vnc = Vnc::Silent),
        ("io_error", Unhealthy, Qemu, true, |_, _, d| *d = deep("io-error")),
        ("no_space", Unhealthy, Qemu, true, |_, _, d| {
            *d = deep("io-error");
            d.disks = known(vec![disk("ok", "/a"), disk("nospace", "/b.qcow2")]);
        }),
        ("internal_error", Unhealthy, Qemu, true, |_, _, d| *d = deep("internal-error")),
        ("internal_error", Unhealthy, Qemu, true, |_, _, d| *d = deep("watchdog")),
        ("guest_panicked", Unhealthy, Qemu, true, |_, _, d| *d = deep("guest-panicked")),
        ("tap_gone:tap111i0", Unhealthy, Network, false, |_, f, _| {
            let mut gone = nic("net0", "tap111i0");
            gone.present = known(false);
            f.nics = known(vec![gone]);
        }),
        ("interface_down:tap111i0", Degraded, Network, true, |_, f, _| {
            let mut down = nic("net0", "tap111i0");
            down.up = known(false);
            f.nics = known(vec![down, nic("net1", "tap111i1")]);
        }),
        ("no_port:tap111i0", Unhealthy, Network, true, |_, f, _| {
            let mut lost = nic("net0", "tap111i0");
            lost.path = known(Path::NoPort { interface: "tap111i0".into(), bridge: "vmbr0".into() });
            f.nics = known(vec![lost]);
        }),
        ("bridge_down:vmbr0", Unhealthy, Network, false, |_, f, _| {
            let mut lost = nic("net0", "tap111i0");
            lost.path = known(Path::Down("vmbr0".into()));
            f.nics = known(vec![lost]);
        }),
        ("bridge_down:fwbr111i0", Unhealthy, Network, true, |_, f, _| {
            let mut lost = nic("net0", "tap111i0");
            lost.path = known(Path::Missing("fwbr111i0".into()));
            f.nics = known(vec![lost]);
        }),
        ("network_errors:tap111i0", Degraded, Network, false, |_, f, _| {
            let mut bad = nic("net0", "tap111i0");
            bad.rates = known(Rates { errors: 7.5, ..Rates::default() });
            f.nics = known(vec![bad]);
        }),
        ("cpu", Degraded, Qemu, false, |_, f, _| f.cpu = known(99.2)),
        ("memory", Degraded, Qemu, false, |_, _, d| {
            let memory = GuestMemory { total: Some(1000), available: Some(9), ..GuestMemory::default() };
            d.guest_memory = known(memory);
        }),
        ("memory", Degraded, Qemu, false, |i, f, _| {
            (i.origin, f.host_memory) = (Origin::Container, known(99.0));
        }),
        ("pressure", Degraded, Qemu, false, |_, f, _| {
            f.pressure = known(Pressure { io: Some(80.0), ..Pressure::default() });
        }),
        ("audio", Degraded, Qemu, false, |_, f, _| {
            f.sound = known(Sound { server_running: Some(false), ..Sound::default() });
        }),
        ("io_error bridge_down:vmbr0", Unhealthy, Mixed, true, |_, f, d| {
            *d = deep("io-error");
            let mut lost = nic("net0", "tap111i0");
            lost.path = known(Path::Missing("vmbr0".into()));
            f.nics = known(vec![lost]);
        }),
    ];
    for (expected, status, failure, treatable, spoil) in table {
        let verdict = judge(&evidence(spoil));
        assert_eq!(symptoms(&verdict).join(" "), *expected, "{verdict:?}");
        assert_eq!((verdict.status, verdict.failure_type), (*status, *failure), "{expected}");
        assert_eq!(verdict.recovery_needed, *treatable, "{expected}");
    }
}

#[test]
fn a_check_counts_for_its_own_class() {
    let mut evidence = evidence(|_, _, _| {});
    let check = |passed, class| Checked { at: NOW, took: 1, passed, detail: "exit 1\n\x1b[2J".into(), class };
    evidence.checks.insert("stream".into(), check(Some(false), Class::Client));
    evidence.checks.insert("ping".into(), check(None, Class::Network));
    let verdict = judge(&evidence);
    assert_eq!((verdict.status, verdict.failure_type), (Status::Degraded, FailureType::Client));
    assert_eq!(verdict.problems[0].text, "check stream failed: exit 1 [2J");
    assert!(verdict.recovery_needed);
    evidence.checks.insert("ping".into(), check(Some(false), Class::Network));
    assert_eq!(judge(&evidence).failure_type, FailureType::Mixed);
}

#[test]
fn the_sentences_carry_figures_and_the_next_command() {
    let verdict = judge(&evidence(|_, f, d| {
        *d = deep("io-error");
        d.disks = known(vec![disk("nospace", "/var/lib/vz/images/111/vm-111-disk-0.qcow2")]);
        f.cpu = known(97.25);
    }));
    let text: Vec<_> = verdict.problems.iter().map(|p| (p.text.as_str(), p.next.as_deref())).collect();
    assert_eq!(
        text,
        [
            (
                "the storage of drive-scsi0 (/var/lib/vz/images/111/vm-111-disk-0.qcow2) is full, and QEMU stopped the machine",
                Some("make room, then qm resume 111")
            ),
            ("97.2 % of its processors are at work (limit 95 %)", None),
        ]
    );
    let halted = judge(&evidence(|_, f, _| f.process = process(4711, ProcessState::Halted)));
    assert_eq!(halted.problems[0].next.as_deref(), Some("kill -CONT 4711"));
}

#[test]
fn a_monitor_that_hangs_is_told_by_how_far_it_came() {
    for (answered, words) in [
        (None, "accepts and does not say a word (waited 2000 ms)"),
        (Some(0), "greets and answers nothing (waited 2000 ms)"),
        (Some(3), "greets, answers 3 questions, and stops in the midst of it (waited 2000 ms)"),
    ] {
        let verdict = judge(&evidence(|_, _, d| (d.qmp, d.answered) = (Qmp::Hung, answered)));
        assert_eq!(verdict.problems[0].text, format!("QEMU (pid 4711) hangs: its monitor {words}"));
    }
}
