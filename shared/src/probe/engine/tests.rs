//! The engine on a tree that stands in for a host.

use super::*;
use crate::{
    probe::verdict::Status,
    pve::qmp::fake::{fails, returns, serve},
};
use serde_json::json;
use std::{fs, time::Instant};

struct World {
    dir: tempfile::TempDir,
    engine: Engine,
}

impl World {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(prepare: impl FnOnce(&Host)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::new(dir.path());
        for place in [host.vm_configs(), host.qemu_run(), host.proc()] {
            fs::create_dir_all(place).unwrap();
        }
        // A procfs, also when the last process has gone.
        fs::write(host.proc().join("stat"), "").unwrap();
        fs::write(host.vm_configs().join("111.conf"), "name: a\n").unwrap();
        prepare(&host);
        let deadline = Deadline::after(Duration::from_secs(30));
        let session = Session::new(host, Config::default(), deadline, Log::new("test", -1), Output::new(true));
        Self { engine: Engine::start(&session).unwrap(), dir }
    }

    fn wait(&self, wanted: impl Fn(&Snapshot) -> bool) -> Arc<Snapshot> {
        let begun = Instant::now();
        loop {
            let snapshot = self.engine.snapshot();
            if wanted(&snapshot) {
                return snapshot;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "{snapshot:?}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn host(&self) -> Host {
        Host::new(self.dir.path())
    }
}

fn status(snapshot: &Snapshot, id: &str) -> Option<Status> {
    snapshot.reading(id).map(|reading| reading.verdict.status)
}

#[test]
fn what_comes_and_goes_is_seen_when_somebody_asks_for_it() {
    let world = World::new();
    world.wait(|snapshot| status(snapshot, "111") == Some(Status::Stopped));
    fs::write(world.host().vm_configs().join("112.conf"), "name: b\n").unwrap();
    fs::remove_file(world.host().vm_configs().join("111.conf")).unwrap();
    world.engine.refresh();
    let snapshot = world.wait(|snapshot| status(snapshot, "112") == Some(Status::Stopped));
    assert!(snapshot.reading("111").is_none());
    assert_eq!(snapshot.reading("112").unwrap().recovery.max_attempts, recover::MOST);
}

#[test]
fn events_are_told_and_the_record_outlives_the_engine() {
    let world = World::new();
    let (told, events) = std::sync::mpsc::channel();
    let told = Mutex::new(told);
    world.engine.subscribe(Box::new(move |event| drop(told.lock().unwrap().send(event.clone()))));
    // What is known already when it is first recorded is no event.
    world.wait(|_| world.engine.history("111").is_some());
    // A pid file that nobody took along: it ought to run, and does not.
    fs::write(world.host().qemu_run().join("111.pid"), "4711\n").unwrap();
    world.engine.refresh();
    world.wait(|snapshot| status(snapshot, "111") == Some(Status::Unhealthy));
    let is_it = |event: Event| event.id.as_deref() == Some("111") && event.kind == "status";
    assert!(std::iter::from_fn(|| events.recv_timeout(Duration::from_secs(60)).ok()).any(is_it));
    world.engine.stop();
    let record = history::read(&world.host(), "111").expect("nothing was saved");
    assert!(record.json().to_string().contains("unhealthy"));
}

#[test]
fn nothing_is_recovered_that_is_not_there_or_not_ill() {
    let world = World::new();
    world.wait(|snapshot| status(snapshot, "111") == Some(Status::Stopped));
    assert_eq!(world.engine.recover("112", true), Err(Refusal::NoSuchInstance));
    assert!(matches!(world.engine.recover("111", true), Err(Refusal::Refused(_))));
    world.engine.stop();
    assert_eq!(world.engine.recover("111", true), Err(Refusal::Refused("the daemon is ending".into())));
}

/// VM 111 runs, and its machine was stopped by a disk that failed.
fn ill(host: &Host) {
    fs::create_dir_all(host.process(4711)).unwrap();
    fs::write(host.qemu_run().join("111.pid"), "4711\n").unwrap();
    let line = ["/usr/bin/kvm", "-id", "111", "-pidfile", "/var/run/qemu-server/111.pid", ""].join("\0");
    fs::write(host.process(4711).join("cmdline"), line).unwrap();
    let stat = "4711 (kvm) S 1 1 1 0 -1 4194624 1 0 0 0 100 50 0 0 20 0 4 0 4711 3000000000 500000 0\n";
    fs::write(host.process(4711).join("stat"), stat).unwrap();
    serve(host, 111, |command, _| match command {
        "query-status" => returns(json!({ "status": "io-error", "running": false })),
        _ => fails("CommandNotFound", "no such command"),
    });
}

#[test]
fn what_hangs_while_a_recovery_is_planned_holds_up_nobody() {
    let world = World::with(|host| {
        ill(host);
        fs::write(host.at("hangs"), "").unwrap();
    });
    world.wait(|snapshot| status(snapshot, "111") == Some(Status::Unhealthy));
    fs::write(world.host().vm_configs().join("112.conf"), "name: b\n").unwrap();
    world.engine.refresh();
    world.wait(|snapshot| status(snapshot, "112") == Some(Status::Stopped));
    let why = |snapshot: &Snapshot| snapshot.reading("111").unwrap().recovery.refused_because.clone();
    world.wait(|snapshot| why(snapshot).as_deref() == Some(planner::NO_ANSWER));
    let begun = Instant::now();
    for _ in 0..3 {
        assert_eq!(world.engine.recover("111", true), Err(Refusal::Refused(planner::NO_ANSWER.into())));
    }
    // One of them waits for four seconds, the others for nothing.
    assert!(begun.elapsed() < Duration::from_millis(11_500), "{:?}", begun.elapsed());
    assert!(world.engine.history("111").is_some());

    fs::remove_file(world.host().at("hangs")).unwrap();
    let snapshot = world.wait(|snapshot| why(snapshot).as_deref() != Some(planner::NO_ANSWER));
    assert_eq!(snapshot.reading("111").unwrap().recovery.plan, ["QMP 111: cont"]);
}

/// The configuration that such a file is.
fn configuration(text: &str) -> Config {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), text).unwrap();
    Config::load(file.path(), "config.toml", true).unwrap()
}

