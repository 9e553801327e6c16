//! The events of one VM: the newest of them, and which of those are not on disk yet.

use crate::{plain::plain, probe::service::Event};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::VecDeque;

/// The kinds that there are; what comes from a file is one of them.
const KINDS: [&str; 5] = ["status", "problem", "cleared", "recovery", "discovery"];
/// No sentence for people is longer.
const LONGEST: usize = 300;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When, in milliseconds since 1970.
    pub at: u64,
    /// `status`, `problem`, `cleared`, `recovery`, `discovery`.
    pub kind: String,
    /// A sentence for people.
    pub text: String,
    /// What came or went: the symptom of a problem, the status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
}

impl Entry {
    pub(super) fn new(at: u64, kind: &str, text: &str, about: Option<String>) -> Self {
        Self { at, kind: kind.to_owned(), text: clean(text), about }
    }

    /// As the document has it.
    pub(super) fn json(&self) -> Value {
        json!({ "at": self.at, "kind": self.kind, "text": self.text })
    }

    /// As those who listen get it.
    pub(super) fn told(&self, id: &str) -> Event {
        let kind = KINDS.into_iter().find(|kind| *kind == self.kind).unwrap_or("event");
        Event { at: self.at, kind, id: Some(id.to_owned()), text: self.text.clone() }
    }
}

/// What was written by somebody else, made fit for a terminal.
pub(super) fn clean(text: &str) -> String {
    plain(text, LONGEST)
}

/// The newest events, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Events {
    events: VecDeque<Entry>,
    unsaved: usize,
}

impl Events {
    pub(super) fn push(&mut self, event: Entry, most: usize) {
        // Those that the clock says to be still to come were before it was set back.
        for before in self.events.iter_mut().rev().take_while(|before| before.at > event.at) {
            before.at = event.at;
        }
        while self.events.len() >= most {
            self.events.pop_front();
        }
        self.events.push_back(event);
        self.unsaved = (self.unsaved + 1).min(self.events.len());
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.events.iter()
    }

    /// Those that are not on disk yet.
    pub(super) fn unsaved(&self) -> impl Iterator<Item = &Entry> {
        self.events.iter().skip(self.events.len() - self.unsaved)
    }

    pub(super) fn saved(&mut self) {
        self.unsaved = 0;
    }
}
