//! Which series there are, what they are called, and who counts on them.

use super::*;
use nix::time::{ClockId, clock_gettime};

#[test]
fn everything_that_is_known_is_there_and_nothing_else() {
    for format in [Format::Text004, Format::OpenMetrics] {
        let text = text(vec![full("111", "web")], format);
        let series = parse(&text, format).unwrap();
        for (line, there) in [
            ("vm_probe_vm_info{vmid=\"111\",name=\"web\",node=\"pve1\"} 1\n", true),
            ("vm_probe_status{vmid=\"111\"} 4\n", true),
            ("vm_probe_problem{vmid=\"111\",class=\"network\",symptom=\"bridge_down\"} 4\n", true),
            ("vm_probe_cpu_ratio{vmid=\"111\"} 0.123\n", true),
            ("vm_probe_net_in_bytes_total{vmid=\"111\",nic=\"net0\"} 9\n", true),
            ("vm_probe_net_errors_total{vmid=\"111\",nic=\"net0\"} 3\n", true),
            ("vm_probe_net_path_whole{vmid=\"111\",nic=\"net0\"} 0\n", true),
            ("vm_probe_vnc_up{vmid=\"111\"} 0\n", true),
            ("vm_probe_answer_seconds{vmid=\"111\"} 0.002\n", true),
            ("vm_probe_check_passed{vmid=\"111\",check=\"web \\\"x\\\"\"} 0\n", true),
            ("check=\"silent\"", false),
            ("vm_probe_recovery_attempts_left{vmid=\"111\"} 0\n", true),
            ("vm_probe_discovery_age_seconds 12.5\n", true),
            ("vm_probe_discovery_stale 1\n", true),
            ("vm_probe_oldest_reading_age_seconds{tier=\"deep\"} 9\n", true),
            ("tier=\"slow\"", false),
            ("vm_probe_instances{status=\"unhealthy\"} 1\n", true),
            ("vm_probe_recoveries_total{result=\"failed\"} 2\n", true),
            ("vm_probe_process_cpu_seconds_total 1.5\n", true),
            ("pressure", false),
            ("agent_up", false),
        ] {
            assert_eq!(text.contains(line), there, "{line}\n{text}");
        }
        assert_eq!(series.len(), text.lines().filter(|line| !line.starts_with('#')).count());
    }
}

#[test]
fn a_vm_that_is_off_has_two_series() {
    let text = text(vec![listed(100, Status::Stopped)], Format::Text004);
    assert_eq!(text.matches("vmid=\"100\"").count(), 2, "{text}");
}

#[test]
fn ten_thousand_vms_of_an_api_are_few_bytes_and_soon_written() {
    let readings = (0..10_000).map(|n| listed(100 + n, Status::Healthy)).collect();
    let snapshot = snapshot(readings);
    let mut out = String::new();
    // What a machine does meanwhile for others does not count.
    let clock = || std::time::Duration::from(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap());
    let started = clock();
    render(&snapshot, NOW, Format::OpenMetrics, &mut out);
    let took = clock().saturating_sub(started);
    eprintln!("{} bytes in {took:?}", out.len());
    assert!(out.len() < 1_800_000, "{}", out.len());
    // The bound is for a build that is not optimised, on a slow machine.
    assert!(took.as_millis() < 3000, "{took:?}");
    let series = parse(&out, Format::OpenMetrics).unwrap();
    assert_eq!(series.keys().filter(|(_, labels)| labels.iter().any(|(name, _)| name == "vmid")).count(), 40_000);
}

#[test]
fn the_names_are_as_the_rules_want_them() {
    let mut names = BTreeSet::new();
    for family in FAMILIES {
        assert!(names.insert(family.sample()), "{} twice", family.name);
        assert!(family.name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{}", family.name);
        assert!(!family.name.ends_with("_total") && !family.name.ends_with("_info"), "{}", family.name);
        assert!(!family.help.ends_with('.') && !family.help.contains(['\\', '\n']), "{}", family.help);
    }
}

#[test]
fn dashboard_and_alerts_name_only_what_there_is() {
    let known: BTreeSet<_> = FAMILIES.iter().map(Family::sample).collect();
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../snippets");
    for (file, fewest) in [("grafana/vm-probe.json", 15), ("prometheus/vm-probe.rules.yml", 8)] {
        let text = fs::read_to_string(dir.join(file)).unwrap();
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let named: BTreeSet<_> = words.filter(|word| word.starts_with("vm_probe_")).collect();
        for name in &named {
            assert!(known.contains(*name), "{file} names {name}, which there is not");
        }
        assert!(named.len() >= fewest, "{file} names only {named:?}");
    }
    let dashboard = fs::read_to_string(dir.join("grafana/vm-probe.json")).unwrap();
    serde_json::from_str::<serde_json::Value>(&dashboard).unwrap();
}

/// By Prometheus' own tool; where it is not installed, that is said aloud.
#[test]
fn the_alerts_fire_when_they_should() {
    let promtool = std::env::var("PROMTOOL").unwrap_or_else(|_| "promtool".into());
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/prometheus/vm-probe.test.yml");
    if let Ok(output) = Command::new(&promtool).args(["test", "rules", file]).output() {
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    } else {
        let message = "SKIPPED: promtool is not installed (apt install prometheus)\n";
        let _ = std::io::stderr().write_all(message.as_bytes());
    }
}

#[test]
fn what_a_pod_reports_of_itself_is_told_and_only_where_nothing_was_measured() {
    let report = serde_json::json!({
        "performance": { "cpu_usage": 25, "memory_usage": 50, "memory_bytes": 1024 },
        "network": { "rx_bytes": 10, "tx_bytes": 20, "rx_errors": 1, "tx_errors": 2, "rx_dropped": 1 },
        "video": { "estimated_frame_rate": 18, "vnc_available": true }, "audio": { "estimated_level": "loud" },
    });
    let remote = Remote { at: NOW, url: "http://x".into(), report: Ok(report), unreachable: false };
    let mut pod = listed(7, Status::Stopped);
    pod.evidence.remote = Some(Arc::new(remote.clone()));
    let told = parse(&text(vec![pod], Format::Text004), Format::Text004).unwrap();
    let value = |name: &str| told.iter().find(|((series, _), _)| series == name).map(|(_, value)| *value);
    for (name, expected) in [
        ("vm_probe_cpu_ratio", Some(0.25)),
        ("vm_probe_memory_ratio", Some(0.5)),
        ("vm_probe_memory_bytes", Some(1024.0)),
        ("vm_probe_net_in_bytes_total", Some(20.0)),
        ("vm_probe_net_out_bytes_total", Some(10.0)),
        ("vm_probe_net_errors_total", Some(3.0)),
        ("vm_probe_net_drops_total", None),
        ("vm_probe_frames_hertz", Some(18.0)),
        ("vm_probe_audio_level_ratio", None),
        ("vm_probe_vnc_up", Some(1.0)),
    ] {
        assert!(FAMILIES.iter().any(|family| family.sample() == name), "{name}");
        assert_eq!(value(name), expected, "{name}");
    }
    let mut here = full("111", "a");
    here.evidence.remote = Some(Arc::new(remote));
    let told = parse(&text(vec![here], Format::Text004), Format::Text004).unwrap();
    assert!(!told.keys().any(|(_, labels)| labels.contains(&("nic".into(), "all".into()))));
}
