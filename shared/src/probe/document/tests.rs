//! What documents have to hold, whatever was measured.

use super::*;
use crate::{
    config::probe::{Class, Origin},
    probe::{
        evidence::{
            Counters, Deep, Evidence, Fast, NicReading, Path, Pressure, Process, ProcessState, Qmp, Remote, Vnc,
        },
        figure::Figure,
        instance::{Instance, Pod},
        service::{Listing, Reading, Snapshot},
        verdict::{FailureType, Problem, Status, Subsystem, Symptom, Verdict},
    },
};
use proptest::prelude::*;
use serde_json::json;
use std::sync::Arc;

const NOW: u64 = 1_700_000_010_000;

fn nic(tap: &str, path: Figure<Path>, up: Figure<bool>) -> NicReading {
    NicReading {
        key: "net0".into(),
        tap: tap.into(),
        bridge: Some("vmbr0".into()),
        link_down: false,
        present: Figure::known("netlink", true),
        up,
        path,
        counters: Figure::known("/proc/net/dev", Counters { tx_packets: 7, rx_errors: 1, ..Counters::default() }),
        rates: Figure::unknown("/proc/net/dev", "needs two readings"),
    }
}

fn reading(nics: Vec<NicReading>) -> Reading {
    let mut evidence = Evidence::new(Arc::new(Instance { vmid: Some(111), ..Instance::new("111", Origin::Pve) }));
    evidence.fast = Some(Arc::new(Fast {
        at: NOW - 3000,
        process: Figure::known("proc", Process { pid: 4711, state: ProcessState::Alive }),
        cpu: Figure::unknown("cgroup", "needs two readings"),
        memory: Figure::known("cgroup", 5),
        memory_percent: Figure::known("cgroup", 12.34),
        pressure: Figure::known("cgroup", Pressure::default()),
        host_cpu: Figure::known("/proc/stat", 1.0),
        host_memory: Figure::known("/proc/meminfo", 2.0),
        load_average: Figure::known("/proc/loadavg", 0.1),
        nics: Figure::known("/proc/net/dev", nics),
        sound: Figure::unknown("proc", "PVE has no sound server"),
    }));
    evidence.deep = Some(Arc::new(Deep {
        at: NOW - 9000,
        took: 2,
        qmp: Qmp::Ok,
        answered: Some(11),
        run_state: Figure::known("qmp query-status", "running".into()),
        disks: Figure::known("qmp query-block", Vec::new()),
        guest_memory: Figure::unknown("qmp", "no balloon"),
        migrating: Figure::known("qmp", false),
        unplugged: Figure::known("qmp", Vec::new()),
        vnc: Vnc::Silent,
        vnc_clients: Figure::known("qmp", 0),
        audio_device: Figure::known("qmp", false),
    }));
    Reading { evidence, verdict: Verdict::default(), recovery: crate::probe::service::Recovery::default() }
}

#[test]
fn every_figure_has_a_source_an_age_and_where_it_is_missing_a_reason() {
    let vm =
        vm(&reading(vec![nic("tap111i0", Figure::known("sysfs", Path::Whole), Figure::known("flags", true))]), NOW);
    assert_eq!(vm["performance"]["qemu_memory"], 12.3);
    assert_eq!(
        vm["performance"]["figures"]["qemu_cpu"],
        json!({"source": "cgroup", "age_seconds": 3, "reason": "needs two readings"})
    );
    assert_eq!(vm["performance"]["qemu_pid"], "4711");
    assert_eq!(vm["qemu"]["pid"], 4711);
    assert_eq!(vm["video"]["vnc_available"], false);
    assert_eq!(vm["video"]["display_active"], Value::Null);
    assert_eq!(vm["video"]["figures"]["display_active"]["reason"], "costly, and not asked for");
    for block in ["video", "audio", "performance", "network", "disk", "agent", "qemu"] {
        for (key, figure) in vm[block]["figures"].as_object().unwrap() {
            let missing = vm[block][key].is_null();
            assert_eq!(missing, figure["reason"].is_string(), "{block}.{key}: {figure}");
        }
    }
}

#[test]
fn a_network_is_up_only_if_all_of_it_is_and_down_if_any_is() {
    let whole = || nic("tap111i0", Figure::known("sysfs", Path::Whole), Figure::known("flags", true));
    let lost = nic("tap111i1", Figure::known("sysfs", Path::Missing("vmbr1".into())), Figure::unknown("flags", "?"));
    let dark = nic("tap111i2", Figure::unknown("sysfs", "no sysfs"), Figure::unknown("flags", "no netlink"));
    let flags = |nics| {
        let network = network::network(&reading(nics).evidence, NOW);
        (network["tap_up"].clone(), network["bridge_up"].clone())
    };
    assert_eq!(flags(vec![whole(), whole()]), (json!(true), json!(true)));
    assert_eq!(flags(vec![whole(), lost]), (Value::Null, json!(false)));
    assert_eq!(flags(vec![whole(), dark.clone()]), (Value::Null, Value::Null));
    let unplugged = NicReading { link_down: true, up: Figure::known("flags", false), ..dark };
    assert_eq!(flags(vec![whole(), unplugged.clone()]), (json!(true), json!(true)));
    assert_eq!(flags(vec![unplugged]), (Value::Null, Value::Null));
    assert_eq!(flags(vec![]), (Value::Null, Value::Null));
    assert_eq!(network::network(&reading(vec![whole(), whole()]).evidence, NOW)["tx_packets"], 14);
}