#[test]
fn another_configuration_is_taken_at_once_and_what_is_known_stays() {
    let world = World::with(ill);
    world.engine.configure(configuration("[probe]\nfast = \"1h\"\ndeep = \"1h\"\ndiscovery = \"1h\"")).unwrap();
    let seen = |snapshot: &Snapshot| {
        let evidence = &snapshot.reading("111")?.evidence;
        Some((evidence.fast.as_ref()?.at, evidence.deep.as_ref()?.at))
    };
    let unhealthy = |snapshot: &Snapshot| status(snapshot, "111") == Some(Status::Unhealthy);
    let before = seen(&world.wait(|snapshot| seen(snapshot).is_some() && unhealthy(snapshot))).unwrap();
    let policy = "[probe]\nfast = \"200ms\"\ndeep = \"200ms\"\n[probe.recovery]\nqemu = true";
    world.engine.configure(configuration(policy)).unwrap();
    assert!(unhealthy(&world.engine.snapshot()), "what was known is gone");
    let anew = |snapshot: &Snapshot| seen(snapshot).is_some_and(|seen| seen.0 > before.0 && seen.1 > before.1);
    assert!(unhealthy(&world.wait(anew)));
    assert!(world.engine.shared.config().probe.recovery.qemu);

    // One that is no good changes nothing.
    let error = world.engine.configure(configuration("[probe.checks.a]\nvms = []")).unwrap_err();
    assert_eq!(error.to_string(), "config.toml:1: [probe.checks.a]: say exactly one of command, tcp, http and guest");
    assert!(world.engine.shared.config().probe.recovery.qemu);
}

