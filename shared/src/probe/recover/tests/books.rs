//! What is written down: how often, what is under way, what was done.

use super::*;

#[test]
fn the_fourth_within_the_hour_is_refused_whoever_asks_and_after_a_restart() {
    let world = World::new("io-error");
    for context in [policy_forced(), Context::person(1), Context { asked_by: AskedBy::Api, ..policy_forced() }] {
        world.is("io-error");
        assert_eq!(world.run(&context).unwrap().result, Ended::Recovered);
    }
    world.is("io-error");
    for context in [policy_forced(), Context::person(1)] {
        assert!(world.refusal(&world.look(), &context).contains("3 recoveries within the hour"));
        let error = world.run(&context).unwrap_err();
        assert_eq!(Fault::code_of(&error), Code::Refused, "{error:#}");
    }
    assert_eq!(world.told().len(), 3);
}

#[test]
fn books_that_cannot_be_read_allow_nothing() {
    let world = World::new("io-error");
    fs::create_dir_all(world.host().lib_dir()).unwrap();
    fs::write(world.host().lib_dir().join("probe-recoveries.json"), "{").unwrap();
    assert!(world.refusal(&world.look(), &policy()).contains("is damaged"));
    let error = world.run(&Context::person(1)).unwrap_err();
    assert_eq!(Fault::code_of(&error), Code::Refused);
    assert!(error.to_string().contains("is not known: /var/lib/pve-hooks/probe-recoveries.json is damaged"), "{error}");
    assert!(world.told().is_empty());
}

#[test]
fn between_two_recoveries_time_has_to_pass_but_not_for_a_person() {
    let world = World::new("io-error");
    world.run(&policy()).unwrap();
    crate::lock::tests::freed(&world.host(), &lock_name("111"));
    world.is("io-error");
    assert!(world.refusal(&world.look(), &policy()).contains("the next one in"));
    assert_eq!(world.refusal(&world.look(), &Context { asked_by: AskedBy::Person, ..policy() }), "");
    assert_eq!(world.refusal(&world.look(), &policy_forced()), "");
}

#[test]
fn an_interrupted_reset_is_finished_told_once_and_not_repeated() {
    let world = World::new("prelaunch");
    let session = world.session();
    let evidence = world.spoiled(|_, _, d| d.run_state = known("guest-panicked".into()));
    let plan = plan::plan(&world.host(), &evidence, &judge(&evidence), &world.policy);
    let mut intent = intent::Intent::new(&session, &evidence.instance, &plan, AskedBy::Policy, 1);
    intent.begin(&session, 0).unwrap();
    audit::append(&session, &intent.entry(Ended::Begun, String::new(), None));
    assert_eq!(entries(&world.host(), None)[0].outcome, Ended::Interrupted, "nobody is at work on it");
    let healed = heal(&session);
    assert_eq!(healed.len(), 1);
    assert!(healed[0].detail.contains("it had reset the machine, which goes on now"), "{}", healed[0].detail);
    assert_eq!(world.told(), ["cont"]);
    assert!(heal(&session).is_empty());
    let audit = entries(&world.host(), None);
    assert_eq!((audit.len(), audit[0].outcome, audit[0].commands.len()), (1, Ended::Interrupted, 1));
    // What ended, and was only not cleaned up, is not told again.
    intent.save(&session).unwrap();
    assert!(heal(&session).is_empty());
    assert_eq!(entries(&world.host(), None).len(), 1);
}

#[test]
fn an_intent_of_an_earlier_boot_or_of_somebody_at_work_is_not_acted_upon() {
    let world = World::new("prelaunch");
    let session = world.session();
    let evidence = world.spoiled(|_, _, d| d.run_state = known("guest-panicked".into()));
    let plan = plan::plan(&world.host(), &evidence, &judge(&evidence), &world.policy);
    let mut intent = intent::Intent::new(&session, &evidence.instance, &plan, AskedBy::Policy, 1);
    intent.boot = "another".into();
    intent.begin(&session, 0).unwrap();
    let deadline = Deadline::after(Duration::ZERO);
    let held = crate::lock::Locks::take(&world.host(), &[lock_name("111")], "test", &deadline).unwrap();
    assert!(heal(&session).is_empty());
    drop(held);
    crate::lock::tests::freed(&world.host(), &lock_name("111"));
    assert_eq!(heal(&session)[0].detail, "the program died in it");
    assert!(world.told().is_empty());
}

#[test]
fn an_id_is_no_path() {
    assert_eq!(file_name("../../etc/x\n"), "%2e%2e%2f%2e%2e%2fetc%2fx%0a");
    assert_eq!(lock_name("emulator-0"), "recover-emulator-0");
    assert!(file_name(&"é".repeat(500)).len() <= 120);
}

#[test]
fn a_journal_that_cannot_be_read_is_no_journal_without_recoveries() {
    let world = World::new("io-error");
    assert_eq!(audit::unreadable(&world.host()), None, "there is none yet");
    world.run(&policy()).unwrap();
    assert_eq!(audit::unreadable(&world.host()), None);
    let path = world.host().lib_dir().join("probe-audit.jsonl");
    let good = fs::read(&path).unwrap();
    fs::write(&path, [&good[..], b"{\n"].concat()).unwrap();
    assert_eq!((audit::unreadable(&world.host()), audit::damaged(&world.host())), (None, 1));
    fs::write(&path, [0x80, 0xff, b'\n', 7]).unwrap();
    assert!(audit::unreadable(&world.host()).unwrap().contains("is damaged"));
    fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("nowhere", &path).unwrap();
    assert!(audit::unreadable(&world.host()).unwrap().contains("is a link"));
    fs::remove_file(&path).unwrap();
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert_eq!(
        audit::unreadable(&world.host()).as_deref(),
        Some("/var/lib/pve-hooks/probe-audit.jsonl: not a regular file")
    );
}
