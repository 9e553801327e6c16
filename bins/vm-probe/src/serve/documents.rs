//! Documents of a snapshot: made once, however many ask for them.

use super::{answer::Failure, now, target::Target};
use hyper::{StatusCode, body::Bytes};
use passthrough::{
    config::probe::Origin,
    probe::{
        document,
        service::{Reading, Snapshot},
    },
};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Documents tell ages, so that none is kept for longer, even if there is no newer snapshot.
const FRESH: Duration = Duration::from_secs(1);

/// What of a target is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// All of it.
    Whole,
    /// Without the origin of each figure and without what is no single one; or, of metrics, `OpenMetrics`.
    Other,
}

/// The documents of one snapshot.
#[derive(Default)]
pub struct Documents(Mutex<Option<Kept>>);

/// What a document is kept by.
pub type Key = (Target, Form);

struct Kept {
    snapshot: Arc<Snapshot>,
    since: Instant,
    made: HashMap<Key, Bytes>,
}

impl Documents {
    /// The document as it was made before, or made now.
    pub fn get(
        &self,
        snapshot: &Arc<Snapshot>,
        key: Key,
        make: impl FnOnce() -> Result<String, Failure>,
    ) -> Result<Bytes, Failure> {
        if let Some(made) = self.made(snapshot, &key) {
            return Ok(made);
        }
        make().map(|made| self.keep(snapshot, key, made))
    }

    /// The document as it was made before.
    pub fn made(&self, snapshot: &Arc<Snapshot>, key: &Key) -> Option<Bytes> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // What nobody can be given any more does not lie beside the one that is made in its place.
        kept.take_if(|kept| !kept.is_of(snapshot));
        kept.as_ref()?.made.get(key).cloned()
    }

    /// Keeps a document for those who ask next.
    pub fn keep(&self, snapshot: &Arc<Snapshot>, key: Key, made: String) -> Bytes {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = match &mut *kept {
            Some(kept) if kept.is_of(snapshot) => kept,
            other => other.insert(Kept { snapshot: snapshot.clone(), since: Instant::now(), made: HashMap::new() }),
        };
        let made = Bytes::from(made);
        kept.made.insert(key, made.clone());
        made
    }
}

impl Kept {
    fn is_of(&self, snapshot: &Arc<Snapshot>) -> bool {
        Arc::ptr_eq(&self.snapshot, snapshot) && self.since.elapsed() < FRESH
    }
}

/// There is no such instance: in these words, as front ends know them.
pub fn nobody() -> Failure {
    Failure::new(StatusCode::NOT_FOUND, "Instance not found")
}

/// The container's own report, or that of the host.
pub fn health(snapshot: &Snapshot) -> String {
    let own = snapshot.readings.iter().find(|reading| reading.evidence.instance.origin == Origin::Container);
    own.map_or_else(|| document::host_report(snapshot, now()), |own| document::report(own, now())).to_string()
}

/// How one instance is.
pub fn deep_health_of(snapshot: &Snapshot, id: &str, form: Form) -> Result<String, Failure> {
    let reading = snapshot.reading(id).ok_or_else(nobody)?;
    Ok(deep(reading, form).to_string())
}

/// How all are. One after the other becomes text: a thousand of them as values would be many times the size.
pub fn deep_health(snapshot: &Snapshot, form: Form) -> String {
    let readings = snapshot.readings.iter();
    map(readings.map(|reading| (reading.evidence.instance.id.as_str(), deep(reading, form))))
}

/// A map of documents.
pub fn map<'a>(entries: impl Iterator<Item = (&'a str, Value)>) -> String {
    let mut text = String::from("{");
    for (id, value) in entries {
        let comma = if text.len() > 1 { "," } else { "" };
        text.push_str(&format!("{comma}{}:{value}", Value::from(id)));
    }
    text.push('}');
    text
}

fn deep(reading: &Reading, form: Form) -> Value {
    let mut deep = document::deep_health(reading, now());
    if form == Form::Other {
        for block in deep["deepHealth"].as_object_mut().into_iter().flat_map(|report| report.values_mut()) {
            if let Some(block) = block.as_object_mut() {
                block.retain(|key, value| key != "figures" && !value.is_array() && !value.is_object());
            }
        }
    }
    deep
}

/// The instances; a failure while no source could be asked.
pub fn instances(snapshot: &Snapshot) -> Result<Value, Failure> {
    let listing = &snapshot.listing;
    // A source that was named and never answered has no instances either.
    if listing.at == 0 {
        let why = listing.attempts.iter().map(|attempt| format!("{}: {}", attempt.source.word(), attempt.detail));
        let why: Vec<_> = why.collect();
        let text = if why.is_empty() { "no discovery has ended yet".into() } else { why.join("; ") };
        return Err(Failure::new(StatusCode::SERVICE_UNAVAILABLE, text).retry_after(5).next("vm-probe discover"));
    }
    let told = listing.instances.iter().enumerate().map(|(n, instance)| {
        // Readings are in the list's order, but for a moment after a discovery.
        let here = snapshot.readings.get(n).filter(|reading| reading.evidence.instance.id == instance.id);
        let reading = here.or_else(|| snapshot.reading(&instance.id));
        document::instance(instance, reading.map(AsRef::as_ref))
    });
    Ok(told.collect::<Vec<_>>().into())
}

/// Where they come from.
pub fn discovery_info(snapshot: &Snapshot) -> String {
    document::discovery_info(&snapshot.listing, now()).to_string()
}

/// Whether answers mean anything: an instance list is there, and the rounds go on.
pub fn ready(snapshot: &Snapshot, overdue: Duration) -> Result<String, Failure> {
    let missing = |text: String| Err(Failure::new(StatusCode::SERVICE_UNAVAILABLE, text).retry_after(5));
    if snapshot.listing.at == 0 {
        return missing("no source of instances has answered yet".into());
    }
    let age = Duration::from_millis(now().saturating_sub(snapshot.at));
    if age > overdue {
        return missing(format!("the last round ended {} s ago", age.as_secs()));
    }
    let rounds = &snapshot.rounds;
    Ok(json!({
        "ready": true,
        "age_seconds": age.as_secs(),
        "instances": snapshot.readings.len(),
        "rounds_ms": { "fast": rounds.fast, "deep": rounds.deep, "discovery": rounds.discovery },
    })
    .to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use passthrough::probe::service::Listing;

    #[test]
    fn it_is_ready_from_the_first_discovery_on_and_while_rounds_end() {
        let mut snapshot = Snapshot { at: now(), ..Snapshot::default() };
        let told =
            |snapshot: &Snapshot| ready(snapshot, Duration::from_secs(30)).map_err(|failure| failure.status.as_u16());
        assert_eq!(told(&snapshot), Err(503));
        // It is known whom to ask, and that one has not answered.
        snapshot.listing = Arc::new(Listing { origin: Some(Origin::Pve), stale: true, ..Listing::default() });
        assert_eq!(told(&snapshot), Err(503));
        snapshot.listing = Arc::new(Listing { origin: Some(Origin::Pve), at: 1, ..Listing::default() });
        assert!(told(&snapshot).unwrap().contains("\"ready\":true"));
        snapshot.at -= 60_000;
        assert_eq!(told(&snapshot), Err(503));
    }
}
