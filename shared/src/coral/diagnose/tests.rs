use super::{
    samples::{KEYBOARD, absent, healthy, holder, host, vm},
    *,
};
use crate::{
    coral::{
        READY,
        evidence::{QemuSide, *},
        finding::worst,
    },
    usb::UsbId,
};
use proptest::prelude::*;

type Change = fn(&mut Evidence);

/// What each state looks like, beginning with a Coral that works.
const CASES: &[(&str, State, Severity, Change)] = &[
    ("works", State::Ok, Severity::Ok, |_| {}),
    ("nowhere", State::HostAbsent, Severity::Critical, |e| *e = absent()),
    ("controller died", State::HostAbsent, Severity::Critical, |e| {
        *e = absent();
        e.events = Some(Events { controller_died: 1, ..Events::NONE });
    }),
    ("somebody forbade it, which also leaves no configuration", State::Deauthorized, Severity::Critical, |e| {
        host(e).authorized = Some(false);
        host(e).configuration = Configuration::Empty;
    }),
    ("no configuration", State::Hung, Severity::Critical, |e| host(e).configuration = Configuration::Empty),
    ("no configuration and a dead handle", State::Hung, Severity::Critical, |e| {
        host(e).configuration = Configuration::Empty;
        e.vms[0].handle = HandleSide::Stale("gone".into());
    }),
    ("its lock is held: busy, not broken", State::Ok, Severity::Ok, |e| host(e).configuration = Configuration::Unknown),
    ("asleep", State::Suspended, Severity::Warning, |e| host(e).runtime_status = Some("suspended".into())),
    ("may fall asleep but is awake", State::Ok, Severity::Ok, |e| host(e).power_control = Some("auto".into())),
    ("USB 2", State::WrongSpeed, Severity::Warning, |e| host(e).speed_mbps = Some(480)),
    ("speed not known", State::Ok, Severity::Ok, |e| host(e).speed_mbps = None),
    ("twice as fast", State::Ok, Severity::Ok, |e| host(e).speed_mbps = Some(10_000)),
    ("nobody has it", State::HostOnly, Severity::Warning, |e| {
        e.vms.clear();
        host(e).holders.clear();
    }),
    ("a container uses it", State::HostOnly, Severity::Ok, |e| {
        e.vms.clear();
        host(e).holders.iter_mut().for_each(|holder| holder.vmid = None);
    }),
    ("a VM has it that is not known to be given it", State::HostOnly, Severity::Warning, |e| e.vms.clear()),
    ("the VM asked about is not given it", State::HostOnly, Severity::Warning, |e| {
        e.vms.clear();
        e.not_given_to = Some((276, Some("usb1".into())));
    }),
    ("whether a VM is given it cannot be read", State::GuestUnknown, Severity::Warning, |e| {
        e.vms.clear();
        e.unread = Some(("cannot read /etc/pve/qemu-server: Permission denied".into(), "sudo coral-check …".into()));
    }),
    ("a VM names an empty socket, and another configuration cannot be read", State::HostOnly, Severity::Warning, |e| {
        e.vms.clear();
        e.candidates = vec![samples::vm(276)];
        e.unread = Some(("cannot read 111.conf".into(), "pve-hook check".into()));
    }),
    ("by id", State::ConfigFragile, Severity::Warning, |e| e.vms[0].form = Form::Id),
    ("by mapping", State::ConfigFragile, Severity::Warning, |e| e.vms[0].form = Form::Mapping),
    ("by mapping with the other id", State::ConfigFragile, Severity::Warning, |e| {
        e.vms[0].form = Form::Mapping;
        e.vms[0].mapping_id = Some(BLANK);
    }),
    ("by a mapping that does not exist", State::QemuDetached, Severity::Critical, |e| {
        e.vms[0].form = Form::Mapping;
        e.vms[0].means = Some(Err("no such mapping".into()));
        e.vms[0].handle = HandleSide::None;
    }),
    ("by the other half of its socket, stopped", State::ConfigFragile, Severity::Warning, |e| {
        stopped(&mut e.vms[0]);
        (e.vms[0].fits, e.vms[0].source) = (false, "1-3".into());
    }),
    ("by a port that it was moved from, stopped", State::ConfigFragile, Severity::Warning, |e| {
        stopped(&mut e.vms[0]);
        (e.vms[0].fits, e.vms[0].source) = (false, "4-1".into());
    }),
    ("stopped", State::VmStopped, Severity::Ok, |e| stopped(&mut e.vms[0])),
    ("stopped and by id", State::ConfigFragile, Severity::Warning, |e| {
        stopped(&mut e.vms[0]);
        e.vms[0].form = Form::Id;
    }),
    ("a dead handle, listed by the guest all the same", State::QemuStale, Severity::Critical, |e| {
        e.vms[0].handle = HandleSide::Stale("/dev/bus/usb/002/003 (deleted)".into());
    }),
    ("no handle", State::QemuDetached, Severity::Critical, |e| e.vms[0].handle = HandleSide::None),
    ("no handle, listed by the guest all the same", State::QemuDetached, Severity::Critical, |e| {
        e.vms[0].handle = HandleSide::None;
        e.vms[0].guest = Guest::Lists(vec![READY]);
    }),
    ("QEMU says not attached", State::QemuDetached, Severity::Critical, |e| {
        e.vms[0].qemu = Some(Ok(QemuSide { exists: true, attached: Some(false), options: String::new() }));
    }),
    ("QEMU says nothing", State::Ok, Severity::Ok, |e| e.vms[0].qemu = Some(Err("busy".into()))),
    ("not claimed", State::ClaimLost, Severity::Warning, |e| host(e).drivers = vec![None, None]),
    ("one interface of two claimed", State::Ok, Severity::Ok, |e| host(e).drivers = vec![None, Some("usbfs".into())]),
    ("the agent does not answer", State::GuestUnknown, Severity::Warning, |e| {
        e.vms[0].guest = Guest::Unknown("QEMU guest agent is not running".into());
    }),
    ("the handle cannot be told", State::GuestUnknown, Severity::Warning, |e| {
        e.vms[0].handle = HandleSide::Unknown("not root".into());
    }),
    ("not asked", State::Ok, Severity::Ok, |e| e.vms[0].guest = Guest::NotAsked),
    ("not in the guest", State::GuestMissing, Severity::Critical, |e| e.vms[0].guest = Guest::Lists(vec![])),
    ("one of two in the guest", State::GuestUnknown, Severity::Warning, |e| e.vms[0].given = 2),
    ("the guest lists the earlier id", State::QemuStale, Severity::Critical, |e| {
        e.vms[0].guest = Guest::Lists(vec![BLANK]);
    }),
    ("firmware not loaded", State::Uninitialised, Severity::Ok, |e| {
        host(e).id = BLANK;
        e.vms[0].guest = Guest::Lists(vec![BLANK]);
    }),
    ("reset all the time", State::Degraded, Severity::Warning, |e| {
        e.events = Some(Events { resets: 11, ..Events::NONE });
    }),
    ("reset now and then", State::Ok, Severity::Ok, |e| e.events = Some(Events { resets: 10, ..Events::NONE })),
    ("link errors", State::Degraded, Severity::Warning, |e| {
        e.events = Some(Events { link_errors: 3, ..Events::NONE });
    }),
    ("too much current just now", State::Degraded, Severity::Warning, |e| {
        e.events = Some(Events { over_current: 1, ..Events::NONE });
    }),
    ("too much current long ago", State::Ok, Severity::Ok, |e| host(e).over_current = Some(1)),
    ("too much current, nobody knows when", State::Degraded, Severity::Warning, |e| {
        host(e).over_current = Some(1);
        e.events = None;
    }),
    ("the log cannot be read", State::Ok, Severity::Ok, |e| e.events = None),
    ("a second VM wants it", State::QemuDetached, Severity::Warning, |e| {
        e.vms.push(VmSide { handle: HandleSide::None, guest: Guest::Lists(vec![]), ..vm(276) });
    }),
    ("a second VM that is stopped", State::Ok, Severity::Ok, |e| {
        e.vms.push(vm(276));
        stopped(&mut e.vms[1]);
    }),
    ("another VM has it", State::QemuDetached, Severity::Critical, |e| {
        e.vms[0].handle = HandleSide::None;
        host(e).holders = vec![holder(276)];
    }),
    ("a whole controller, listed", State::Ok, Severity::Ok, |e| whole(e, Guest::Lists(vec![READY]))),
    ("a whole controller, not listed", State::GuestMissing, Severity::Critical, |e| whole(e, Guest::Lists(vec![]))),
    ("a whole controller, of a VM that is off", State::GuestUnknown, Severity::Warning, |e| {
        whole(e, Guest::NotAsked);
        stopped(&mut e.vms[0]);
    }),
    ("a whole controller, no answer", State::GuestUnknown, Severity::Warning, |e| {
        whole(e, Guest::Unknown("no agent".into()));
    }),
];

