//! What there is to tell of one VM.

use super::write::Samples;
use crate::probe::{
    evidence::{Agent, Counters, Disk, Fast, NicReading, Path, Qmp, Remote, Vnc},
    figure::Figure,
    service::Reading,
};

/// More cards, disks or problems of one VM are not told.
const MOST: usize = 32;

pub(super) fn info(reading: &Reading, samples: &mut Samples<'_>) {
    let instance = &reading.evidence.instance;
    match &instance.node {
        Some(node) => samples.labelled(&[("name", &instance.name), ("node", node)], 1),
        None => samples.labelled(&[("name", &instance.name)], 1),
    }
}

pub(super) fn status(reading: &Reading, samples: &mut Samples<'_>) {
    samples.value(reading.verdict.status as u64);
}

/// By the kind of the symptom: which interface it is stands in the API, and would make series without end here.
pub(super) fn problem(reading: &Reading, samples: &mut Samples<'_>) {
    for problem in reading.verdict.problems.iter().take(MOST) {
        let symptom = problem.symptom.to_string();
        let symptom = symptom.split(':').next().unwrap_or_default();
        let class = match problem.class {
            crate::config::probe::Class::Network => "network",
            crate::config::probe::Class::Qemu => "qemu",
            crate::config::probe::Class::Client => "client",
        };
        samples.labelled(&[("class", class), ("symptom", symptom)], problem.status as u64);
    }
}

fn fast<T>(reading: &Reading, figure: fn(&Fast) -> &Figure<T>) -> Option<&T> {
    reading.evidence.fast.as_deref().and_then(|fast| figure(fast).get())
}

/// What an instance says of itself, where nothing of it is measured from here.
fn remote(reading: &Reading) -> Option<&Remote> {
    reading.evidence.remote.as_deref().filter(|_| reading.evidence.fast.is_none())
}

pub(super) fn cpu(reading: &Reading, samples: &mut Samples<'_>) {
    let reported = || reading.evidence.instance.reported.as_ref()?.cpu;
    let own = || remote(reading)?.cpu().map(|percent| percent / 100.0);
    let ratio = fast(reading, |fast| &fast.cpu).map(|percent| percent / 100.0).or_else(reported).or_else(own);
    samples.value(ratio.map(short));
}

#[allow(clippy::cast_precision_loss)] // Four places are kept.
pub(super) fn memory_ratio(reading: &Reading, samples: &mut Samples<'_>) {
    let reported = || {
        let reported = reading.evidence.instance.reported.as_ref()?;
        Some(reported.memory? as f64 / reported.memory_total.filter(|total| *total > 0)? as f64)
    };
    let own = || remote(reading)?.memory().map(|percent| percent / 100.0);
    let ratio =
        fast(reading, |fast| &fast.memory_percent).map(|percent| percent / 100.0).or_else(reported).or_else(own);
    samples.value(ratio.map(short));
}

/// Tenths of a percent: every VM has these two.
fn short(ratio: f64) -> f64 {
    (ratio * 1000.0).round() / 1000.0
}

pub(super) fn memory_bytes(reading: &Reading, samples: &mut Samples<'_>) {
    let own = || remote(reading)?.count(&["/performance/memory_bytes"]);
    samples.value(fast(reading, |fast| &fast.memory).copied().or_else(own));
}

pub(super) fn pressure(reading: &Reading, samples: &mut Samples<'_>) {
    let Some(pressure) = fast(reading, |fast| &fast.pressure) else { return };
    for (resource, percent) in [("cpu", pressure.cpu), ("memory", pressure.memory), ("io", pressure.io)] {
        samples.labelled(&[("resource", resource)], percent.map(|percent| percent / 100.0));
    }
}

fn nics(reading: &Reading) -> impl Iterator<Item = &NicReading> {
    fast(reading, |fast| &fast.nics).into_iter().flatten().take(MOST)
}

/// What the host transmits comes in to the guest.
pub(super) fn net_in(reading: &Reading, samples: &mut Samples<'_>) {
    each_counter(reading, samples, &["/network/tx_bytes"], |counters| counters.tx_bytes);
}

pub(super) fn net_out(reading: &Reading, samples: &mut Samples<'_>) {
    each_counter(reading, samples, &["/network/rx_bytes"], |counters| counters.rx_bytes);
}

pub(super) fn net_errors(reading: &Reading, samples: &mut Samples<'_>) {
    let own = ["/network/rx_errors", "/network/tx_errors"];
    each_counter(reading, samples, &own, |counters| counters.rx_errors.saturating_add(counters.tx_errors));
}

pub(super) fn net_drops(reading: &Reading, samples: &mut Samples<'_>) {
    let own = ["/network/rx_dropped", "/network/tx_dropped"];
    each_counter(reading, samples, &own, |counters| counters.rx_dropped.saturating_add(counters.tx_dropped));
}

/// Of each card; a report of its own has them of all cards together.
fn each_counter(reading: &Reading, samples: &mut Samples<'_>, own: &[&str], value: fn(&Counters) -> u64) {
    if let Some(count) = remote(reading).and_then(|remote| remote.count(own)) {
        samples.labelled(&[("nic", "all")], count);
    }
    for nic in nics(reading) {
        if let Some(counters) = nic.counters.get() {
            samples.labelled(&[("nic", &nic.key)], value(counters));
        }
    }
}

