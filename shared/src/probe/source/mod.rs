//! Where instances come from: each source lists them in its own way, and the [`Directory`] decides which one is asked.

pub mod directory;
mod file;
mod local;
mod tasks;

pub use directory::Directory;

use crate::fault::Fault;
use anyhow::Error;
use std::time::{SystemTime, UNIX_EPOCH};

/// A name, and what else stands in a column.
const NAME: usize = 100;
/// A sentence.
const SENTENCE: usize = 400;

/// Milliseconds since 1970.
fn now() -> u64 {
    let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// The sentence and the advice of whatever went wrong.
fn told(error: &Error) -> (String, Option<String>) {
    let next = error.chain().find_map(|cause| cause.downcast_ref::<Fault>()).and_then(|fault| fault.next.clone());
    (crate::plain::plain(&format!("{error:#}"), SENTENCE), next)
}
