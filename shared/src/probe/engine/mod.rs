//! The daemon's engine: every tier has its own rhythm and its own store, nobody who asks ever waits for a probe, and a VM
//! that hangs delays no other.

mod heal;
mod jobs;
mod planner;
mod rounds;
mod slot;
mod slots;
mod store;
#[cfg(test)]
mod tests;

use super::{
    history,
    may_hang::MayHang,
    recover::{self, AskedBy},
    service::{self, Event, Refusal, Service, Snapshot},
};
use crate::{config::Config, deadline::Deadline, host::Host, limits, log::Log, report::Output, session::Session};
use anyhow::{Context as _, Result};
use jobs::Jobs;
use serde_json::Value;
use std::{
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};
use store::Store;

/// A thread of ours keeps little on its stack.
const STACK: usize = 512 << 10;

/// How long the end waits for recoveries under way.
const LAST: Duration = Duration::from_secs(150);

/// How long the end waits for the disk that keeps the record.
const WRITE: Duration = Duration::from_secs(10);

type Listener = Box<dyn Fn(&Event) + Send + Sync>;

/// What the threads share.
struct Shared {
    host: Host,
    config: RwLock<Arc<Config>>,
    verbosity: i8,
    store: Mutex<Store>,
    shown: RwLock<Arc<Snapshot>>,
    listeners: Mutex<Vec<Listener>>,
    jobs: Jobs,
    /// Whether a discovery is asked for.
    asked: Mutex<bool>,
    bell: Condvar,
    stopping: AtomicBool,
    /// Recoveries under way.
    healing: AtomicUsize,
    /// What somebody asked who wants a recovery.
    glance: Mutex<MayHang<service::Recovery>>,
    /// Whether the record is being written.
    writing: AtomicBool,
}

/// The engine. Dropping it ends its threads.
pub struct Engine {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Engine {
    /// Starts to look.
    pub fn start(session: &Session) -> Result<Self> {
        limits::one_heap();
        let settings = &session.config.probe;
        let shared = Arc::new(Shared {
            host: session.host.clone(),
            config: RwLock::new(Arc::new(session.config.clone())),
            verbosity: session.log.verbosity(),
            store: Mutex::new(Store::new(&session.host, settings)?),
            shown: RwLock::default(),
            listeners: Mutex::default(),
            jobs: Jobs::default(),
            asked: Mutex::default(),
            bell: Condvar::new(),
            stopping: AtomicBool::new(false),
            healing: AtomicUsize::new(0),
            glance: Mutex::default(),
            writing: AtomicBool::new(false),
        });
        heal::interrupted(&shared);
        let engine = Self { shared, threads: Mutex::default() };
        engine.spawn("discovery", rounds::discovery)?;
        engine.spawn("fast", rounds::fast)?;
        engine.spawn("deep", rounds::deep)?;
        engine.spawn("judge", rounds::judge)?;
        Ok(engine)
    }

    fn spawn(&self, name: &str, work: fn(&Arc<Shared>)) -> Result<()> {
        let shared = Arc::clone(&self.shared);
        let thread = thread::Builder::new().name(name.into()).stack_size(STACK).spawn(move || work(&shared));
        self.threads().push(thread.with_context(|| format!("cannot start the thread {name}"))?);
        Ok(())
    }

    fn threads(&self) -> MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends it: nothing new is begun, and a recovery under way is waited for, as it may have stopped a VM and not yet
    /// started it again.
    pub fn stop(&self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        self.shared.bell.notify_all();
        for thread in self.threads().drain(..) {
            // A thread that panicked has said so.
            let _ = thread.join();
        }
        let until = Deadline::after(LAST);
        while self.shared.healing.load(Ordering::SeqCst) > 0 && !until.expired() {
            thread::sleep(Duration::from_millis(50));
        }
        let until = Deadline::after(WRITE);
        while self.shared.writes() && !until.expired() {
            thread::sleep(Duration::from_millis(10));
        }
        let rest = self.shared.store().recorder.rest(super::now());
        self.shared.write(rest);
        while self.shared.writes() && !until.expired() {
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The configuration that holds now.
    fn config(&self) -> Arc<Config> {
        Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn stops(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    fn log(&self) -> Log {
        Log::new("vm-probe", self.verbosity)
    }

    /// A session for one piece of work.
    fn session(&self, budget: Duration) -> Session {
        let config = Config::clone(&self.config());
        Session::new(self.host.clone(), config, Deadline::after(budget), self.log(), Output::new(true))
    }

    /// Sleeps, but not beyond the end; whether it goes on.
    fn rest(&self, time: Duration) -> bool {
        self.rest_by(&self.config(), time)
    }

    /// The same, but no longer than this configuration holds: by another one, something may be due at once.
    fn rest_by(&self, config: &Arc<Config>, time: Duration) -> bool {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let same = || Arc::ptr_eq(config, &self.config());
        let rested = self.bell.wait_timeout_while(asked, time, |_| !self.stops() && same());
        drop(rested);
        !self.stops()
    }

    /// Whether the record is being written.
    fn writes(&self) -> bool {
        self.writing.load(Ordering::SeqCst)
    }

    /// Writes the record, in a thread of its own: a disk that hangs holds up nobody else.
    fn write(self: &Arc<Self>, save: history::Save) {
        self.writing.store(true, Ordering::SeqCst);
        let shared = Arc::clone(self);
        let work = move || {
            if let Err(error) = save.write() {
                shared.log().info(&format!("history: {error:#}"));
            }
            shared.writing.store(false, Ordering::SeqCst);
        };
        if let Err(error) = thread::Builder::new().name("history".into()).stack_size(STACK).spawn(work) {
            self.log().info(&format!("history: cannot start a thread: {error}"));
            self.writing.store(false, Ordering::SeqCst);
        }
    }

    /// Shows what is known now.
    fn show(&self, snapshot: Snapshot) {
        *self.shown.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(snapshot);
    }

    fn tell(&self, events: &[Event]) {
        if events.is_empty() {
            return;
        }
        let listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        for event in events {
            listeners.iter().for_each(|listener| listener(event));
        }
    }
}

impl Service for Engine {
    fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.shared.shown.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn refresh(&self) {
        *self.shared.asked.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.shared.bell.notify_all();
    }

    fn configure(&self, config: Config) -> Result<()> {
        let shared = &self.shared;
        // Where this fails, all is as it was.
        shared.store().configure(&shared.host, &config.probe)?;
        *shared.config.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
        // What is looked for elsewhere now is looked for at once.
        self.refresh();
        Ok(())
    }

    fn recover(&self, id: &str, force: bool) -> Result<(), Refusal> {
        heal::ask(&self.shared, id, force, AskedBy::Api)
    }

    fn history(&self, id: &str) -> Option<Value> {
        self.shared.store().recorder.document(id)
    }

    fn recoveries(&self, id: &str) -> Vec<Value> {
        let entries = recover::entries(&self.shared.host, Some(id));
        entries.iter().filter_map(|entry| serde_json::to_value(entry).ok()).collect()
    }

    fn subscribe(&self, listener: Listener) {
        self.shared.listeners.lock().unwrap_or_else(PoisonError::into_inner).push(listener);
    }
}
