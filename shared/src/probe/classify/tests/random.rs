//! Evidence at random: nothing makes it panic, and what is not known is never a failure.

use super::*;

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