#[test]
fn what_an_instance_reports_of_itself_fills_gaps_and_never_overwrites() {
    let mut reading = reading(Vec::new());
    let report = json!({"qemu_healthy": true, "audio": {"pulse_running": false, "audio_devices": "many"},
        "performance": {"cpu_usage": 99, "qemu_cpu": 3.5}, "video": {"vnc_available": true, "display": "\u{1b}[2J:1"}});
    reading.evidence.remote = Some(Arc::new(Remote {
        at: NOW,
        url: "http://10.0.0.1:8080/health".into(),
        report: Ok(report),
        unreachable: false,
    }));
    let vm = vm(&reading, NOW);
    assert_eq!(vm["audio"]["pulse_running"], false);
    assert_eq!(vm["audio"]["figures"]["pulse_running"]["source"], "http://10.0.0.1:8080/health");
    assert_eq!(vm["audio"]["audio_devices"], Value::Null, "a text is no number");
    assert_eq!(vm["performance"]["cpu_usage"], 1.0);
    assert_eq!(vm["performance"]["qemu_cpu"], 3.5);
    assert_eq!(vm["video"]["vnc_available"], false);
    assert_eq!(vm["video"]["display"], "[2J:1");
}

#[test]
fn the_documents_have_the_keys_that_front_ends_read() {
    let mut reading = reading(Vec::new());
    reading.verdict = Verdict {
        status: Status::Unhealthy,
        failure_type: FailureType::Qemu,
        problems: vec![Problem {
            symptom: Symptom::VncSilent,
            class: Class::Qemu,
            subsystem: Subsystem::Video,
            status: Status::Unhealthy,
            text: "the VNC server says nothing".into(),
            next: None,
        }],
        notes: Vec::new(),
        recovery_needed: true,
    };
    let deep = deep_health(&reading, NOW);
    assert_eq!(deep["instanceId"], "111");
    assert_eq!(deep["timestamp"], "2023-11-14T22:13:27.000Z");
    assert_eq!((&deep["overallStatus"], &deep["failureType"]), (&json!("unhealthy"), &json!("qemu")));
    assert_eq!(deep["recoveryNeeded"], true);
    assert_eq!(deep["errors"], json!(["the VNC server says nothing"]));
    assert_eq!(deep["deepHealth"]["qemu_healthy"], true);
    let status = recovery_status(&reading, &[]);
    assert_eq!((&status["attempts"], &status["canRecover"]), (&json!(0), &json!(false)));
    let mut pod = Instance::new("p-0", Origin::Kubernetes);
    pod.pod = Some(Pod { name: "p-0".into(), namespace: "loco".into(), ip: Some("10.0.0.1".into()), ..Pod::default() });
    let told = instance(&pod, None);
    for key in
        ["id", "name", "description", "podName", "podIP", "streamUrl", "vncUrl", "healthUrl", "provisioned", "ready"]
    {
        assert!(told.get(key).is_some(), "{key}");
    }
    assert_eq!(told["kubernetes"]["namespace"], "loco");
    let info = discovery_info(&Listing::default(), NOW);
    assert_eq!(info["kubernetesDiscovery"]["lastDiscovery"], Value::Null);
    assert_eq!(info["ageSeconds"], Value::Null);
}

#[test]
fn a_host_without_vms_is_healthy_and_one_that_was_never_looked_at_is_not_known() {
    let mut snapshot = Snapshot::default();
    assert_eq!(host_report(&snapshot, NOW)["overall_status"], "unknown");
    snapshot.listing = Arc::new(Listing { origin: Some(Origin::Pve), at: NOW, ..Listing::default() });
    assert_eq!(host_report(&snapshot, NOW)["overall_status"], "healthy");
    assert_eq!(host_report(&snapshot, NOW)["qemu_healthy"], Value::Null);
}

proptest! {
    #[test]
    fn no_moment_and_no_text_is_too_strange(at: u64, now: u64, text in "\\PC*|[\\x00-\\x9f]*") {
        let _ = timestamp(at);
        let mut instance = Instance::new(text.clone(), Origin::File);
        instance.description = text;
        instance.seen_at = at;
        let reading = Reading {
            evidence: Evidence::new(Arc::new(instance)),
            verdict: Verdict::default(),
            recovery: crate::probe::service::Recovery::default(),
        };
        let told = format!("{}{}", vm(&reading, now), super::instance(&reading.evidence.instance, Some(&reading)));
        prop_assert!(!told.chars().any(char::is_control));
    }
}
