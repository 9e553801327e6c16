//! Follows the pods in a thread of its own: one list, then a watch after the other, and a list again only where a watch
//! cannot go on.

use super::{
    Cluster, Pod, Pods, Refused,
    pod::Version,
    watch::{self, Change},
};
use crate::{clock, deadline::Deadline, fault::Fault, web::Trouble};
use std::{
    collections::BTreeMap,
    hash::{BuildHasher, RandomState},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

/// How long one list may take.
const LISTING: Duration = Duration::from_secs(30);

/// Every watch ends before that, and its end is heard: whoever is silent for longer, in milliseconds, follows no more.
const SILENCE: u64 = (watch::SECONDS + 60) * 1000;

/// How long to wait before it is tried again.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// After the first failure; twice that after the next, and so on.
    pub first: Duration,
    /// At most.
    pub most: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { first: Duration::from_secs(1), most: Duration::from_secs(30) }
    }
}

/// What is known at a moment.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// The pods, by name.
    pub pods: BTreeMap<String, Pod>,
    /// When the cluster said so, or that nothing has changed, in milliseconds since 1970; 0 never.
    pub at: u64,
    /// Why it does not say any more.
    pub failure: Option<Fault>,
    /// How often all pods were listed: once, where nothing goes wrong.
    pub lists: u64,
    /// How often something went wrong.
    pub failures: u64,
}

/// The thread that follows, until this is dropped.
#[derive(Debug)]
pub struct Follow {
    cluster: Cluster,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    known: Known,
    ended: bool,
}

impl Shared {
    /// Whoever panicked while holding it has left whole values behind.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Known)) {
        change(&mut self.lock().known);
        self.changed.notify_all();
    }

    /// Sleeps; whether it is to go on afterwards.
    fn sleep(&self, time: Duration) -> bool {
        let until = Instant::now() + time;
        let mut state = self.lock();
        while !state.ended {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        false
    }
}

impl Follow {
    /// Begins to follow.
    pub fn start(cluster: Cluster, pace: Pace) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let (its_cluster, its_shared) = (cluster.clone(), Arc::clone(&shared));
        thread::Builder::new().name("pods".to_owned()).spawn(move || run(&its_cluster, &its_shared, pace))?;
        Ok(Self { cluster, shared })
    }

    /// What is known. At the beginning it waits for the first answer, until the deadline.
    pub fn known(&self, deadline: &Deadline) -> Known {
        let mut state = self.shared.lock();
        while state.known.at == 0 && state.known.failure.is_none() {
            let left = deadline.remaining();
            if left.is_zero() {
                break;
            }
            state = self.shared.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        let mut known = state.known.clone();
        let silent = clock::millis().saturating_sub(known.at);
        if known.at > 0 && known.failure.is_none() && silent > SILENCE {
            let what = format!("{}: nothing was heard for {} s", self.cluster.what(), silent / 1000);
            known.failure = Some(Fault::problem(what).next("kubectl rollout restart deployment/vm-probe"));
        }
        known
    }
}

#[cfg(test)]
impl Follow {
    /// Tells later whether the thread has ended.
    pub(super) fn ended(&self) -> impl Fn() -> bool + use<> {
        let shared = Arc::downgrade(&self.shared);
        move || shared.strong_count() == 0
    }
}

impl Drop for Follow {
    fn drop(&mut self) {
        self.shared.lock().ended = true;
        self.shared.changed.notify_all();
        self.cluster.web.shut();
    }
}

/// How it went on.
enum Left {
    /// All pods are known: now they can be watched.
    Listed,
    /// The server ended it, as it does every few minutes: the next goes on from there.
    Ended,
    /// Its version is too old.
    Expired,
    /// Something failed.
    Failed(Fault),
}

