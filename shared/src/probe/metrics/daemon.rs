//! What there is to tell of the daemon itself.

use super::{Own, write::Samples};
use crate::probe::{
    service::{Reading, Snapshot},
    verdict::Status,
};

/// What its figures are made of.
pub(super) struct Seen<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) own: &'a Own,
    pub(super) now: u64,
}

impl Seen<'_> {
    /// Seconds since then; `None` where that never was.
    #[allow(clippy::cast_precision_loss)] // Milliseconds.
    fn since(&self, at: u64) -> Option<f64> {
        (at > 0).then(|| self.now.saturating_sub(at) as f64 / 1000.0)
    }
}

pub(super) fn build(_: &Seen<'_>, samples: &mut Samples<'_>) {
    samples.labelled(&[("version", env!("CARGO_PKG_VERSION"))], 1);
}

pub(super) fn cpu(seen: &Seen<'_>, samples: &mut Samples<'_>) {
    samples.value(seen.own.cpu);
}

pub(super) fn memory(seen: &Seen<'_>, samples: &mut Samples<'_>) {
    samples.value(seen.own.resident);
}

pub(super) fn snapshot_age(seen: &Seen<'_>, samples: &mut Samples<'_>) {
    samples.value(seen.since(seen.snapshot.at));
}

pub(super) fn discovery(seen: &Seen<'_>, samples: &mut Samples<'_>) {
    if let Some(origin) = seen.snapshot.listing.origin {
        samples.labelled(&[("source", origin.word())], 1);
    }
}

pub(super) fn discovery_age(seen: &Seen<'_>, samples: &mut Samples<'_>) {
    samples.value(seen.since(seen.snapshot.listing.at));
}

pub(super) fn discovery_stale(seen: &Seen<'_>, samples: &mut Samples<'_>) {
    let listing = &seen.snapshot.listing;
    samples.value(listing.stale || listing.stands_in_for.is_some());
}

pub(super) fn instances(seen: &Seen<'_>, samples: &mut Samples<'_>) {
    for status in Status::ALL {
        let count = seen.snapshot.readings.iter().filter(|reading| reading.verdict.status == status).count();
        samples.labelled(&[("status", status.word())], count as u64);
    }
}

#[allow(clippy::cast_precision_loss)] // Milliseconds.
pub(super) fn rounds(seen: &Seen<'_>, samples: &mut Samples<'_>) {
    let rounds = seen.snapshot.rounds;
    for (tier, millis) in [("fast", rounds.fast), ("deep", rounds.deep), ("discovery", rounds.discovery)] {
        samples.labelled(&[("tier", tier)], millis as f64 / 1000.0);
    }
}

/// One figure for all: an age of each VM's would be as many series again.
pub(super) fn oldest(seen: &Seen<'_>, samples: &mut Samples<'_>) {
    type At = fn(&Reading) -> Option<u64>;
    let tiers: [(&str, At); 4] = [
        ("fast", |reading| Some(reading.evidence.fast.as_ref()?.at)),
        ("deep", |reading| Some(reading.evidence.deep.as_ref()?.at)),
        ("slow", |reading| Some(reading.evidence.slow.as_ref()?.at)),
        ("remote", |reading| Some(reading.evidence.remote.as_ref()?.at)),
    ];
    let on = || seen.snapshot.readings.iter().filter(|reading| reading.verdict.status != Status::Stopped);
    for (tier, at) in tiers {
        let oldest = on().filter_map(|reading| at(reading)).min();
        samples.labelled(&[("tier", tier)], oldest.and_then(|at| seen.since(at)));
    }
}

pub(super) fn recoveries(seen: &Seen<'_>, samples: &mut Samples<'_>) {
    if let Some(recoveries) = seen.snapshot.recoveries {
        for (result, count) in
            [("cured", recoveries.cured), ("failed", recoveries.failed), ("refused", recoveries.refused)]
        {
            samples.labelled(&[("result", result)], count);
        }
    }
}
