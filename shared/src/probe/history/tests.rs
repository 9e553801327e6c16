//! What is remembered, across restarts, crashes and clocks that go wrong.

use super::*;
use crate::{
    config::probe::{Class, Origin},
    probe::{
        evidence::{Deep, Disk, Evidence, Qmp, Remote, Vnc},
        figure::Figure,
        instance::{Instance, Reported},
        service::Recovery,
        verdict::{FailureType, Problem, Status, Subsystem, Symptom, Verdict},
    },
};
use proptest::prelude::*;
use std::{fs, sync::Arc};

const START: u64 = 1_700_000_000_000;

fn reading(id: &str, status: Status, symptoms: &[Symptom]) -> Reading {
    let problem = |symptom: &Symptom| Problem {
        symptom: symptom.clone(),
        class: Class::Network,
        subsystem: Subsystem::Network,
        status,
        text: format!("{symptom} is\nwrong"),
        next: None,
    };
    let class = if symptoms.is_empty() { FailureType::None } else { FailureType::Network };
    let problems = symptoms.iter().map(problem).collect();
    Reading {
        evidence: Evidence::new(Arc::new(Instance::new(id, Origin::Pve))),
        verdict: Verdict { status, failure_type: class, problems, ..Verdict::default() },
        recovery: Recovery::default(),
    }
}

fn reported(id: &str, at: u64, net_in: u64) -> Reading {
    let mut instance = Instance::new(id, Origin::Api);
    instance.seen_at = at;
    instance.reported = Some(Reported {
        cpu: Some(0.25),
        memory: Some(1 << 30),
        memory_total: Some(4 << 30),
        net_in: Some(net_in),
        net_out: Some(2 * net_in),
        ..Reported::default()
    });
    Reading { evidence: Evidence::new(Arc::new(instance)), ..reading(id, Status::Healthy, &[]) }
}

fn deep(at: u64, written_bytes: u64) -> Deep {
    let none = || "not asked";
    Deep {
        at,
        took: 7,
        qmp: Qmp::Ok,
        answered: Some(11),
        run_state: Figure::unknown("test", none()),
        disks: Figure::known("test", vec![Disk { written_bytes, ..Disk::default() }]),
        guest_memory: Figure::unknown("test", none()),
        migrating: Figure::unknown("test", none()),
        unplugged: Figure::unknown("test", none()),
        vnc: Vnc::NotAsked,
        vnc_clients: Figure::unknown("test", none()),
        audio_device: Figure::unknown("test", none()),
    }
}

fn texts(events: &[Event]) -> Vec<(&str, &str)> {
    events.iter().map(|event| (event.kind, event.text.as_str())).collect()
}

impl Recorder {
    /// As the daemon does it, in one thread.
    fn save_if_due(&mut self, now: u64) -> anyhow::Result<()> {
        self.due(now).map_or(Ok(()), Save::write)
    }

    fn save(&mut self, now: u64) -> anyhow::Result<()> {
        self.rest(now).write()
    }
}

#[test]
fn what_changes_is_told_once_also_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::new(dir.path());
    let gone = Symptom::TapGone("tap111i0".into());
    let ill = reading("111", Status::Unhealthy, std::slice::from_ref(&gone));
    let mut recorder = Recorder::new(&host);
    assert!(recorder.reading(&reading("111", Status::Healthy, &[]), START).is_empty());
    let events = recorder.reading(&ill, START + 15_000);
    let came = ("problem", "tap_gone:tap111i0 is wrong");
    assert_eq!(texts(&events), [("status", "healthy → unhealthy (network)"), came]);
    assert!(recorder.reading(&ill, START + 30_000).is_empty());
    recorder.save(START + 31_000).unwrap();

    let mut recorder = Recorder::new(&host);
    assert!(recorder.reading(&ill, START + 60_000).is_empty(), "nothing is told twice");
    let unknown = recorder.reading(&reading("111", Status::Unknown, &[]), START + 75_000);
    assert_eq!(texts(&unknown), [("status", "unhealthy → unknown")], "nobody knows that it went");
    let events = recorder.reading(&reading("111", Status::Healthy, &[]), START + 90_000);
    let went = ("cleared", "gone: tap_gone:tap111i0 is wrong");
    assert_eq!(texts(&events), [("status", "unknown → healthy"), went]);
    let document = recorder.document("111").unwrap();
    assert_eq!(document["events"].as_array().unwrap().len(), 5);
    assert_eq!(document["readings"].as_array().unwrap().last().unwrap()["status"], "healthy");
    assert_eq!(recorder.document("112"), None);
    recorder.save(START + 91_000).unwrap();
    assert_eq!(read(&host, "111").unwrap().events.len(), 5, "nothing is written twice");
}

