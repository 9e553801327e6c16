//! Why nothing is done.

use super::*;

#[test]
fn one_recovery_at_a_time() {
    let world = World::new("io-error");
    let deadline = Deadline::after(Duration::ZERO);
    let _held = crate::lock::Locks::take(&world.host(), &[lock_name("111")], "test", &deadline).unwrap();
    assert!(world.refusal(&world.look(), &policy()).contains("another recovery of 111 is under way"));
    let mut session = world.session();
    session.lock_timeout = Duration::ZERO;
    let evidence = world.look();
    let error = run(&session, &evidence, &judge(&evidence), &policy(), &mut || world.look()).unwrap_err();
    assert_eq!(Fault::code_of(&error), Code::Busy);
}

#[test]
fn every_refusal_names_its_reason() {
    #[rustfmt::skip]
    let table: &[(&str, Spoil)] = &[
        ("is locked (backup)", |i, _, _| i.lock = Some("backup".into())),
        ("is a template", |i, _, _| i.template = true),
        ("PVE's HA manager (it wants: stopped)", |i, _, _| i.ha = Some("stopped".into())),
        ("it is migrating", |_, _, d| d.migrating = known(true)),
        ("/gone.qcow2: No such file", |_, _, d| d.disks = known(vec![disk("nospace", "/gone.qcow2")])),
        ("is not known: QEMU does not say which disk", |_, _, d| d.disks = samples::unknown()),
        ("whether the cause is gone is not known", |_, _, d| d.disks = known(vec![disk("failed", "/disk.qcow2")])),
        ("nothing here treats this", |_, f, d| {
            f.process = known(crate::probe::evidence::Process { pid: 4711, state: ProcessState::Halted });
            d.qmp = Qmp::Hung;
        }),
        ("paused by a person", |_, _, d| d.run_state = known("paused".into())),
        ("its monitor cannot be reached from here", |i, _, _| i.origin = Origin::Api),
        ("its monitor cannot be reached from here", |i, _, _| (i.origin, i.qmp) = (Origin::Container, None)),
    ];
    let world = World::new("io-error");
    for (reason, spoil) in table {
        let evidence = world.spoiled(spoil);
        let verdict = judge(&evidence);
        let session = world.session();
        let error = run(&session, &evidence, &verdict, &policy(), &mut || world.look()).unwrap_err();
        assert!(error.to_string().contains(reason) || paused(&verdict, reason), "{reason}: {error}");
    }
    assert!(world.told().is_empty() && BOOK.times(&world.host(), "111").unwrap().is_empty());
}

/// What is no failure at all is refused for that alone.
fn paused(verdict: &Verdict, reason: &str) -> bool {
    verdict.problems.is_empty() && verdict.notes.iter().any(|note| note.contains(reason))
}

#[test]
fn what_only_the_host_knows_refuses_as_well() {
    let world = World::new("io-error");
    let host = world.host();
    let refused = |context: &Context| world.refusal(&world.look(), context);
    assert_eq!(refused(&policy()), "");
    assert!(refused(&Context { ill_at_once: 4, ..policy() }).contains("that is the node's failure"));
    let unsettled = Context { settled: Err("seen once".into()), ..policy() };
    assert_eq!(refused(&unsettled), "not settled: seen once");
    assert_eq!(refused(&Context { force: true, ..unsettled }), "");

    let conf = host.vm_configs().join("111.conf");
    fs::write(&conf, "lock: snapshot\n").unwrap();
    assert!(refused(&Context::person(1)).contains("is locked (snapshot)"));
    fs::write(&conf, "hostpci0: what\n").unwrap();
    assert!(refused(&policy()).contains("111.conf:1"));
    fs::write(&conf, "").unwrap();

    fs::create_dir_all(host.ha_resources().parent().unwrap()).unwrap();
    for (text, is) in [
        ("vm: 111\n\tstate stopped\n", true),
        ("vm: 111\n\nvm: 5\n\tstate ignored\n", true),
        ("vm: 111\n\tgroup a\n\tstate ignored\n", false),
        ("vm: 1111\n", false),
        ("ct: 111\n", false),
    ] {
        fs::write(host.ha_resources(), text).unwrap();
        assert_eq!(refused(&Context::person(1)).contains("HA manager"), is, "{text}");
    }
    fs::remove_file(host.ha_resources()).unwrap();

    let mut evidence = world.look();
    evidence.slow = Some(Arc::new(Slow {
        at: now(),
        frames: samples::unknown(),
        display: samples::unknown(),
        audio_level: samples::unknown(),
        agent: known(Agent::Ok { frozen: Some(true), addresses: Vec::new() }),
        memory: samples::unknown(),
    }));
    assert!(world.refusal(&evidence, &Context::person(1)).contains("frozen"));
}

#[test]
fn a_policy_is_needed_for_each_class_unless_a_person_asks() {
    let mut world = World::new("io-error");
    world.policy = Policy::default();
    let evidence = world.look();
    assert!(world.refusal(&evidence, &policy_forced()).contains("qemu in [probe.recovery]"));
    assert_eq!(world.refusal(&evidence, &Context { asked_by: AskedBy::Api, ..Context::person(1) }), "");
    assert_eq!(world.refusal(&evidence, &Context::person(1)), "");
    // A stop and a start are refused even to a person.
    let hung = world.spoiled(|_, _, d| (d.qmp, d.vnc, d.run_state) = (Qmp::Hung, Vnc::Silent, samples::unknown()));
    let planned = preview(&world.session(), &hung, &judge(&hung), &Context::person(1));
    assert_eq!(planned.plan, ["qm stop 111", "qm start 111"]);
    assert!(planned.refused_because.unwrap().contains("restart in [probe.recovery]"));
    world.policy.restart = true;
    assert_eq!(world.refusal(&hung, &Context::person(1)), "");
    assert!(world.refusal(&hung, &policy()).contains("qemu in [probe.recovery]"));
}