pub(super) fn net_path(reading: &Reading, samples: &mut Samples<'_>) {
    // Nothing is expected of a card whose cable is unplugged.
    for nic in nics(reading).filter(|nic| !nic.link_down) {
        if let Some(path) = nic.path.get() {
            samples.labelled(&[("nic", &nic.key)], *path == Path::Whole);
        }
    }
}

fn each_disk(reading: &Reading, samples: &mut Samples<'_>, value: fn(&Disk) -> u64) {
    let disks = reading.evidence.deep.as_deref().and_then(|deep| deep.disks.get());
    for disk in disks.into_iter().flatten().take(MOST) {
        samples.labelled(&[("disk", &disk.name)], value(disk));
    }
}

pub(super) fn disk_read(reading: &Reading, samples: &mut Samples<'_>) {
    each_disk(reading, samples, |disk| disk.read_bytes);
}

pub(super) fn disk_written(reading: &Reading, samples: &mut Samples<'_>) {
    each_disk(reading, samples, |disk| disk.written_bytes);
}

pub(super) fn disk_failures(reading: &Reading, samples: &mut Samples<'_>) {
    each_disk(reading, samples, |disk| disk.failed_reads.saturating_add(disk.failed_writes));
}

pub(super) fn qmp(reading: &Reading, samples: &mut Samples<'_>) {
    match reading.evidence.deep.as_deref().map(|deep| &deep.qmp) {
        Some(Qmp::Ok) => samples.value(true),
        Some(Qmp::Hung | Qmp::Absent | Qmp::Refused) => samples.value(false),
        Some(Qmp::Busy | Qmp::Unknown(_) | Qmp::NotAsked) | None => {}
    }
}

#[allow(clippy::cast_precision_loss)] // Milliseconds.
pub(super) fn answer(reading: &Reading, samples: &mut Samples<'_>) {
    let answered = reading.evidence.deep.as_deref().filter(|deep| deep.qmp == Qmp::Ok);
    samples.value(answered.map(|deep| deep.took as f64 / 1000.0));
}

pub(super) fn vnc(reading: &Reading, samples: &mut Samples<'_>) {
    match reading.evidence.deep.as_deref().map(|deep| &deep.vnc) {
        Some(Vnc::Banner(_)) => samples.value(true),
        Some(Vnc::Silent | Vnc::Refused | Vnc::Absent) => samples.value(false),
        Some(Vnc::Unknown(_) | Vnc::Stranger(_) | Vnc::NotAsked) => {}
        None => {
            let report = remote(reading).and_then(|remote| remote.report.as_ref().ok());
            samples.value(report.and_then(|report| report.pointer("/video/vnc_available")?.as_bool()));
        }
    }
}

pub(super) fn vnc_clients(reading: &Reading, samples: &mut Samples<'_>) {
    let clients = reading.evidence.deep.as_deref().and_then(|deep| deep.vnc_clients.get());
    samples.value(clients.map(|clients| u64::from(*clients)));
}

pub(super) fn frames(reading: &Reading, samples: &mut Samples<'_>) {
    let frames = reading.evidence.slow.as_deref().and_then(|slow| slow.frames.get());
    samples.value(frames.copied().or_else(|| remote(reading)?.number(&["/video/estimated_frame_rate"])));
}

pub(super) fn audio(reading: &Reading, samples: &mut Samples<'_>) {
    let level = reading.evidence.slow.as_deref().and_then(|slow| slow.audio_level.get());
    samples.value(level.copied().or_else(|| remote(reading)?.number(&["/audio/estimated_level"])));
}

pub(super) fn agent(reading: &Reading, samples: &mut Samples<'_>) {
    match reading.evidence.slow.as_deref().and_then(|slow| slow.agent.get()) {
        Some(Agent::Ok { .. }) => samples.value(true),
        Some(Agent::Silent) => samples.value(false),
        Some(Agent::Busy) | None => {}
    }
}

pub(super) fn check_passed(reading: &Reading, samples: &mut Samples<'_>) {
    for (name, checked) in &reading.evidence.checks {
        samples.labelled(&[("check", name)], checked.passed);
    }
}

#[allow(clippy::cast_precision_loss)] // Milliseconds.
pub(super) fn check_seconds(reading: &Reading, samples: &mut Samples<'_>) {
    for (name, checked) in reading.evidence.checks.iter().filter(|(_, checked)| checked.passed.is_some()) {
        samples.labelled(&[("check", name)], checked.took as f64 / 1000.0);
    }
}

pub(super) fn recovery_refused(reading: &Reading, samples: &mut Samples<'_>) {
    if reading.recovery.needed && reading.recovery.refused_because.is_some() {
        samples.value(true);
    }
}

pub(super) fn recovery_attempts(reading: &Reading, samples: &mut Samples<'_>) {
    if reading.recovery.attempts_last_hour > 0 {
        samples.value(reading.recovery.attempts_last_hour as u64);
    }
}

pub(super) fn recovery_left(reading: &Reading, samples: &mut Samples<'_>) {
    let recovery = &reading.recovery;
    if recovery.attempts_last_hour > 0 {
        samples.value(recovery.max_attempts.saturating_sub(recovery.attempts_last_hour) as u64);
    }
}