#[test]
fn a_check_that_is_as_before_keeps_its_answer() {
    use crate::probe::{classify::samples, evidence::Checked, service::Listing};
    let dir = tempfile::tempdir().unwrap();
    let host = Host::new(dir.path());
    let two = configuration("[probe.checks.a]\ntcp = \"a:1\"\n[probe.checks.b]\ntcp = \"b:1\"");
    let mut store = Store::new(&host, &two.probe).unwrap();
    store.list(Arc::new(Listing { at: 1, instances: vec![Arc::new(samples::instance())], ..Listing::default() }), 1);
    for name in ["a", "b"] {
        let checked = Checked {
            at: 1,
            took: 1,
            passed: Some(true),
            detail: String::new(),
            class: crate::config::probe::Class::Qemu,
        };
        store.checked("111", name, checked);
    }
    let one = configuration("[probe.checks.a]\ntcp = \"a:1\"\n[probe.checks.b]\ntcp = \"b:2\"");
    store.configure(&host, &one.probe).unwrap();
    let slot = store.slots.get_mut("111").unwrap();
    assert_eq!(slot.evidence.checks.keys().collect::<Vec<_>>(), ["a"]);
}

#[test]
fn a_plan_for_another_state_than_there_is_now_is_not_taken() {
    use crate::probe::{classify::Patience, classify::samples, service::Recovery};
    let mut slot = slot::Slot::new(Arc::clone(&samples::evidence(|_, _, _| {}).instance), Patience::default());
    let recovery = Recovery { needed: true, plan: vec!["a command".into()], ..Recovery::default() };
    let old = planner::Answer { question: slot.question().unwrap(), recovery: recovery.clone(), ready: true };
    slot.is_now(&Arc::clone(&old.question.evidence.instance));
    assert!(!slot.planned(&old) && slot.recovery.plan.is_empty());
    // It is asked about again, and that answer is taken.
    assert!(slot.question().is_none());
    slot.ask_again();
    let new = planner::Answer { question: slot.question().unwrap(), recovery, ready: true };
    assert!(slot.planned(&new) && slot.recovery.plan == ["a command"]);
    slot.healing = true;
    assert!(!slot.planned(&new), "one is under way already");
}

#[test]
fn a_clock_that_is_set_back_keeps_nobody_from_being_asked() {
    use crate::{
        config::probe::Settings,
        probe::{classify::samples, service::Listing},
    };
    const HOUR: u64 = 3_600_000;
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings { agent: true, ..Settings::default() };
    let mut store = Store::new(&Host::new(dir.path()), &settings).unwrap();
    let mut instance = samples::instance();
    instance.health_url = Some("http://x/health".into());
    let listing = Listing { at: 1, instances: vec![Arc::new(instance)], ..Listing::default() };
    store.list(Arc::new(listing), 10 * HOUR);
    let mut round = |now: u64| {
        let asked = store.deep_due(now, 9).len();
        store.slots.iter_mut().for_each(|slot| slot.asking = false);
        let (remote, slow, _) = store.others_due(now);
        (asked, remote.len(), slow.len())
    };
    assert_eq!([round(10 * HOUR), round(10 * HOUR + 1000)], [(1, 1, 1), (0, 0, 0)]);
    assert_eq!([round(9 * HOUR), round(9 * HOUR + 1000)], [(1, 1, 1), (0, 0, 0)], "set back by an hour");
    assert_eq!(round(9 * HOUR + 16_000), (1, 1, 0), "and in step again");
    assert_eq!(round(11 * HOUR), (1, 1, 1), "set forward");

    // A recovery looks for itself, as long as it can have time left to do so.
    let slot = store.slots.iter_mut().next().unwrap();
    (slot.healing, slot.heals_since, slot.deep_due) = (true, 11 * HOUR, 0);
    assert!(store.deep_due(11 * HOUR + 299_000, 9).is_empty());
    assert_eq!(store.deep_due(11 * HOUR + 400_000, 9).len(), 1, "one that hangs hides nothing");
}
