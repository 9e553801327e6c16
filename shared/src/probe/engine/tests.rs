//! The engine on a tree that stands in for a host.

use super::*;
use crate::probe::verdict::Status;
use std::{fs, time::Instant};

struct World {
    dir: tempfile::TempDir,
    engine: Engine,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::new(dir.path());
        for place in [host.vm_configs(), host.qemu_run(), host.proc()] {
            fs::create_dir_all(place).unwrap();
        }
        fs::write(host.vm_configs().join("111.conf"), "name: a\n").unwrap();
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
            assert!(begun.elapsed() < Duration::from_secs(10), "{snapshot:?}");
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
    assert!(std::iter::from_fn(|| events.recv_timeout(Duration::from_secs(5)).ok()).any(is_it));
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
