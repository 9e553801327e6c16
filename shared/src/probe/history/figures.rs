//! What of the evidence goes into a reading. A tier that was not taken anew since the last reading gives nothing: what was
//! measured once is not written down twice.

use super::COLUMNS;
use crate::probe::{
    evidence::{Deep, Evidence, Fast, Rates, Remote},
    instance::Reported,
};

/// When each tier was taken that went in last, and the counters that rates are made of.
#[derive(Debug, Default)]
pub(super) struct Marks {
    fast: u64,
    deep: u64,
    slow: u64,
    reported: u64,
    remote: u64,
    disk: Option<u64>,
    net: Option<(u64, u64)>,
    errors: Option<u64>,
}

impl Marks {
    /// The figures in the order of [`COLUMNS`].
    pub(super) fn values(&mut self, evidence: &Evidence) -> [Option<f64>; COLUMNS.len()] {
        let mut values = [None; COLUMNS.len()];
        let [cpu, memory, rx, tx, errors, disk, frames, answer] = &mut values;
        if let Some(fast) = evidence.fast.as_deref().filter(|fast| anew(&mut self.fast, fast.at).is_some()) {
            *cpu = fast.cpu.get().copied();
            *memory = fast.memory_percent.get().copied();
            if let Some(rates) = rates(fast) {
                (*rx, *tx, *errors) = (Some(rates.rx_bytes), Some(rates.tx_bytes), Some(rates.errors));
            }
        } else if let Some(reported) = &evidence.instance.reported
            && let Some(elapsed) = anew(&mut self.reported, evidence.instance.seen_at)
        {
            *cpu = reported.cpu.map(|share| share * 100.0);
            *memory = share(reported);
            // What comes in to the guest is what the host transmits.
            let now = reported.net_out.zip(reported.net_in);
            let before = std::mem::replace(&mut self.net, now);
            if let Some((now, before)) = now.zip(before) {
                (*rx, *tx) = (rate(now.0, before.0, elapsed), rate(now.1, before.1, elapsed));
            }
        }
        if let Some(deep) = &evidence.deep
            && let Some(elapsed) = anew(&mut self.deep, deep.at)
        {
            *answer = answer_time(deep);
            let now =
                deep.disks.get().map(|disks| disks.iter().map(|d| d.read_bytes.saturating_add(d.written_bytes)).sum());
            let before = std::mem::replace(&mut self.disk, now);
            *disk = now.zip(before).and_then(|(now, before)| rate(now, before, elapsed));
        }
        if let Some(slow) = evidence.slow.as_deref().filter(|slow| anew(&mut self.slow, slow.at).is_some()) {
            *frames = slow.frames.get().copied();
        }
        if let Some(remote) = &evidence.remote
            && let Some(elapsed) = anew(&mut self.remote, remote.at)
        {
            let (measured, reported) = (evidence.fast.is_some(), evidence.instance.reported.is_some());
            if !measured && !reported {
                (*cpu, *memory) = (remote.cpu(), remote.memory());
                self.network(remote, elapsed, [rx, tx, errors]);
            }
            if evidence.slow.is_none() {
                *frames = remote.number(&["/video/estimated_frame_rate"]);
            }
        }
        values
    }

    /// What a report says of its network: rates, or counters of which rates are made.
    fn network(&mut self, remote: &Remote, elapsed: u64, [rx, tx, errors]: [&mut Option<f64>; 3]) {
        let counters = remote.count(&["/network/rx_bytes"]).zip(remote.count(&["/network/tx_bytes"]));
        let bytes = counters.zip(std::mem::replace(&mut self.net, counters));
        let failed = remote.count(&["/network/rx_errors", "/network/tx_errors"]);
        let failed = failed.zip(std::mem::replace(&mut self.errors, failed));
        let told = |key: &str| remote.number(&[key]);
        *rx = told("/network/rx_bytes_per_second").or_else(|| bytes.and_then(|(n, b)| rate(n.0, b.0, elapsed)));
        *tx = told("/network/tx_bytes_per_second").or_else(|| bytes.and_then(|(n, b)| rate(n.1, b.1, elapsed)));
        *errors = told("/network/errors_per_second").or_else(|| failed.and_then(|(n, b)| rate(n, b, elapsed)));
    }
}

/// The milliseconds since the last one, where this is another one.
fn anew(mark: &mut u64, at: u64) -> Option<u64> {
    let before = std::mem::replace(mark, at);
    (at != before).then(|| at.saturating_sub(before))
}

/// Per second; `None` where the counter began anew or the clock did.
#[allow(clippy::cast_precision_loss)] // Three digits are kept.
fn rate(now: u64, before: u64, millis: u64) -> Option<f64> {
    (millis > 0).then(|| now.checked_sub(before).map(|more| more as f64 * 1000.0 / millis as f64)).flatten()
}

#[allow(clippy::cast_precision_loss)]
fn share(reported: &Reported) -> Option<f64> {
    let total = reported.memory_total.filter(|total| *total > 0)?;
    Some(reported.memory? as f64 * 100.0 / total as f64)
}

/// Only an answer took a time: a monitor that hangs took the deadline's.
#[allow(clippy::cast_precision_loss)]
fn answer_time(deep: &Deep) -> Option<f64> {
    matches!(deep.qmp, crate::probe::evidence::Qmp::Ok).then_some(deep.took as f64)
}

/// Of all its cards; `None` where no card's are known.
fn rates(fast: &Fast) -> Option<Rates> {
    let known = fast.nics.get()?.iter().filter_map(|nic| nic.rates.get());
    known.fold(None, |sum, nic| {
        let sum = sum.unwrap_or_default();
        Some(Rates {
            rx_bytes: sum.rx_bytes + nic.rx_bytes,
            tx_bytes: sum.tx_bytes + nic.tx_bytes,
            errors: sum.errors + nic.errors,
            dropped: sum.dropped + nic.dropped,
        })
    })
}
