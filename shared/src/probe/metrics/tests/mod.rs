//! What Prometheus gets is what Prometheus understands: by a parser of our own for everything, and by the reference one.

mod format;
mod series;

use super::*;
use crate::{
    config::probe::{Class, Origin},
    probe::{
        evidence::{Checked, Counters, Deep, Disk, Evidence, Fast, NicReading, Path, Qmp, Rates, Remote, Vnc},
        figure::Figure,
        instance::{Instance, Reported},
        service::{Listing, Recoveries, Recovery, Rounds},
        verdict::{FailureType, Problem, Status, Subsystem, Symptom, Verdict},
    },
};
use format::parse;
use proptest::prelude::*;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Write as _,
    process::{Command, Stdio},
    sync::Arc,
};

const NOW: u64 = 1_700_000_000_000;

fn unknown<T>() -> Figure<T> {
    Figure::unknown("test", "not there")
}

fn known<T>(value: T) -> Figure<T> {
    Figure::known("test", value)
}

fn fast() -> Fast {
    let nic = NicReading {
        key: "net0".into(),
        tap: "tap111i0".into(),
        bridge: Some("vmbr0".into()),
        link_down: false,
        present: known(true),
        up: known(true),
        path: known(Path::Down("vmbr0".into())),
        counters: known(Counters { rx_bytes: 7, tx_bytes: 9, rx_errors: 1, tx_errors: 2, ..Counters::default() }),
        rates: known(Rates::default()),
    };
    Fast {
        at: NOW - 3000,
        process: unknown(),
        cpu: known(12.34567),
        memory: known(1 << 30),
        memory_percent: known(50.0),
        pressure: unknown(),
        host_cpu: unknown(),
        host_memory: unknown(),
        load_average: unknown(),
        // The same card twice is told once.
        nics: known(vec![nic.clone(), nic]),
        sound: unknown(),
    }
}

fn deep() -> Deep {
    Deep {
        at: NOW - 9000,
        took: 2,
        qmp: Qmp::Ok,
        answered: Some(11),
        run_state: known("io-error".into()),
        disks: known(vec![Disk { name: "drive-scsi0".into(), written_bytes: 5, failed_writes: 1, ..Disk::default() }]),
        guest_memory: unknown(),
        migrating: unknown(),
        unplugged: unknown(),
        vnc: Vnc::Silent,
        vnc_clients: known(0),
        audio_device: unknown(),
    }
}

/// A VM of which everything is known.
fn full(id: &str, name: &str) -> Reading {
    let mut instance = Instance::new(id, Origin::Pve);
    name.clone_into(&mut instance.name);
    instance.node = Some("pve1".into());
    let problem = |symptom| Problem {
        symptom,
        class: Class::Network,
        subsystem: Subsystem::Network,
        status: Status::Unhealthy,
        text: String::new(),
        next: None,
    };
    let checked = Checked { at: NOW, took: 30, passed: Some(false), detail: String::new(), class: Class::Qemu };
    let silent = Checked { passed: None, ..checked.clone() };
    Reading {
        evidence: Evidence {
            fast: Some(Arc::new(fast())),
            deep: Some(Arc::new(deep())),
            checks: BTreeMap::from([("web \"x\"".into(), checked), ("silent".into(), silent)]),
            ..Evidence::new(Arc::new(instance))
        },
        verdict: Verdict {
            status: Status::Unhealthy,
            failure_type: FailureType::Network,
            problems: vec![problem(Symptom::BridgeDown("a".into())), problem(Symptom::BridgeDown("b".into()))],
            ..Verdict::default()
        },
        recovery: Recovery {
            needed: true,
            attempts_last_hour: 3,
            max_attempts: 3,
            refused_because: Some("used up".into()),
            ..Recovery::default()
        },
    }
}

/// One that a PVE API has listed.
fn listed(id: u32, status: Status) -> Reading {
    let mut instance = Instance::new(id.to_string(), Origin::Api);
    instance.name = format!("machine-{id}");
    instance.node = Some(format!("node{}", id % 16));
    let on = status != Status::Stopped;
    instance.reported = on.then(|| Reported {
        cpu: Some(f64::from(id % 997) / 997.0),
        memory: Some(u64::from(id) << 18),
        memory_total: Some(16 << 30),
        net_in: Some(1 << 40),
        ..Reported::default()
    });
    Reading {
        evidence: Evidence::new(Arc::new(instance)),
        verdict: Verdict { status, ..Verdict::default() },
        recovery: Recovery { max_attempts: 3, ..Recovery::default() },
    }
}

fn snapshot(readings: Vec<Reading>) -> Snapshot {
    let listing = Listing { origin: Some(Origin::Pve), at: NOW - 12_500, stale: true, ..Listing::default() };
    Snapshot {
        at: NOW - 1000,
        listing: Arc::new(listing),
        readings: readings.into_iter().map(Arc::new).collect(),
        rounds: Rounds { fast: 12, deep: 1500, discovery: 3 },
        recoveries: Some(Recoveries { cured: 1, failed: 2, refused: 3 }),
    }
}

#[test]
fn a_list_that_stands_in_for_a_source_is_not_called_fresh() {
    let told = |stands_in_for| {
        let listing = Listing { origin: Some(Origin::File), at: NOW, stands_in_for, ..Listing::default() };
        let mut out = String::new();
        let snapshot = Snapshot { listing: Arc::new(listing), ..snapshot(Vec::new()) };
        render_with(&snapshot, &Own::default(), NOW, Format::Text004, &mut out);
        out.contains("vm_probe_discovery_stale 1\n")
    };
    assert!(told(Some(Origin::Kubernetes)) && !told(None));
}

fn text(readings: Vec<Reading>, format: Format) -> String {
    let mut out = String::new();
    let own = Own { cpu: Some(1.5), resident: Some(9 << 20) };
    render_with(&snapshot(readings), &own, NOW, format, &mut out);
    out
}