fn stopped(vm: &mut VmSide) {
    (vm.pid, vm.qemu, vm.handle, vm.guest) = (None, None, HandleSide::None, Guest::NotAsked);
}

fn whole(evidence: &mut Evidence, guest: Guest) {
    let vm = VmSide { form: Form::Controller, key: "hostpci".into(), handle: HandleSide::None, guest, ..vm(275) };
    *evidence = Evidence { vms: vec![vm], ..absent() };
}

#[test]
fn a_guest_without_an_agent_is_nobody_to_ask() {
    let mut evidence = samples::healthy();
    evidence.vms[0].guest = Guest::NoAgent;
    let found = diagnose(&evidence);
    assert_eq!(worst(&found), (State::GuestUnknown, Severity::Ok));
    assert!(found[0].text.contains("was not asked: its agent is not enabled"), "{found:?}");
    assert!(found[0].next.as_ref().unwrap().starts_with("qm set 275 --agent 1"), "{found:?}");
    // Without a handle that is known to be live, nothing is known.
    evidence.vms[0].handle = HandleSide::Unknown("hidepid".into());
    assert_eq!(worst(&diagnose(&evidence)), (State::GuestUnknown, Severity::Warning));
    evidence.vms[0].handle = HandleSide::Stale("gone".into());
    assert_eq!(worst(&diagnose(&evidence)), (State::QemuStale, Severity::Critical));
}

