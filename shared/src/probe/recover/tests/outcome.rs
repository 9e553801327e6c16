//! What a recovery does by way of the monitor, and what is said of it afterwards.

use super::*;

#[test]
fn a_machine_whose_storage_has_room_again_goes_on() {
    let world = World::new("io-error");
    let planned = preview(&world.session(), &world.look(), &judge(&world.look()), &policy());
    assert_eq!((planned.plan, planned.refused_because), (vec!["QMP 111: cont".to_owned()], None));
    let outcome = world.run(&policy()).unwrap();
    assert_eq!((outcome.result, outcome.text.as_str()), (Ended::Recovered, "no_space is over"));
    assert_eq!(world.told(), ["cont"]);
    let audit = entries(&world.host(), Some("111"));
    assert_eq!(audit.len(), 1);
    assert_eq!((audit[0].outcome, audit[0].nth, audit[0].asked_by), (Ended::Recovered, 1, AskedBy::Policy));
    assert_eq!((audit[0].commands.join(" "), audit[0].after.as_deref()), ("QMP 111: cont".into(), Some("healthy")));
    assert!(heal(&world.session()).is_empty(), "nothing is left to be healed");
    assert!(audit::text(&audit).contains("no_space"));
    assert!(entries(&world.host(), Some("112")).is_empty());
}

#[test]
fn a_panicked_guest_is_reset_and_goes_on() {
    for state in ["guest-panicked", "internal-error", "watchdog"] {
        let world = World::new(state);
        assert_eq!(world.run(&policy()).unwrap().result, Ended::Recovered, "{state}");
        assert_eq!(world.told(), ["system_reset", "cont"]);
    }
}

#[test]
fn who_paused_it_in_between_is_respected() {
    let world = World::new("paused");
    let stale = |state: &str| world.spoiled(|_, _, d| d.run_state = known(state.to_owned()));
    for state in ["io-error", "guest-panicked"] {
        let outcome = world.run_with(&policy_forced(), || stale(state)).unwrap();
        assert_eq!(outcome.result, Ended::Failed);
        assert!(outcome.text.contains("\"paused\" by now, so it was left alone"), "{}", outcome.text);
    }
    assert!(world.told().is_empty());
}

#[test]
fn what_did_not_help_is_told_as_it_is() {
    let world = World::new("io-error");
    let full = || world.spoiled(|_, _, d| d.run_state = known("io-error".into()));
    let outcome = world.run_with(&policy(), full).unwrap();
    assert_eq!(outcome.result, Ended::Failed);
    assert!(outcome.text.starts_with("still: the storage of drive-scsi0"), "{}", outcome.text);
    // Evidence that could not have shown it, or was taken before, proves nothing.
    world.is("io-error");
    let mut looks = 0;
    let busy = || {
        looks += 1;
        world.spoiled(|_, _, d| {
            if looks > 2 {
                d.qmp = Qmp::Busy;
            }
        })
    };
    assert_eq!(world.run_with(&policy_forced(), busy).unwrap().result, Ended::Unknown);
    world.is("io-error");
    let (mut looks, old) = (0, now());
    let stale = || {
        looks += 1;
        world.spoiled(|_, _, d| {
            if looks > 2 {
                d.at = old;
            }
        })
    };
    assert_eq!(world.run_with(&policy_forced(), stale).unwrap().result, Ended::Unknown);
    assert_eq!(entries(&world.host(), None).len(), 3);
}

#[test]
fn what_is_well_again_costs_nothing() {
    let world = World::new("io-error");
    let evidence = world.look();
    world.is("running");
    let outcome = run(&world.session(), &evidence, &judge(&evidence), &policy(), &mut || world.look()).unwrap();
    assert_eq!(outcome.result, Ended::Needless);
    assert_eq!(BOOK.times(&world.host(), "111").unwrap().len(), 0);
    assert!(entries(&world.host(), None).is_empty());
}

#[test]
fn a_dry_run_says_what_it_would_do_and_does_nothing() {
    let world = World::new("guest-panicked");
    let mut session = world.session();
    session.dry_run = true;
    let evidence = world.look();
    let outcome = run(&session, &evidence, &judge(&evidence), &policy(), &mut || world.look()).unwrap();
    assert_eq!((outcome.result, outcome.text.as_str()), (Ended::Planned, "a dry run"));
    assert_eq!(session.planned(), ["run QMP 111: system_reset", "run QMP 111: cont"]);
    assert!(world.told().is_empty() && entries(&world.host(), None).is_empty());
    assert_eq!(BOOK.times(&world.host(), "111").unwrap().len(), 0);
}
