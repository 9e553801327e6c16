//! What Prometheus is told. Names are made for few bytes a VM: names of VMs and nodes stand in one series only, how a VM is
//! is one number, and what is not known or not there has no series at all.

mod daemon;
mod own;
mod table;
#[cfg(test)]
mod tests;
mod vm;
mod write;

pub use own::Own;
pub use table::{FAMILIES, Family, Kind};

use super::service::{Reading, Snapshot};
use std::collections::HashSet;
use table::Of;
use write::Samples;

/// In which form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// Prometheus' own text, version 0.0.4.
    #[default]
    Text004,
    /// `OpenMetrics` 1.0.
    OpenMetrics,
}

/// Writes all that is known at `now` (milliseconds since 1970).
pub fn render(snapshot: &Snapshot, now: u64, format: Format, out: &mut String) {
    render_with(snapshot, &Own::read(), now, format, out);
}

fn render_with(snapshot: &Snapshot, own: &Own, now: u64, format: Format, out: &mut String) {
    // A source that lists two by the same id must not make the whole invalid.
    let mut seen = HashSet::with_capacity(snapshot.readings.len());
    let vms: Vec<(String, &Reading)> = snapshot
        .readings
        .iter()
        .filter(|reading| seen.insert(reading.evidence.instance.id.as_str()))
        .map(|reading| (write::label("vmid", &reading.evidence.instance.id), reading.as_ref()))
        .collect();
    for family in FAMILIES {
        let mut samples = Samples::new(family, format, out);
        match family.of {
            Of::Daemon(write) => write(&daemon::Seen { snapshot, own, now }, &mut samples),
            Of::Vm(write) => {
                for (label, reading) in &vms {
                    samples.of(label);
                    write(reading, &mut samples);
                }
            }
        }
        samples.end();
    }
    if format == Format::OpenMetrics {
        out.push_str("# EOF\n");
    }
}
