//! A place to die on purpose, so that tests can kill a program before each of its writes in turn.
//!
//! `PVE_HOOKS_CRASH_AT=7` ends the program with SIGKILL right before its seventh write; `after:7` right after the seventh
//! was handed to the kernel but before its answer is looked at.

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::sync::{
    OnceLock,
    atomic::{AtomicU32, Ordering},
};

struct Plan {
    at: u32,
    after: bool,
}

fn plan() -> Option<&'static Plan> {
    static PLAN: OnceLock<Option<Plan>> = OnceLock::new();
    PLAN.get_or_init(|| {
        let text = std::env::var("PVE_HOOKS_CRASH_AT").ok()?;
        let (after, number) = match text.strip_prefix("after:") {
            Some(number) => (true, number),
            None => (false, text.as_str()),
        };
        Some(Plan { at: number.parse().ok()?, after })
    })
    .as_ref()
}

static WRITES: AtomicU32 = AtomicU32::new(0);

/// Counts a write that is about to be made.
pub fn before_write() {
    if let Some(plan) = plan()
        && WRITES.fetch_add(1, Ordering::Relaxed) + 1 == plan.at
        && !plan.after
    {
        die();
    }
}

/// The write that was counted last is on its way.
pub fn write_handed_over() {
    if plan().is_some_and(|plan| plan.after && WRITES.load(Ordering::Relaxed) == plan.at) {
        die();
    }
}

fn die() {
    let _ = kill(Pid::this(), Signal::SIGKILL);
}
