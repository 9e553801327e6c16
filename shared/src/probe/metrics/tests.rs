//! What Prometheus gets is what Prometheus understands: by a parser of our own for everything, and by the reference one.

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
use proptest::prelude::*;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Write as _,
    process::{Command, Stdio},
    sync::Arc,
    time::Instant,
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

fn text(readings: Vec<Reading>, format: Format) -> String {
    let mut out = String::new();
    let own = Own { cpu: Some(1.5), resident: Some(9 << 20) };
    render_with(&snapshot(readings), &own, NOW, format, &mut out);
    out
}

/// A name with its labels.
type Series = (String, Vec<(String, String)>);

/// The value of each series. It knows nothing of how they were written, and takes nothing that is not allowed.
fn parse(text: &str, format: Format) -> Result<BTreeMap<Series, f64>, String> {
    let mut series = BTreeMap::new();
    let mut families = BTreeSet::new();
    let (mut family, mut kind) = (String::new(), String::new());
    let mut lines = text.strip_suffix('\n').ok_or("no newline at the end")?.split('\n').peekable();
    while let Some(line) = lines.next() {
        if line == "# EOF" {
            let last = format == Format::OpenMetrics && lines.peek().is_none();
            return if last { Ok(series) } else { Err("EOF before the end".into()) };
        }
        if let Some(rest) = line.strip_prefix("# ") {
            let mut words = rest.splitn(3, ' ');
            let (what, name, rest) = (words.next(), words.next().unwrap_or_default(), words.next().unwrap_or_default());
            match what {
                Some("HELP") if families.insert(name.to_owned()) => name.clone_into(&mut family),
                Some("TYPE") if name == family => rest.clone_into(&mut kind),
                Some("UNIT") if name == family && family.ends_with(&format!("_{rest}")) => {}
                _ => return Err(format!("{line:?}")),
            }
            continue;
        }
        let end = line.find(['{', ' ']).ok_or("no value")?;
        let (name, mut rest) = line.split_at(end);
        let suffix = match (format, kind.as_str()) {
            (Format::OpenMetrics, "counter") => "_total",
            (Format::OpenMetrics, "info") => "_info",
            (Format::Text004, "counter") if !name.ends_with("_total") => return Err(format!("{line:?}")),
            _ => "",
        };
        if name != format!("{family}{suffix}") {
            return Err(format!("{line:?} in {family}"));
        }
        let mut labels = Vec::new();
        while rest.starts_with(['{', ',']) {
            let (name, value) = rest[1..].split_once("=\"").ok_or("no label")?;
            let mut text = String::new();
            let mut chars = value.char_indices();
            let close = loop {
                match chars.next().ok_or("no end of a label")? {
                    (_, '\\') => text.push(match chars.next().ok_or("no end of a label")?.1 {
                        'n' => '\n',
                        c @ ('\\' | '"') => c,
                        c => return Err(format!("\\{c}")),
                    }),
                    (at, '"') => break at,
                    (_, c) => text.push(c),
                }
            };
            labels.push((name.to_owned(), text));
            rest = value[close + 1..].strip_prefix('}').unwrap_or(&value[close + 1..]);
        }
        let value: f64 = rest.trim_start().parse().map_err(|e| format!("{line:?}: {e}"))?;
        if series.insert((name.to_owned(), labels), value).is_some() {
            return Err(format!("twice: {line}"));
        }
    }
    if format == Format::OpenMetrics { Err("no EOF".into()) } else { Ok(series) }
}

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
fn nothing_at_all_is_valid_too() {
    for format in [Format::Text004, Format::OpenMetrics] {
        let mut out = String::new();
        render(&Snapshot::default(), NOW, format, &mut out);
        let series = parse(&out, format).unwrap();
        assert!(!series.keys().any(|(name, _)| name.contains("discovery_age") || name.contains("recoveries")), "{out}");
    }
}

#[test]
fn ten_thousand_vms_of_an_api_are_few_bytes_and_soon_written() {
    let readings = (0..10_000).map(|n| listed(100 + n, Status::Healthy)).collect();
    let snapshot = snapshot(readings);
    let mut out = String::new();
    let started = Instant::now();
    render(&snapshot, NOW, Format::OpenMetrics, &mut out);
    let took = started.elapsed();
    eprintln!("{} bytes in {took:?}", out.len());
    assert!(out.len() < 1_800_000, "{}", out.len());
    // The bound is for a build that is not optimised, beside others.
    assert!(took.as_millis() < 2000, "{took:?}");
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

/// The reference parser is Python's; where it is not installed, that is said aloud.
#[test]
fn the_reference_parser_agrees() {
    const CHECK: &str = "
import sys
try:
    from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
    from prometheus_client.parser import text_string_to_metric_families as plain
except ImportError:
    sys.exit(77)
text = sys.stdin.read()
families = list((openmetrics if sys.argv[1] == 'openmetrics' else plain)(text))
print(sum(len(family.samples) for family in families))
";
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".into());
    for (word, format) in [("openmetrics", Format::OpenMetrics), ("plain", Format::Text004)] {
        let text = text(vec![full("111", "a \"b\" \\ c\nd"), listed(112, Status::Stopped)], format);
        let child =
            Command::new(&python).args(["-c", CHECK, word]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let output = child.and_then(|mut child| {
            let mut stdin = child.stdin.take().unwrap();
            let _ = stdin.write_all(text.as_bytes());
            drop(stdin);
            child.wait_with_output()
        });
        match output {
            Ok(output) if output.status.code() != Some(77) => {
                let count = text.lines().filter(|line| !line.starts_with('#')).count();
                assert!(output.status.success(), "{text}");
                assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), count.to_string());
            }
            _ => {
                let message = "SKIPPED: prometheus_client is not installed (pip install prometheus_client)\n";
                let _ = std::io::stderr().write_all(message.as_bytes());
                return;
            }
        }
    }
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn every_name_comes_back(id in any::<String>(), name in any::<String>(), level in any::<f64>()) {
        let mut reading = full(&id, &name);
        reading.evidence.fast = Some(Arc::new(Fast { cpu: known(level), ..fast() }));
        for format in [Format::Text004, Format::OpenMetrics] {
            let text = text(vec![reading.clone(), reading.clone()], format);
            let series = parse(&text, format).map_err(TestCaseError::fail)?;
            let shown = |text: &str| -> String {
                text.chars().take(128).map(|c| if c.is_control() && c != '\n' { ' ' } else { c }).collect()
            };
            let info = series.keys().find(|(of, _)| of == "vm_probe_vm_info").unwrap();
            prop_assert_eq!(&info.1[0].1, &shown(&id));
            prop_assert_eq!(&info.1[1].1, &shown(&name));
        }
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
