//! What a reading changes: the status, and problems that come and go.

use super::events::Entry;
use crate::probe::{
    service::Reading,
    verdict::{FailureType, Status},
};
use std::collections::BTreeMap;

/// More problems than that of one VM are not followed.
const MOST: usize = 32;

/// What was known by the last reading.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// `None` before the first one.
    pub(super) status: Option<Status>,
    /// The problems, with their texts, by their symptoms.
    problems: BTreeMap<String, String>,
}

impl Known {
    /// Takes up an event of the past, so that a restart of the daemon tells nothing twice.
    pub(super) fn replay(&mut self, event: &Entry) {
        match (event.kind.as_str(), &event.about) {
            ("status", Some(word)) => self.status = Status::ALL.into_iter().find(|status| status.word() == word),
            ("problem", Some(symptom)) => _ = self.problems.insert(symptom.clone(), event.text.clone()),
            ("cleared", Some(symptom)) => _ = self.problems.remove(symptom),
            _ => {}
        }
    }

    /// What is different now.
    pub(super) fn compare(&mut self, reading: &Reading, now: u64) -> Vec<Entry> {
        let verdict = &reading.verdict;
        let mut changes = Vec::new();
        if let Some(before) = self.status.replace(verdict.status)
            && before != verdict.status
        {
            let class = match verdict.failure_type {
                FailureType::None => String::new(),
                class => format!(" ({})", class.word()),
            };
            let text = format!("{} → {}{class}", before.word(), verdict.status.word());
            changes.push(Entry::new(now, "status", &text, Some(verdict.status.word().to_owned())));
        }
        let mut present = BTreeMap::new();
        for problem in verdict.problems.iter().take(MOST) {
            present.entry(problem.symptom.to_string()).or_insert_with(|| problem.text.clone());
        }
        for (symptom, text) in &present {
            if !self.problems.contains_key(symptom) {
                changes.push(Entry::new(now, "problem", text, Some(symptom.clone())));
            }
        }
        // Where nothing can be told, no problem is known to have gone.
        if verdict.status == Status::Unknown {
            self.problems.extend(present);
            return changes;
        }
        for symptom in self.problems.keys().filter(|symptom| !present.contains_key(*symptom)) {
            let text = format!("gone: {}", self.problems[symptom]);
            changes.push(Entry::new(now, "cleared", &text, Some(symptom.clone())));
        }
        self.problems = present;
        changes
    }
}
