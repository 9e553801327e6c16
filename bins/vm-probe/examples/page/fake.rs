//! An engine that measures nothing: VMs in every state, to look at the page and to test the server by.

use anyhow::Result;
use passthrough::{
    config::{
        Config,
        probe::{Class, Origin},
    },
    fault::Code,
    probe::{
        evidence::{
            Agent, Counters, Deep, Disk, Display, Evidence, Fast, GuestMemory, NicReading, Path, Pressure, Process,
            ProcessState, Qmp, Rates, Slow, Vnc,
        },
        figure::Figure,
        instance::{Endpoint, Hardware, Instance, Power},
        service::{Attempt, Event, Listing, Reading, Recovery, Refusal, Rounds, Service, Snapshot},
        verdict::{FailureType, Problem, Status, Subsystem, Symptom, Verdict},
    },
};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::{SystemTime, UNIX_EPOCH},
};

type Listener = Box<dyn Fn(&Event) + Send + Sync>;

/// The engine.
#[derive(Default)]
pub struct Fake {
    count: usize,
    snapshot: Mutex<Arc<Snapshot>>,
    listeners: Mutex<Vec<Listener>>,
    /// Recoveries that were asked for, in their order.
    pub recovered: Mutex<Vec<(String, bool)>>,
}

/// Milliseconds since 1970.
pub fn now() -> u64 {
    u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

/// What is wrong with the VM of a number, for as long as there are different things to be wrong.
struct Case {
    name: &'static str,
    status: Status,
    symptom: Option<(Symptom, Class, Subsystem, &'static str)>,
    note: Option<&'static str>,
    refused: Option<&'static str>,
    plan: &'static [&'static str],
}

const WELL: Case = Case { name: "web", status: Status::Healthy, symptom: None, note: None, refused: None, plan: &[] };

fn case(number: usize) -> Case {
    let ill = |name, status, symptom, class, part, text, plan| Case {
        name,
        status,
        symptom: Some((symptom, class, part, text)),
        plan,
        ..WELL
    };
    match number {
        1 => ill(
            "database-with-a-long-name-that-somebody-was-proud-of",
            Status::Unhealthy,
            Symptom::NoSpace,
            Class::Qemu,
            Subsystem::Disk,
            "drive-scsi0 (local-lvm:vm-101-disk-0): no space left, and QEMU stopped the machine",
            &["qmp 101 cont"],
        ),
        2 => ill(
            "win11-gaming",
            Status::Unhealthy,
            Symptom::QmpHung,
            Class::Qemu,
            Subsystem::Qemu,
            "the monitor accepts connections and says nothing for 2 s; pid 4102 is in state D",
            &["qm stop 102", "qm start 102"],
        ),
        3 => Case {
            refused: Some("recovery of the class network is not enabled: [probe.recovery] network = true"),
            ..ill(
                "router",
                Status::Degraded,
                Symptom::NoPort("tap103i0".into()),
                Class::Network,
                Subsystem::Network,
                "tap103i0 is no port of vmbr0",
                &["/usr/libexec/qemu-server/pve-bridge tap103i0"],
            )
        },
        4 => {
            Case { name: "backup-target", note: Some("locked: backup"), refused: Some("it is locked: backup"), ..WELL }
        }
        5 => Case { name: "spare", status: Status::Stopped, ..WELL },
        6 => Case {
            name: "<img src=x onerror=alert(1)>",
            status: Status::Unknown,
            note: Some("not measured yet"),
            ..WELL
        },
        7 => Case { name: "frigate", note: Some("the agent is silent"), ..WELL },
        _ => WELL,
    }
}

fn reading(number: usize, at: u64) -> Reading {
    let case = case(number);
    let vmid = 100 + u32::try_from(number).unwrap();
    let (running, tap) = (case.status != Status::Stopped, format!("tap{vmid}i0"));
    let instance = Instance {
        vmid: Some(vmid),
        name: case.name.into(),
        node: Some(format!("pve{}", number % 3 + 1)),
        power: if running { Power::Running } else { Power::Stopped },
        lock: (number == 4).then(|| "backup".into()),
        hardware: Some(Hardware { display: true, agent: true, ..Hardware::default() }),
        vnc: running.then(|| Endpoint::Unix(format!("/run/qemu-server/{vmid}.vnc").into())),
        seen_at: at,
        ..Instance::new(vmid.to_string(), Origin::Pve)
    };
    let mut evidence = Evidence::new(Arc::new(instance));
    if running && case.status != Status::Unknown {
        evidence.fast = Some(Arc::new(fast(number, at, tap)));
        evidence.deep = Some(Arc::new(deep(number, at)));
        evidence.slow = (number == 7).then(|| Arc::new(slow(at)));
    }
    let problems: Vec<_> = case
        .symptom
        .into_iter()
        .map(|(symptom, class, subsystem, text)| Problem {
            symptom,
            class,
            subsystem,
            status: case.status,
            text: text.into(),
            next: Some(format!("vm-probe recover {vmid}")),
        })
        .collect();
    let failure_type = match problems.first().map(|problem| problem.class) {
        None => FailureType::None,
        Some(Class::Network) => FailureType::Network,
        Some(Class::Qemu) => FailureType::Qemu,
        Some(Class::Client) => FailureType::Client,
    };
    Reading {
        evidence,
        recovery: Recovery {
            needed: !problems.is_empty(),
            plan: case.plan.iter().map(|step| (*step).to_owned()).collect(),
            attempts_last_hour: usize::from(number == 2),
            max_attempts: 3,
            refused_because: case.refused.map(Into::into),
        },
        verdict: Verdict {
            status: case.status,
            failure_type,
            recovery_needed: !problems.is_empty(),
            problems,
            notes: case.note.into_iter().map(Into::into).collect(),
        },
    }
}

fn fast(number: usize, at: u64, tap: String) -> Fast {
    let load = f64::from(u32::try_from(number * 13 % 90).unwrap());
    let path = if number == 3 { Path::NoPort { interface: tap.clone(), bridge: "vmbr0".into() } } else { Path::Whole };
    let nic = NicReading {
        key: "net0".into(),
        tap,
        bridge: Some("vmbr0".into()),
        link_down: false,
        present: Figure::known("/proc/net/dev", true),
        up: Figure::known("/sys/class/net", true),
        path: Figure::known("/sys/class/net", path),
        counters: Figure::known("/proc/net/dev", Counters { rx_packets: 4711, tx_packets: 815, ..Counters::default() }),
        rates: Figure::known("/proc/net/dev", Rates { rx_bytes: 1234.5, tx_bytes: 99.0, ..Rates::default() }),
    };
    Fast {
        at: at - 2000,
        process: Figure::known(
            "/proc/PID/stat",
            Process { pid: 4100 + i32::try_from(number).unwrap(), state: ProcessState::Alive },
        ),
        cpu: Figure::known("cpu.stat", load),
        memory: Figure::known("memory.current", 2 << 30),
        memory_percent: Figure::known("memory.current", 50.0),
        pressure: Figure::known("*.pressure", Pressure { cpu: Some(0.5), memory: Some(0.0), io: None }),
        host_cpu: Figure::known("/proc/stat", 12.5),
        host_memory: Figure::known("/proc/meminfo", 61.0),
        load_average: Figure::known("/proc/loadavg", 0.75),
        nics: Figure::known("/proc/net/dev", vec![nic]),
        sound: Figure::unknown("/proc", "PVE has no sound server"),
    }
}

fn deep(number: usize, at: u64) -> Deep {
    let hung = number == 2;
    let state = |text: &str| {
        if hung {
            Figure::unknown("query-status", "the monitor hangs")
        } else {
            Figure::known("query-status", text.into())
        }
    };
    Deep {
        at: at - 7000,
        took: 1,
        qmp: if hung { Qmp::Hung } else { Qmp::Ok },
        answered: (!hung).then_some(11),
        run_state: state(if number == 1 { "io-error" } else { "running" }),
        disks: Figure::known(
            "query-block",
            vec![Disk {
                name: "drive-scsi0".into(),
                io_status: Some(if number == 1 { "nospace" } else { "ok" }.into()),
                read_bytes: 1 << 33,
                file: "/dev/pve/vm-disk-0".into(),
                ..Disk::default()
            }],
        ),
        guest_memory: Figure::known("query-balloon", GuestMemory { actual: Some(4 << 30), ..GuestMemory::default() }),
        migrating: Figure::known("query-migrate", false),
        unplugged: Figure::known("query-rx-filter", Vec::new()),
        vnc: if hung { Vnc::Silent } else { Vnc::Banner("RFB 003.008".into()) },
        vnc_clients: Figure::known("query-vnc", 0),
        audio_device: Figure::known("query-pci", false),
    }
}

fn slow(at: u64) -> Slow {
    Slow {
        at: at - 30_000,
        frames: Figure::known("screendump", 18.2),
        display: Figure::known("screendump", Display { width: 1024, height: 768, blank: false, changed: true }),
        audio_level: Figure::unknown("wavcapture", "not switched on: [probe] audio = true"),
        agent: Figure::known("guest-ping", Agent::Silent),
        memory: Figure::known("smaps_rollup", 2 << 30),
    }
}

impl Fake {
    /// So many VMs; none at all and no discovery with 0.
    pub fn new(count: usize) -> Arc<Self> {
        let fake = Self { count, ..Self::default() };
        fake.tick();
        Arc::new(fake)
    }

    /// Another round.
    pub fn tick(&self) {
        if self.count == 0 {
            return;
        }
        let at = now();
        let readings: Vec<_> = (1..=self.count).map(|number| Arc::new(reading(number, at))).collect();
        let attempt = Attempt {
            source: Origin::Pve,
            available: true,
            detail: format!("{} VMs", self.count),
            next: None,
            code: Code::Problem,
        };
        let listing = Listing {
            origin: Some(Origin::Pve),
            at,
            instances: readings.iter().map(|reading| reading.evidence.instance.clone()).collect(),
            attempts: vec![attempt],
            ..Listing::default()
        };
        let rounds = Rounds { fast: 3, deep: 12, discovery: 5 };
        *self.snapshot.lock().unwrap() =
            Arc::new(Snapshot { at, listing: Arc::new(listing), readings, rounds, recoveries: None });
    }

    /// Something happens.
    pub fn tell(&self, kind: &'static str, id: &str, text: &str) {
        let event = Event { at: now(), kind, id: Some(id.into()), text: text.into() };
        for listener in self.listeners.lock().unwrap().iter() {
            listener(&event);
        }
    }
}

impl Service for Fake {
    fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.lock().unwrap().clone()
    }

    fn refresh(&self) {
        self.tick();
    }

    fn configure(&self, config: Config) -> Result<()> {
        anyhow::ensure!(config.probe.slow.is_none(), "nothing here is slow");
        Ok(())
    }

    fn recover(&self, id: &str, force: bool) -> Result<(), Refusal> {
        let snapshot = self.snapshot();
        let reading = snapshot.reading(id).ok_or(Refusal::NoSuchInstance)?;
        if let Some(why) = &reading.recovery.refused_because {
            return Err(Refusal::Refused(why.clone()));
        }
        self.recovered.lock().unwrap().push((id.into(), force));
        self.tell("recovery", id, "recovery begins");
        Ok(())
    }

    fn history(&self, id: &str) -> Option<Value> {
        let snapshot = self.snapshot();
        let reading = snapshot.reading(id)?;
        let shares: BTreeMap<u64, u64> = (0..120).map(|n| (n, (n * n * 7 + n * 13) % 60 + n / 4)).collect();
        let point = |(n, cpu): (&u64, &u64)| {
            let status = if *n > 100 { reading.verdict.status.word() } else { "healthy" };
            json!({ "at": snapshot.at - (120 - n) * 15_000, "status": status, "cpu": (*n != 40).then_some(cpu), "memory": 50,
                "rx": cpu * 1000, "tx": 10, "errors": 0, "disk": null, "frames": null, "answer": 0.6 })
        };
        let readings: Vec<_> = shares.iter().map(point).collect();
        let events = json!([{ "at": snapshot.at - 290_000, "kind": "status", "text": "status changed" }]);
        Some(json!({ "id": id, "readings": readings, "events": events }))
    }

    fn recoveries(&self, id: &str) -> Vec<Value> {
        vec![json!({ "at": now() - 600_000, "id": id, "outcome": "refused" })]
    }

    fn subscribe(&self, listener: Listener) {
        self.listeners.lock().unwrap().push(listener);
    }
}