#[test]
fn each_state_is_told_from_its_evidence() {
    for (name, state, severity, change) in CASES {
        let mut evidence = healthy();
        change(&mut evidence);
        let found = diagnose(&evidence);
        assert_eq!(worst(&found), (*state, *severity), "{name}: {found:#?}");
    }
}

#[test]
fn every_state_is_in_the_table() {
    for state in State::ALL {
        assert!(CASES.iter().any(|(_, other, _, _)| other == state), "{state}");
    }
}

#[test]
fn whatever_is_wrong_says_what_to_type() {
    for (name, _, _, change) in CASES {
        let mut evidence = healthy();
        change(&mut evidence);
        for finding in diagnose(&evidence).iter().filter(|finding| finding.severity == Severity::Critical) {
            assert!(finding.next.is_some(), "{name}: {finding:?}");
        }
    }
}

#[test]
fn the_sentence_carries_the_evidence() {
    let text = |change: Change| {
        let mut evidence = healthy();
        change(&mut evidence);
        let found = diagnose(&evidence);
        found.iter().map(|finding| finding.text.as_str()).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(
        text(|e| e.vms[0].handle = HandleSide::Stale("/dev/bus/usb/002/003 (deleted)".into())),
        "the QEMU of VM 275 (frigate) holds a dead handle: /dev/bus/usb/002/003 (deleted); its guest goes on listing it all the same"
    );
    let other = text(|e| {
        e.vms[0].handle = HandleSide::None;
        host(e).holders = vec![holder(276)];
    });
    assert_eq!(other, "the QEMU of VM 275 (frigate) does not hold it: VM 276 (pid 4711) has it");
    let used = text(|e| {
        e.vms[0].handle = HandleSide::None;
        host(e).holders = vec![HolderSide { pid: 812, command: "python3".into(), vmid: None }];
    });
    assert_eq!(used, "the QEMU of VM 275 (frigate) does not hold it: pid 812 (python3) has it open");
    let instead = text(|e| {
        *e = absent();
        e.missed.instead = Some(KEYBOARD.to_string());
    });
    assert_eq!(instead, "the host lists neither 1a6e:089a nor 18d1:9302 at 2-3; 046d:c31c is there instead");
}

prop_compose! {
    fn guests()(n in 0..5, ids in proptest::collection::vec(prop_oneof![Just(BLANK), Just(READY), Just(KEYBOARD)], 0..3)) -> Guest {
        match n {
            0 => Guest::NotAsked,
            1 | 2 => Guest::Unknown("why".into()),
            _ => Guest::listing(ids),
        }
    }
}

prop_compose! {
    fn handles()(n in 0..4) -> HandleSide {
        match n {
            0 => HandleSide::Live,
            1 => HandleSide::Stale("x".into()),
            2 => HandleSide::None,
            _ => HandleSide::Unknown("x".into()),
        }
    }
}

prop_compose! {
    fn vms()(
        vmid in 1u32..4, form in prop_oneof![Just(Form::Port), Just(Form::Id), Just(Form::Mapping), Just(Form::Controller)],
        means in any::<Option<Result<String, String>>>(), fits in any::<bool>(), blank in any::<Option<bool>>(),
        pid in any::<Option<i32>>(), told in any::<Option<(bool, Option<bool>)>>(), handle in handles(), guest in guests(),
        given in 0usize..3, source in "\\PC{0,9}",
    ) -> VmSide {
        let qemu = told.map(|(exists, attached)| Ok(QemuSide { exists, attached, options: String::new() }));
        let mapping_id = blank.map(|blank| if blank { BLANK } else { READY });
        VmSide { vmid, form, source, means, fits, mapping_id, pid, qemu, handle, guest, given, ..VmSide::default() }
    }
}

prop_compose! {
    fn hosts()(
        id in prop_oneof![Just(BLANK), Just(READY), (any::<u16>(), any::<u16>()).prop_map(|(a, b)| UsbId(a, b))],
        speed_mbps in any::<Option<u32>>(), authorized in any::<Option<bool>>(), configuration in 0..3,
        runtime_status in any::<Option<String>>(), drivers in any::<Vec<Option<String>>>(),
        over_current in any::<Option<u32>>(), twins in 0usize..3, holder_vm in any::<Option<Option<u32>>>(), port in "\\PC{0,9}",
    ) -> HostSide {
        let configuration = match configuration {
            0 => Configuration::Empty,
            1 => Configuration::Unknown,
            _ => Configuration::Value("1".into()),
        };
        let holders = holder_vm.map(|vmid| HolderSide { pid: 1, command: String::new(), vmid }).into_iter().collect();
        HostSide {
            port, id, speed_mbps, runtime_status, authorized, configuration, drivers, over_current, twins, holders,
            ..HostSide::default()
        }
    }
}

prop_compose! {
    fn anything()(
        host in proptest::option::of(hosts()), vms in proptest::collection::vec(vms(), 0..4),
        not_given_to in any::<Option<(u32, Option<String>)>>(), counts in any::<Option<[u32; 5]>>(), resets_allowed in any::<u32>(),
        port in any::<Option<String>>(), controller in any::<Option<String>>(),
    ) -> Evidence {
        let events = counts.map(|[resets, link_errors, config_refused, over_current, controller_died]| Events {
            resets, link_errors, config_refused, over_current, controller_died, last: Some("x".into()),
        });
        let missed = Missed { port, controller, ..Missed::default() };
        Evidence { host, missed, vms, not_given_to, events, resets_allowed, ..Evidence::default() }
    }
}

proptest! {
    #[test]
    fn no_evidence_makes_it_panic(evidence in anything()) {
        let found = diagnose(&evidence);
        prop_assert!(!found.is_empty());
        let _ = crate::coral::cure::rungs(&evidence, &found, true);
        // What is not treated is told as left, whatever it is.
        let treated = !crate::coral::cure::rungs(&evidence, &found, false).is_empty();
        let left = !crate::coral::left::left(&evidence, &found, false).is_empty();
        prop_assert_eq!(worst(&found).1 > Severity::Ok, treated || left, "{:?}", found);
        let _ = crate::coral::offer::advice(&evidence, &found, false, false);
    }

    #[test]
    fn an_unknown_guest_alone_is_never_critical(evidence in anything(), why in "\\PC{0,9}") {
        let mut silent = evidence.clone();
        for vm in &mut silent.vms {
            vm.guest = Guest::NotAsked;
        }
        // With a whole controller there is nobody else to ask.
        let without = worst(&diagnose(&silent)).1;
        for vm in &mut silent.vms {
            vm.guest = Guest::Unknown(why.clone());
        }
        let with = diagnose(&silent);
        prop_assert!(worst(&with).1 <= without.max(Severity::Warning), "{with:?}");
        let unknown = |finding: &&Finding| finding.state == State::GuestUnknown;
        prop_assert!(with.iter().filter(unknown).all(|finding| finding.severity == Severity::Warning));
        prop_assert!(with.iter().all(|finding| finding.state != State::GuestMissing));
    }

    #[test]
    fn what_is_listed_in_the_guest_is_never_called_fine_without_a_live_handle(evidence in anything()) {
        if let (Some(_), Some(vm)) = (&evidence.host, evidence.vms.first())
            && vm.pid.is_some() && vm.form != Form::Controller && vm.handle != HandleSide::Live
        {
            prop_assert!(worst(&diagnose(&evidence)).1 > Severity::Ok);
        }
    }
}
