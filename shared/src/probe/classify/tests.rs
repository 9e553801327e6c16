//! Every symptom, every innocent state, and evidence at random.

use super::{
    samples::{NOW, deep, disk, evidence, instance, nic, unknown},
    *,
};
use crate::{
    config::probe::Limits,
    probe::{
        evidence::{Agent, Checked, GuestMemory, Path, Pressure, Process, Rates, Sound},
        figure::Figure,
        instance::{Instance, Pod, Power},
    },
};
use proptest::prelude::*;
use serde_json::json;
use std::sync::Arc;

fn judge(evidence: &Evidence) -> Verdict {
    classify(evidence, &Limits::default(), NOW)
}

fn symptoms(verdict: &Verdict) -> Vec<String> {
    verdict.problems.iter().map(|problem| problem.symptom.to_string()).collect()
}

fn known<T>(value: T) -> Figure<T> {
    Figure::known("test", value)
}

fn process(pid: i32, state: ProcessState) -> Figure<Process> {
    known(Process { pid, state })
}

type Spoil = fn(&mut Instance, &mut Fast, &mut Deep);

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

fn reported(status: &str, online: Option<bool>, cpu: f64) -> Evidence {
    let reported = Reported { status: status.into(), node_online: online, cpu: Some(cpu), ..Reported::default() };
    let origin = Instance::new("111", Origin::Api);
    Evidence::new(Arc::new(Instance {
        reported: Some(reported),
        seen_at: NOW,
        node: Some("pve2".into()),
        qmp: None,
        vmid: Some(111),
        ..origin
    }))
}

#[test]
fn what_a_clusters_list_says_is_all_that_is_known() {
    for (status, online, cpu, expected, found) in [
        ("running", Some(true), 0.1, Status::Healthy, ""),
        ("running", None, 0.99, Status::Degraded, "cpu"),
        ("stopped", Some(true), 0.0, Status::Stopped, ""),
        ("unknown", Some(true), 0.0, Status::Unknown, ""),
        ("unknown", Some(false), 0.0, Status::Degraded, "node_offline"),
    ] {
        let verdict = judge(&reported(status, online, cpu));
        assert_eq!((verdict.status, symptoms(&verdict).join(" ").as_str()), (expected, found), "{status}");
    }
    let old = classify(&reported("running", None, 0.1), &Limits::default(), NOW + 600_000);
    assert_eq!(old.status, Status::Unknown);
}

fn remote(report: Result<serde_json::Value, &str>, unreachable: bool) -> Evidence {
    let mut evidence = Evidence::new(Arc::new(Instance::new("emulator-0", Origin::Kubernetes)));
    let report = report.map_err(str::to_owned);
    evidence.remote =
        Some(Arc::new(Remote { at: NOW, url: "http://10.0.0.1:8080/health".into(), report, unreachable }));
    evidence
}

#[test]
fn a_report_is_believed_and_null_is_unknown() {
    let all_null = json!({
        "overall_status": null, "qemu_healthy": null, "video": { "vnc_available": null },
        "audio": { "pulse_running": null }, "network": { "bridge_up": null, "tap_up": null, "tx_errors": null },
        "performance": { "cpu_usage": null },
    });
    let well = json!({ "overall_status": "healthy", "qemu_healthy": true, "network": { "tx_errors": 900_000 },
        "audio": { "pulse_running": false, "audio_backend": "none" } });
    for (report, unreachable, status, failure, found) in [
        (Ok(well), false, Status::Healthy, FailureType::None, ""),
        (Ok(all_null), false, Status::Unknown, FailureType::None, ""),
        (Ok(json!("garbage")), false, Status::Unknown, FailureType::None, ""),
        (Ok(json!({ "qemu_healthy": true })), false, Status::Healthy, FailureType::None, ""),
        (Ok(json!({ "qemu_healthy": false })), false, Status::Unhealthy, FailureType::Qemu, "reported:qemu"),
        (
            Ok(json!({ "overall_status": "degraded", "video": { "vnc_available": false } })),
            false,
            Status::Degraded,
            FailureType::Qemu,
            "reported:video",
        ),
        (Ok(json!({ "overall_status": "unhealthy" })), false, Status::Unhealthy, FailureType::Qemu, "reported:overall"),
        (
            Ok(json!({ "qemu_healthy": false, "network": { "tap_up": false } })),
            false,
            Status::Unhealthy,
            FailureType::Mixed,
            "reported:qemu reported:network",
        ),
        (Err("Connection refused"), true, Status::Unhealthy, FailureType::Network, "unreachable"),
        (Err("404 Not Found"), false, Status::Unknown, FailureType::None, ""),
    ] {
        let verdict = judge(&remote(report, unreachable));
        assert_eq!(symptoms(&verdict).join(" "), found, "{verdict:?}");
        assert_eq!((verdict.status, verdict.failure_type), (status, failure), "{found}");
    }
}

#[test]
fn a_pod_that_starts_is_not_unreachable_and_one_that_failed_is_ill() {
    let mut evidence = remote(Err("Connection refused"), true);
    let pod = |power, phase: &str| {
        let pod = Pod { phase: phase.into(), ..Pod::default() };
        Arc::new(Instance { power, pod: Some(pod), ..Instance::new("emulator-0", Origin::Kubernetes) })
    };
    evidence.instance = pod(Power::Starting, "Running");
    assert_eq!((judge(&evidence).status, judge(&evidence).problems.len()), (Status::Unknown, 0));
    evidence.instance = pod(Power::Stopped, "Failed");
    assert_eq!(symptoms(&judge(&evidence)), ["process_gone"]);
    evidence.instance = pod(Power::Stopped, "Succeeded");
    assert_eq!(judge(&evidence).status, Status::Stopped);
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

fn any_figure<T: Clone + std::fmt::Debug + 'static>(
    value: impl Strategy<Value = T> + 'static,
) -> BoxedStrategy<Figure<T>> {
    prop_oneof![2 => value.prop_map(known), 1 => "\\PC{0,8}".prop_map(|why| Figure::unknown("test", why))].boxed()
}