#[test]
fn rates_need_two_and_nothing_is_written_down_twice() {
    let dir = tempfile::tempdir().unwrap();
    let mut recorder = Recorder::new(&Host::new(dir.path()));
    recorder.reading(&reported("111", START, 1000), START);
    recorder.reading(&reported("111", START + 10_000, 6000), START + 10_000);
    // The source has not said anything since; then the guest was started anew.
    recorder.reading(&reported("111", START + 10_000, 6000), START + 20_000);
    recorder.reading(&reported("111", START + 30_000, 10), START + 30_000);
    let document = recorder.document("111").unwrap();
    let column =
        |key: &str| document["readings"].as_array().unwrap().iter().map(|r| r[key].clone()).collect::<Vec<_>>();
    assert_eq!(column("cpu"), [json!(25), json!(25), Value::Null, json!(25)]);
    assert_eq!(column("memory")[0], json!(25));
    assert_eq!(column("tx"), [Value::Null, json!(500), Value::Null, Value::Null]);
    assert_eq!(column("rx"), [Value::Null, json!(1000), Value::Null, Value::Null]);

    let mut one = reading("112", Status::Healthy, &[]);
    for (at, written) in [(START, 0), (START + 10_000, 20_000)] {
        one.evidence.deep = Some(Arc::new(deep(at, written)));
        recorder.reading(&one, at);
    }
    let last = &recorder.document("112").unwrap()["readings"][1];
    assert_eq!((&last["disk"], &last["answer"], &last["frames"]), (&json!(2000), &json!(7), &Value::Null));
}

#[test]
fn the_disk_is_written_once_a_minute_and_read_without_the_daemon() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::new(dir.path());
    let mut recorder = Recorder::new(&host);
    for round in 0..20 {
        let now = START + round * 15_000;
        recorder.reading(&reported("111", now, round * 15_000), now);
        recorder.save_if_due(now).unwrap();
    }
    let record = read(&host, "111").unwrap();
    assert_eq!(record.readings.len(), 5);
    assert_eq!(record.readings[2].values[..4], [Some(25.0), Some(25.0), Some(2000.0), Some(1000.0)]);
    assert_eq!(read(&host, "11"), None);
    let text = record.text();
    assert!(text.contains("healthy") && text.contains("2 kB") && text.contains("▃"), "{text}");
}

#[test]
fn half_a_line_and_garbage_cost_only_themselves() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::new(dir.path());
    let mut recorder = Recorder::new(&host);
    for minute in 0..4 {
        let now = START + minute * 60_000;
        recorder.reading(&reported("111", now, 0), now);
        recorder.save(now).unwrap();
    }
    let path = host.lib_dir().join("probe/readings.jsonl");
    let mut bytes = fs::read(&path).unwrap();
    bytes.truncate(bytes.len() - 9);
    bytes.splice(0..0, *b"\xff\xfe{{\n{\"at\":-1}\nnull\n");
    fs::write(&path, bytes).unwrap();
    let mut recorder = Recorder::new(&host);
    recorder.reading(&reported("111", START + 240_000, 0), START + 240_000);
    recorder.save(START + 241_000).unwrap();
    let times: Vec<_> = read(&host, "111").unwrap().readings.iter().map(|p| (p.at - START) / 1000).collect();
    assert_eq!(times, [0, 60, 120, 241]);
}

#[test]
fn names_from_outside_are_never_paths() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::new(dir.path());
    let mut recorder = Recorder::new(&host);
    for id in ["../../etc/x", "/etc/x", "a\"b\n", ""] {
        recorder.reading(&reading(id, Status::Unhealthy, &[Symptom::QmpHung]), START);
        recorder.reading(&reported(id, START + 9000, 1), START + 9000);
    }
    recorder.save(START + 10_000).unwrap();
    assert_eq!(crate::host::names(&host.lib_dir().join("probe")), ["events.jsonl", "readings.jsonl"]);
    assert_eq!(read(&host, "a\"b\n").unwrap().events.len(), 3);
}

#[test]
fn a_clock_that_is_set_back_stops_neither_readings_nor_saving() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::new(dir.path());
    let mut recorder = Recorder::new(&host);
    recorder.reading(&reading("111", Status::Unhealthy, &[Symptom::QmpHung]), START);
    recorder.save_if_due(START).unwrap();
    recorder.reading(&reading("111", Status::Healthy, &[]), START - 3_600_000);
    recorder.save_if_due(START - 3_600_000).unwrap();
    let record = read(&host, "111").unwrap();
    assert_eq!(record.readings.iter().map(|point| point.at).collect::<Vec<_>>(), [START - 3_600_000]);
    assert!(record.events.iter().all(|event| event.at <= START - 3_600_000), "{:?}", record.events);
}

