//! The report of one QEMU, as a container offers it on `/health`; and the same shape for a whole host.

use super::{clean, machine, network, timestamp, vm};
use crate::probe::{
    service::{Reading, Snapshot},
    verdict::Status,
};
use serde_json::{Map, Value, json};

/// The report of one QEMU.
pub fn report(reading: &Reading, now: u64) -> Value {
    let evidence = &reading.evidence;
    json!({
        "timestamp": timestamp(now),
        "overall_status": reading.verdict.status,
        "qemu_healthy": machine::qemu_healthy(evidence),
        "video": machine::video(evidence, now),
        "audio": machine::audio(evidence, now),
        "performance": machine::performance(evidence, now),
        "network": network::network(evidence, now),
        "qemu": machine::qemu(evidence, now),
        "disk": machine::disk(evidence, now),
        "instance": clean(&evidence.instance.id),
        "failure_type": reading.verdict.failure_type,
        "errors": vm::errors(reading),
    })
}

/// The same shape for all VMs of a host: what belongs to one VM alone is null, what is the host's is told.
pub fn host_report(snapshot: &Snapshot, now: u64) -> Value {
    let readings = &snapshot.readings;
    // One VM is its host's report.
    if let [only] = readings.as_slice() {
        return report(only, now);
    }
    let count = |status| readings.iter().filter(|reading| reading.verdict.status == status).count();
    let worst = if snapshot.listing.at == 0 {
        Status::Unknown
    } else {
        readings.iter().map(|reading| reading.verdict.status).max().unwrap_or(Status::Healthy)
    };
    let flags: Vec<_> = readings.iter().map(|reading| machine::qemu_healthy(&reading.evidence)).collect();
    let qemu_healthy = match () {
        () if flags.contains(&false.into()) => Value::from(false),
        () if flags.contains(&true.into()) => true.into(),
        () => Value::Null,
    };
    let first = readings.iter().find(|reading| reading.evidence.fast.is_some());
    let host = first.map(|reading| machine::performance(&reading.evidence, now)).unwrap_or_default();
    let own = |key: &str| host.get(key).cloned().unwrap_or_default();
    json!({
        "timestamp": timestamp(now),
        "overall_status": worst,
        "qemu_healthy": qemu_healthy,
        "video": nothing(&["vnc_available", "display_active", "estimated_frame_rate", "vnc_port", "display"]),
        "audio": nothing(&["pulse_running", "audio_devices", "alsa_devices", "estimated_level", "audio_backend"]),
        "performance": {
            "cpu_usage": own("cpu_usage"), "memory_usage": own("memory_usage"), "load_average": own("load_average"),
            "qemu_cpu": null, "qemu_memory": null, "qemu_pid": null,
        },
        "network": nothing(&["bridge_up", "tap_up", "tx_packets", "rx_packets", "tx_errors", "rx_errors"]),
        "instances": {
            "total": readings.len(),
            "healthy": count(Status::Healthy),
            "degraded": count(Status::Degraded),
            "unhealthy": count(Status::Unhealthy),
            "stopped": count(Status::Stopped),
            "unknown": count(Status::Unknown),
        },
    })
}

fn nothing(keys: &[&str]) -> Value {
    keys.iter().map(|key| ((*key).to_owned(), Value::Null)).collect::<Map<_, _>>().into()
}
