//! One block of figures: each key with its value or null, and beside them where each is from, how old, and why it is missing.

use super::clean;
use crate::{
    config::probe::Origin,
    probe::{evidence::Evidence, figure::Figure},
};
use serde::Serialize;
use serde_json::{Map, Value, json};

/// A block in the making.
pub struct Block<'a> {
    name: &'static str,
    evidence: &'a Evidence,
    now: u64,
    values: Map<String, Value>,
    figures: Map<String, Value>,
}

/// What JSON has to hold for a key, where somebody else reports it.
#[derive(Clone, Copy)]
pub enum Kind {
    Flag,
    Number,
    Text,
    /// Only what is measured here counts.
    Own,
}

/// A value with its origin.
pub struct Told {
    value: Value,
    source: String,
    at: Option<u64>,
    reason: Option<String>,
}

impl Told {
    /// A value that is known.
    pub fn known(value: impl Serialize, source: &str, at: u64) -> Self {
        let value = serde_json::to_value(value).unwrap_or_default();
        Self { value, source: source.to_owned(), at: Some(at), reason: None }
    }

    /// None, and why.
    pub fn unknown(source: &str, at: Option<u64>, reason: &str) -> Self {
        Self { value: Value::Null, source: source.to_owned(), at, reason: Some(clean(reason)) }
    }
}

impl<'a> Block<'a> {
    /// An empty block.
    pub fn new(name: &'static str, evidence: &'a Evidence, now: u64) -> Self {
        Self { name, evidence, now, values: Map::new(), figures: Map::new() }
    }

    /// What a figure tells, or that its tier was not measured.
    pub fn told<T, U: Serialize>(
        &self,
        tier: &'static str,
        figure: Option<(&Figure<T>, u64)>,
        change: impl FnOnce(&T) -> Option<U>,
    ) -> Told {
        let Some((figure, at)) = figure else { return Told::unknown(tier, None, self.unmeasured(tier)) };
        match &figure.value {
            Ok(value) => match change(value) {
                Some(value) => Told::known(value, figure.source, at),
                None => Told::unknown(figure.source, Some(at), "its source does not tell"),
            },
            Err(reason) => Told::unknown(figure.source, Some(at), reason),
        }
    }

    /// Why a tier has nothing.
    fn unmeasured(&self, tier: &'static str) -> &'static str {
        match (tier, self.evidence.instance.origin) {
            ("slow", _) => "costly, and not asked for",
            (_, Origin::Pve | Origin::Container) => "not measured yet",
            _ => "not measured from here",
        }
    }

    /// Puts a key in. Where nothing was measured here, what the instance reports of itself counts.
    pub fn put(&mut self, key: &str, kind: Kind, told: Told) {
        let told = if told.value.is_null() { self.reported(key, kind).unwrap_or(told) } else { told };
        self.figures.insert(
            key.to_owned(),
            json!({
                "source": told.source,
                "age_seconds": told.at.map(|at| self.now.saturating_sub(at) / 1000),
                "reason": told.reason,
            }),
        );
        self.values.insert(key.to_owned(), told.value);
    }

    /// What the instance says of itself.
    fn reported(&self, key: &str, kind: Kind) -> Option<Told> {
        let remote = self.evidence.remote.as_ref()?;
        let value = remote.report.as_ref().ok()?.get(self.name)?.get(key)?;
        let value = match (kind, value) {
            (Kind::Flag, Value::Bool(_)) | (Kind::Number, Value::Number(_)) => value.clone(),
            (Kind::Text, Value::String(text)) => clean(text).into(),
            _ => return None,
        };
        Some(Told { value, source: clean(&remote.url), at: Some(remote.at), reason: None })
    }

    /// Puts in what is no figure.
    pub fn plain(&mut self, key: &str, value: Value) {
        self.values.insert(key.to_owned(), value);
    }

    /// The value of a key that was put in.
    pub fn get(&self, key: &str) -> &Value {
        &self.values[key]
    }

    /// The block.
    pub fn done(mut self) -> Value {
        self.values.insert("figures".into(), self.figures.into());
        self.values.into()
    }
}
