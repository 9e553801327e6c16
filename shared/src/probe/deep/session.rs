//! A session with a monitor, as a matter of bytes alone: what came, and what that makes of it.

use super::{
    answer,
    facts::Facts,
    link::Link,
    questions::{BATCH, ORDER},
};
use crate::pve::qmp::Trouble;

/// How far it is.
#[derive(Debug, Default)]
pub(super) struct Session {
    /// Whether QEMU greeted: it serves us then, and nobody else.
    pub(super) greeted: bool,
    /// How many questions it answered.
    pub(super) answered: usize,
    /// The first answer that is none to a question of ours.
    pub(super) strange: Option<String>,
    /// What it said.
    pub(super) facts: Facts,
}

impl Session {
    /// Asks everything, before QEMU has greeted: it reads no word until it has, and both then come in one piece.
    pub(super) fn begin(link: &Link) -> Result<(), Trouble> {
        link.send(BATCH.as_bytes())
    }

    /// Takes what came; `true` when all is answered.
    pub(super) fn take(&mut self, link: &mut Link, bytes: &[u8]) -> Result<bool, Trouble> {
        link.lines(bytes, |line| {
            if !self.greeted {
                self.greeted = answer::is_greeting(line)?;
                return Ok(false);
            }
            let Some(question) = ORDER.get(self.answered) else { return Ok(true) };
            if self.facts.take(*question, self.answered as u64, line)? {
                self.answered += 1;
            } else if self.strange.is_none() {
                self.strange = answer::strange(line);
            }
            Ok(self.answered == ORDER.len())
        })
    }
}
