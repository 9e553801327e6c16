//! Where instances come from: each source lists them in its own way, and the [`Directory`] decides which one is asked.

mod api;
pub mod directory;
mod file;
mod known;
mod kubernetes;
mod local;
mod tasks;

pub use directory::Directory;

use crate::fault::Fault;
use anyhow::Error;

/// A name, and what else stands in a column.
const NAME: usize = 100;
/// A sentence.
const SENTENCE: usize = 400;

/// The sentence and the advice of whatever went wrong.
fn told(error: &Error) -> (String, Option<String>) {
    let next = error.chain().find_map(|cause| cause.downcast_ref::<Fault>()).and_then(|fault| fault.next.clone());
    (crate::plain::plain(&format!("{error:#}"), SENTENCE), next)
}