prop_compose! {
    fn any_fast()(
        at in prop_oneof![Just(NOW), any::<u64>()],
        process in any_figure((any::<i32>(), prop_oneof![Just(ProcessState::Alive), Just(ProcessState::Halted), Just(ProcessState::Gone)])),
        percent in any_figure(any::<f64>()),
        memory in any_figure(any::<f64>()),
        present in any_figure(any::<bool>()),
        up in any_figure(any::<bool>()),
        path in any_figure(prop_oneof![
            Just(Path::Whole), "\\PC*".prop_map(Path::Down), "\\PC*".prop_map(Path::Missing),
            ("\\PC*", "\\PC*").prop_map(|(interface, bridge)| Path::NoPort { interface, bridge }),
        ]),
        errors in any::<f64>(),
    ) -> Fast {
        let mut card = nic("net0", "tap111i0");
        (card.present, card.up, card.path) = (present, up, path);
        card.rates = known(Rates { errors, ..Rates::default() });
        Fast {
            at,
            process: process.map(|(pid, state)| Process { pid, state }),
            cpu: percent,
            memory_percent: memory,
            nics: known(vec![card]),
            ..samples::fast()
        }
    }
}

prop_compose! {
    fn any_deep()(
        at in prop_oneof![Just(NOW), any::<u64>()],
        qmp in prop_oneof![
            Just(Qmp::Ok), Just(Qmp::Hung), Just(Qmp::Busy), Just(Qmp::Absent), Just(Qmp::Refused), Just(Qmp::NotAsked),
            "\\PC*".prop_map(Qmp::Unknown),
        ],
        state in any_figure(prop_oneof![Just("running".to_owned()), Just("io-error".to_owned()), "\\PC*"]),
        vnc in prop_oneof![
            "\\PC*".prop_map(Vnc::Banner), Just(Vnc::Silent), Just(Vnc::Refused), Just(Vnc::Absent), Just(Vnc::NotAsked),
        ],
        total in any::<Option<u64>>(),
        available in any::<Option<u64>>(),
    ) -> Deep {
        let guest_memory = known(GuestMemory { total, available, ..GuestMemory::default() });
        Deep { at, qmp, run_state: state, vnc, guest_memory, ..deep("running") }
    }
}

proptest! {
    #[test]
    fn no_evidence_makes_it_panic_and_the_verdict_is_consistent(
        fast in proptest::option::of(any_fast()),
        deep in proptest::option::of(any_deep()),
        lock in proptest::option::of("\\PC*"),
        now in prop_oneof![Just(NOW), any::<u64>()],
    ) {
        let mut evidence = Evidence::new(Arc::new(Instance { lock, ..instance() }));
        evidence.fast = fast.map(Arc::new);
        evidence.deep = deep.map(Arc::new);
        let verdict = classify(&evidence, &Limits::default(), now);
        prop_assert_eq!(verdict.problems.is_empty(), verdict.failure_type == FailureType::None);
        prop_assert_eq!(verdict.problems.is_empty(), verdict.status < Status::Degraded);
        prop_assert!(verdict.problems.iter().all(|problem| problem.status <= verdict.status));
        prop_assert!(verdict.problems.windows(2).all(|pair| pair[0].status >= pair[1].status));
        let texts = verdict.problems.iter().map(|problem| &problem.text).chain(&verdict.notes);
        prop_assert!(texts.into_iter().all(|text| !text.chars().any(char::is_control)));
    }

    #[test]
    fn evidence_of_which_nothing_is_known_is_never_a_failure(
        at in any::<u64>(),
        qmp in prop_oneof![Just(Qmp::Busy), Just(Qmp::NotAsked), "\\PC*".prop_map(Qmp::Unknown)],
        reason in "\\PC*",
        report in "\\PC*",
    ) {
        let mut evidence = evidence(|_, f, d| {
            let mut card = nic("net0", "tap111i0");
            (card.present, card.up, card.path) = (unknown(), unknown(), unknown());
            (f.at, f.process, f.cpu, f.memory_percent) = (at, unknown(), unknown(), unknown());
            f.nics = known(vec![card]);
            (d.at, d.qmp, d.run_state) = (at, qmp, Figure::unknown("test", reason));
            (d.migrating, d.vnc) = (unknown(), Vnc::NotAsked);
        });
        evidence.remote = Some(Arc::new(Remote { at, url: String::new(), report: Err(report), unreachable: false }));
        let verdict = judge(&evidence);
        prop_assert_eq!(verdict.status, Status::Unknown);
        prop_assert!(verdict.problems.is_empty() && !verdict.recovery_needed);
    }

    #[test]
    fn no_report_makes_it_panic(text in "\\PC*", number in any::<f64>(), flag in any::<bool>()) {
        for report in [
            json!({ "overall_status": text, "qemu_healthy": flag, "performance": { "cpu_usage": number, "memory_usage": text } }),
            json!([text]),
            json!({ "network": text, "video": { "vnc_available": number }, "audio": null }),
        ] {
            let _ = judge(&remote(Ok(report), false));
        }
    }
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