#[test]
fn a_thousand_vms_stay_within_some_megabytes() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::new(dir.path());
    let mut recorder = Recorder::new(&host);
    for round in 0..250 {
        let now = START + round * 15_000;
        for vm in 0..1000 {
            // Every one has trouble, again and again.
            let mut reading = reported(&(100 + vm).to_string(), now, round * (100_000 + vm));
            reading.verdict = super::tests::reading("x", Status::Unhealthy, &[Symptom::QmpHung]).verdict;
            if round % 2 == 0 || round > 30 {
                reading.verdict = Verdict { status: Status::Healthy, ..Verdict::default() };
            }
            recorder.reading(&reading, now);
        }
        recorder.save(now).unwrap();
    }
    let size = |name: &str| fs::metadata(host.lib_dir().join("probe").join(name)).unwrap().len();
    assert!(size("readings.jsonl") < 7 << 20, "{}", size("readings.jsonl"));
    assert!(size("events.jsonl") < 3 << 20, "{}", size("events.jsonl"));
    let packed: usize = recorder.entries.values().map(|entry| entry.ring.points().count()).sum();
    assert_eq!(packed, 240_000);
}

#[test]
fn one_that_comes_and_goes_does_not_push_out_what_others_did() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::new(dir.path());
    let mut recorder = Recorder::new(&host);
    let event = |text: String| Event { at: START, kind: "recovery", id: None, text };
    recorder.event("quiet", &event("once".into()));
    for n in 0..20_000 {
        recorder.event("busy", &event(format!("{n} {}", "x".repeat(80))));
        if n % 100 == 99 {
            recorder.save(START).unwrap();
        }
    }
    assert_eq!(read(&host, "quiet").unwrap().events.len(), 1);
    let busy = read(&host, "busy").unwrap().events;
    assert!(busy.last().unwrap().text.starts_with("19999 ") && busy.len() < 15_000, "{}", busy.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_file_makes_it_panic(readings in any::<Vec<u8>>(), lines in "(\\{\"at\":[0-9]{1,20},\"vms\":\\{\"1\":\\[[0-9e.,-]{0,9}\\]\\}\\}\n){0,9}") {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::new(dir.path());
        let place = host.lib_dir().join("probe");
        fs::create_dir_all(&place).unwrap();
        fs::write(place.join("readings.jsonl"), [readings.as_slice(), b"\n", lines.as_bytes()].concat()).unwrap();
        fs::write(place.join("events.jsonl"), &readings).unwrap();
        let mut recorder = Recorder::new(&host);
        recorder.reading(&reading("1", Status::Healthy, &[]), START);
        recorder.save(START).unwrap();
        let _ = read(&host, "1").map(|record| record.text());
    }
}

#[test]
fn what_a_pod_reports_of_itself_is_recorded() {
    let dir = tempfile::tempdir().unwrap();
    let mut recorder = Recorder::new(&Host::new(dir.path()));
    let mut tell = |at: u64, report: Result<Value, String>| {
        let mut pod = reading("pod", Status::Healthy, &[]);
        pod.evidence.remote = Some(Arc::new(Remote { at, url: "http://x".into(), report, unreachable: false }));
        recorder.reading(&pod, at);
    };
    let seed = |rx_errors: u64| {
        json!({
            "performance": { "cpu_usage": 25, "memory_usage": 50.5, "qemu_cpu": "12.0", "qemu_memory": null },
            "network": { "rx_errors": rx_errors, "tx_errors": 0 }, "video": { "estimated_frame_rate": 18 },
        })
    };
    let ours = json!({
        "performance": { "qemu_cpu": 7.5, "cpu_usage": 99, "qemu_memory": 10 },
        "network": { "rx_bytes_per_second": 1000, "tx_bytes_per_second": 500, "errors_per_second": 0 },
    });
    tell(START, Ok(seed(5)));
    tell(START + 10_000, Ok(seed(25)));
    // Nothing new, none at all, and nothing that could be a figure.
    tell(START + 10_000, Ok(seed(25)));
    tell(START + 20_000, Err("no answer".into()));
    tell(START + 30_000, Ok(json!({ "performance": { "cpu_usage": -4, "memory_usage": [1] }, "network": 7 })));
    tell(START + 40_000, Ok(ours));
    let document = recorder.document("pod").unwrap();
    let readings = document["readings"].as_array().unwrap();
    let figures = ["cpu", "memory", "rx", "tx", "errors", "frames"];
    let of = |n: usize| figures.map(|key| readings[n][key].as_f64());
    assert_eq!(of(0), [Some(25.0), Some(50.5), None, None, None, Some(18.0)]);
    assert_eq!(of(1), [Some(25.0), Some(50.5), None, None, Some(2.0), Some(18.0)]);
    assert!((2..5).all(|n| n >= readings.len() - 1 || of(n) == [None; 6]), "{document}");
    assert_eq!(of(readings.len() - 1), [Some(7.5), Some(10.0), Some(1000.0), Some(500.0), Some(0.0), None]);
}

#[test]
fn a_record_that_cannot_be_read_is_told_as_that() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::new(dir.path());
    assert_eq!(unreadable(&host), None);
    fs::create_dir_all(host.lib_dir().join("probe/events.jsonl")).unwrap();
    assert_eq!(unreadable(&host).as_deref(), Some("/var/lib/pve-hooks/probe/events.jsonl: not a regular file"));
}