fn run(cluster: &Cluster, shared: &Shared, pace: Pace) {
    let mut version = Version::default();
    let mut failures = 0_u32;
    loop {
        let began = Instant::now();
        let left = if version.is_known() {
            follow(cluster, shared, &mut version)
        } else {
            list(cluster, shared, &mut version)
        };
        let wait = match left {
            Left::Listed => Duration::ZERO,
            Left::Ended if began.elapsed() > pace.first => Duration::ZERO,
            // A server that ends each watch at once is not asked without a pause either.
            Left::Ended => back_off(pace, &mut failures),
            Left::Expired => {
                version = Version::default();
                // Everybody's watch expires at the same moment; not everybody has to list at the same moment.
                back_off(pace, &mut failures)
            }
            Left::Failed(fault) => {
                shared.change(|known| {
                    known.failure = Some(fault);
                    known.failures += 1;
                });
                back_off(pace, &mut failures)
            }
        };
        if began.elapsed() > pace.most {
            failures = 0;
        }
        if !shared.sleep(wait) {
            return;
        }
    }
}

fn back_off(pace: Pace, failures: &mut u32) -> Duration {
    let wait = pace.first.saturating_mul(1 << (*failures).min(10)).min(pace.most);
    *failures += 1;
    wait + jitter(wait)
}

/// Anything up to this long.
fn jitter(most: Duration) -> Duration {
    let random = RandomState::new().hash_one(0_u8);
    #[allow(clippy::cast_precision_loss)]
    most.mul_f64(random as f64 / u64::MAX as f64)
}

fn list(cluster: &Cluster, shared: &Shared, version: &mut Version) -> Left {
    match cluster.list(&Deadline::after(LISTING)) {
        Ok(Pods { version, .. }) if !version.is_known() => {
            let what = format!("{}: the list names no version, so it cannot be followed", cluster.what());
            Left::Failed(Fault::problem(what).next("is that a Kubernetes API? kubectl cluster-info"))
        }
        Ok(Pods { pods, version: read_at }) => {
            *version = read_at;
            shared.change(|known| {
                let (lists, failures) = (known.lists + 1, known.failures);
                *known = Known { pods, at: clock::millis(), failure: None, lists, failures };
            });
            Left::Listed
        }
        Err(fault) => Left::Failed(fault),
    }
}

/// Watches from a version on, which moves with what is told.
fn follow(cluster: &Cluster, shared: &Shared, version: &mut Version) -> Left {
    // The server ends it by itself before that; one that does not is gone without a word.
    let deadline = Deadline::after(Duration::from_secs(watch::SECONDS + 30));
    let mut watch = match cluster.watch(version, &deadline) {
        Ok(watch) => watch,
        Err(Refused::Expired) => return Left::Expired,
        Err(Refused::Failed(fault)) => return Left::Failed(fault),
    };
    shared.change(|known| {
        known.failure = None;
        known.at = clock::millis();
    });
    loop {
        let (changed, at) = match watch.next() {
            Ok(Some(Change::Other)) => continue,
            Ok(Some(Change::Error(status))) if status.is_expired() => return Left::Expired,
            Ok(Some(Change::Error(status))) => {
                let fault = status.fault(&cluster.what(), cluster.namespace());
                *version = Version::default();
                return Left::Failed(fault);
            }
            Ok(Some(Change::Bookmark(at))) => (None, at),
            Ok(Some(Change::Here(pod, at))) => (Some((pod, true)), at),
            Ok(Some(Change::Gone(pod, at))) => (Some((pod, false)), at),
            // Ended, or cut off: whatever was not told will be, from this version on.
            Ok(None) | Err(Trouble::BrokenOff | Trouble::Late(_) | Trouble::Unreachable(_)) => return Left::Ended,
            Err(trouble) => {
                // What could not be read may have been a change.
                *version = Version::default();
                return Left::Failed(cluster.access.unanswered(&cluster.what(), &trouble));
            }
        };
        if at.is_known() {
            *version = at;
        }
        shared.change(|known| {
            known.at = clock::millis();
            match changed {
                Some((pod, true)) => drop(known.pods.insert(pod.name.clone(), pod)),
                Some((pod, false)) => drop(known.pods.remove(&pod.name)),
                None => {}
            }
        });
    }
}
