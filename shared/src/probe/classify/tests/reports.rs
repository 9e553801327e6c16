//! What others say of a VM: the list of a cluster, the report of a pod.

use super::*;

fn reported(status: &str, online: Option<bool>, cpu: f64) -> Evidence {
    let reported = Reported { status: status.into(), node_online: online, cpu: Some(cpu), ..Reported::default() };
    let origin = Instance::new("111", Origin::Api);
    Evidence::new(Arc::new(Instance {
        reported: Some(reported),
        seen_at: NOW,
        node: Some("pve2".into()),
        qmp: None,
        vmid: Some(111),
        ..origin
    }))
}

#[test]
fn what_a_clusters_list_says_is_all_that_is_known() {
    for (status, online, cpu, expected, found) in [
        ("running", Some(true), 0.1, Status::Healthy, ""),
        ("running", None, 0.99, Status::Degraded, "cpu"),
        ("stopped", Some(true), 0.0, Status::Stopped, ""),
        ("unknown", Some(true), 0.0, Status::Unknown, ""),
        // Its node is offline: no failure of the VM's, and one that was off is off.
        ("unknown", Some(false), 0.0, Status::Unknown, ""),
        ("running", Some(false), 0.99, Status::Unknown, ""),
        ("stopped", Some(false), 0.0, Status::Stopped, ""),
    ] {
        let verdict = judge(&reported(status, online, cpu));
        assert_eq!((verdict.status, symptoms(&verdict).join(" ").as_str()), (expected, found), "{status}");
    }
    let mut template = reported("unknown", Some(false), 0.0);
    Arc::make_mut(&mut template.instance).template = true;
    assert_eq!(judge(&template).status, Status::Stopped);
    let unseen = judge(&reported("running", Some(false), 0.0));
    assert_eq!((unseen.failure_type, unseen.recovery_needed), (FailureType::None, false));
    assert!(unseen.notes.iter().any(|note| note.starts_with("node pve2 is offline")), "{:?}", unseen.notes);
    let old = classify(&reported("running", None, 0.1), &Limits::default(), NOW + 600_000);
    assert_eq!(old.status, Status::Unknown);
}

#[test]
fn a_report_is_believed_and_null_is_unknown() {
    let all_null = json!({
        "overall_status": null, "qemu_healthy": null, "video": { "vnc_available": null },
        "audio": { "pulse_running": null }, "network": { "bridge_up": null, "tap_up": null, "tx_errors": null },
        "performance": { "cpu_usage": null },
    });
    let well = json!({ "overall_status": "healthy", "qemu_healthy": true, "network": { "tx_errors": 900_000 },
        "audio": { "pulse_running": false, "audio_backend": "none" } });
    for (report, unreachable, status, failure, found) in [
        (Ok(well), false, Status::Healthy, FailureType::None, ""),
        (Ok(all_null), false, Status::Unknown, FailureType::None, ""),
        (Ok(json!("garbage")), false, Status::Unknown, FailureType::None, ""),
        (Ok(json!({ "qemu_healthy": true })), false, Status::Healthy, FailureType::None, ""),
        (Ok(json!({ "qemu_healthy": false })), false, Status::Unhealthy, FailureType::Qemu, "reported:qemu"),
        (
            Ok(json!({ "overall_status": "degraded", "video": { "vnc_available": false } })),
            false,
            Status::Degraded,
            FailureType::Qemu,
            "reported:video",
        ),
        (Ok(json!({ "overall_status": "unhealthy" })), false, Status::Unhealthy, FailureType::Qemu, "reported:overall"),
        (
            Ok(json!({ "qemu_healthy": false, "network": { "tap_up": false } })),
            false,
            Status::Unhealthy,
            FailureType::Mixed,
            "reported:qemu reported:network",
        ),
        (Err("Connection refused"), true, Status::Unhealthy, FailureType::Network, "unreachable"),
        (Err("404 Not Found"), false, Status::Unknown, FailureType::None, ""),
    ] {
        let verdict = judge(&remote(report, unreachable));
        assert_eq!(symptoms(&verdict).join(" "), found, "{verdict:?}");
        assert_eq!((verdict.status, verdict.failure_type), (status, failure), "{found}");
    }
}

#[test]
fn a_pod_that_starts_is_not_unreachable_and_one_that_failed_is_ill() {
    let mut evidence = remote(Err("Connection refused"), true);
    let pod = |power, phase: &str| {
        let pod = Pod { phase: phase.into(), ..Pod::default() };
        Arc::new(Instance { power, pod: Some(pod), ..Instance::new("emulator-0", Origin::Kubernetes) })
    };
    evidence.instance = pod(Power::Starting, "Running");
    assert_eq!((judge(&evidence).status, judge(&evidence).problems.len()), (Status::Unknown, 0));
    evidence.instance = pod(Power::Stopped, "Failed");
    assert_eq!(symptoms(&judge(&evidence)), ["process_gone"]);
    evidence.instance = pod(Power::Stopped, "Succeeded");
    assert_eq!(judge(&evidence).status, Status::Stopped);
}
