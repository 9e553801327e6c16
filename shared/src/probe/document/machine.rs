//! The blocks of the machine itself: QEMU, display, sound, performance, disks, the guest agent.

use super::{
    block::{Block, Kind, Told},
    clean, maybe,
};
use crate::probe::{
    evidence::{Agent, Evidence, ProcessState, Qmp, Vnc},
    instance::Endpoint,
};
use serde_json::{Value, json};

/// QEMU's process and monitor.
pub fn qemu(evidence: &Evidence, now: u64) -> Value {
    let mut block = Block::new("qemu", evidence, now);
    let process = evidence.fast.as_ref().map(|fast| (&fast.process, fast.at));
    let pid = block.told("fast", process, |process| {
        (process.pid > 0 && process.state != ProcessState::Gone).then_some(process.pid)
    });
    block.put("pid", Kind::Own, pid);
    let state = block.told("fast", process, |process| Some(process.state));
    block.put("process", Kind::Own, state);
    let deep = evidence.deep.as_ref();
    let qmp = match deep.map(|deep| (&deep.qmp, deep.at)) {
        Some((Qmp::NotAsked, at)) => Told::unknown("qmp", Some(at), "the source names no monitor"),
        Some((Qmp::Unknown(why), at)) => Told::unknown("qmp greeting", Some(at), why),
        // A socket at which nobody listens is what a QEMU left behind.
        Some((Qmp::Refused, at)) => Told::known(Qmp::Absent.word(), "qmp greeting", at),
        Some((qmp, at)) => Told::known(qmp.word(), "qmp greeting", at),
        None => block.told::<(), ()>("qmp", None, |()| None),
    };
    block.put("qmp", Kind::Own, qmp);
    let run_state = block.told("qmp", deep.map(|deep| (&deep.run_state, deep.at)), |state| Some(clean(state)));
    block.put("run_state", Kind::Own, run_state);
    let migrating = block.told("qmp", deep.map(|deep| (&deep.migrating, deep.at)), |yes| Some(*yes));
    block.put("migrating", Kind::Own, migrating);
    block.done()
}

/// Whether QEMU lives and answers; null where that is not known.
pub fn qemu_healthy(evidence: &Evidence) -> Value {
    let process = evidence.fast.as_ref().and_then(|fast| fast.process.get()).map(|process| process.state);
    let qmp = evidence.deep.as_ref().map(|deep| &deep.qmp);
    match (process, qmp) {
        (Some(ProcessState::Gone | ProcessState::Halted), _) | (_, Some(Qmp::Hung | Qmp::Refused)) => false.into(),
        (Some(ProcessState::Alive), Some(Qmp::Ok | Qmp::Busy)) | (None, Some(Qmp::Ok)) => true.into(),
        _ => {
            let report = evidence.remote.as_ref().and_then(|remote| remote.report.as_ref().ok());
            report.and_then(|report| report.get("qemu_healthy")).filter(|v| v.is_boolean()).cloned().into()
        }
    }
}

/// Display and VNC.
pub fn video(evidence: &Evidence, now: u64) -> Value {
    let mut block = Block::new("video", evidence, now);
    let vnc = match evidence.deep.as_ref().map(|deep| (&deep.vnc, deep.at)) {
        Some((Vnc::Banner(_), at)) => Told::known(true, "rfb greeting", at),
        Some((Vnc::Silent | Vnc::Refused | Vnc::Absent, at)) => Told::known(false, "rfb greeting", at),
        Some((Vnc::Unknown(reason) | Vnc::Stranger(reason), at)) => Told::unknown("rfb greeting", Some(at), reason),
        Some((Vnc::NotAsked, at)) => Told::unknown("rfb greeting", Some(at), "there is no VNC server to be asked"),
        None => block.told::<(), ()>("rfb greeting", None, |()| None),
    };
    block.put("vnc_available", Kind::Flag, vnc);
    let deep = evidence.deep.as_ref();
    let clients = block.told("qmp", deep.map(|deep| (&deep.vnc_clients, deep.at)), |clients| Some(*clients));
    block.put("vnc_clients", Kind::Own, clients);
    let slow = evidence.slow.as_ref();
    let active = block.told("slow", slow.map(|slow| (&slow.display, slow.at)), |d| Some(d.changed || !d.blank));
    block.put("display_active", Kind::Flag, active);
    let frames = block.told("slow", slow.map(|slow| (&slow.frames, slow.at)), |frames| Some(*frames));
    block.put("estimated_frame_rate", Kind::Number, frames);
    let instance = &evidence.instance;
    let (port, display) = match &instance.vnc {
        Some(Endpoint::Tcp(address)) => {
            let display = address.port().checked_sub(5900).map(|number| format!(":{number}"));
            (Told::known(address.port(), "discovery", instance.seen_at), display)
        }
        Some(Endpoint::Unix(path)) => (
            Told::unknown("discovery", Some(instance.seen_at), &format!("a Unix socket: {}", path.display())),
            Some(format!("unix:{}", clean(&path.to_string_lossy()))),
        ),
        None => (Told::unknown("discovery", Some(instance.seen_at), "its source names no VNC server"), None),
    };
    block.put("vnc_port", Kind::Number, port);
    let display = match display {
        Some(display) => Told::known(display, "discovery", instance.seen_at),
        None => Told::unknown("discovery", Some(instance.seen_at), "its source names no display"),
    };
    block.put("display", Kind::Text, display);
    block.done()
}

/// Sound.
pub fn audio(evidence: &Evidence, now: u64) -> Value {
    let mut block = Block::new("audio", evidence, now);
    let sound = evidence.fast.as_ref().map(|fast| (&fast.sound, fast.at));
    let running = block.told("fast", sound, |sound| sound.server_running);
    block.put("pulse_running", Kind::Flag, running);
    let sinks = block.told("fast", sound, |sound| sound.sinks);
    block.put("audio_devices", Kind::Number, sinks);
    let cards = block.told("fast", sound, |sound| Some(sound.alsa_cards));
    block.put("alsa_devices", Kind::Number, cards);
    let backend = block.told("fast", sound, |sound| Some(sound.backend));
    block.put("audio_backend", Kind::Text, backend);
    let slow = evidence.slow.as_ref();
    let level = block.told("slow", slow.map(|slow| (&slow.audio_level, slow.at)), |level| Some(*level));
    block.put("estimated_level", Kind::Number, level);
    let deep = evidence.deep.as_ref();
    let device = block.told("qmp", deep.map(|deep| (&deep.audio_device, deep.at)), |device| Some(*device));
    block.put("vm_audio_device", Kind::Own, device);
    block.done()
}

/// Disks.
pub fn disk(evidence: &Evidence, now: u64) -> Value {
    let mut block = Block::new("disk", evidence, now);
    let deep = evidence.deep.as_ref();
    let disks = block.told("qmp", deep.map(|deep| (&deep.disks, deep.at)), |disks| {
        let one = |disk: &crate::probe::evidence::Disk| {
            json!({
                "name": clean(&disk.name), "io_status": maybe(disk.io_status.as_deref()), "file": clean(&disk.file),
                "read_bytes": disk.read_bytes, "written_bytes": disk.written_bytes,
                "failed_reads": disk.failed_reads, "failed_writes": disk.failed_writes,
            })
        };
        Some(disks.iter().take(64).map(one).collect::<Vec<_>>())
    });
    block.put("disks", Kind::Own, disks);
    block.done()
}

/// The guest agent.
pub fn agent(evidence: &Evidence, now: u64) -> Value {
    let mut block = Block::new("agent", evidence, now);
    block.plain("enabled", evidence.instance.hardware.as_ref().map(|hardware| hardware.agent).into());
    let agent = evidence.slow.as_ref().map(|slow| (&slow.agent, slow.at));
    let status = block.told("slow", agent, |agent| {
        Some(match agent {
            Agent::Ok { .. } => "ok",
            Agent::Silent => "silent",
            Agent::Busy => "busy",
        })
    });
    block.put("status", Kind::Own, status);
    let frozen = block.told("slow", agent, |agent| if let Agent::Ok { frozen, .. } = agent { *frozen } else { None });
    block.put("frozen", Kind::Own, frozen);
    let addresses = block.told("slow", agent, |agent| {
        let Agent::Ok { addresses, .. } = agent else { return None };
        Some(addresses.iter().take(32).map(|address| clean(address)).collect::<Vec<_>>())
    });
    block.put("addresses", Kind::Own, addresses);
    block.done()
}

/// Processor and memory.
pub fn performance(evidence: &Evidence, now: u64) -> Value {
    let mut block = Block::new("performance", evidence, now);
    let fast = evidence.fast.as_ref();
    let number = |pick: fn(&crate::probe::evidence::Fast) -> &crate::probe::figure::Figure<f64>| {
        block.told("fast", fast.map(|fast| (pick(fast), fast.at)), |value| Some(tenth(*value)))
    };
    let figures = [
        ("cpu_usage", number(|fast| &fast.host_cpu)),
        ("memory_usage", number(|fast| &fast.host_memory)),
        ("load_average", number(|fast| &fast.load_average)),
        ("qemu_cpu", number(|fast| &fast.cpu)),
        ("qemu_memory", number(|fast| &fast.memory_percent)),
    ];
    for (key, told) in figures {
        block.put(key, Kind::Number, told);
    }
    let memory = block.told("fast", fast.map(|fast| (&fast.memory, fast.at)), |bytes| Some(*bytes));
    block.put("memory_bytes", Kind::Number, memory);
    let process = fast.map(|fast| (&fast.process, fast.at));
    let pid = block.told("fast", process, |process| (process.pid > 0).then(|| process.pid.to_string()));
    block.put("qemu_pid", Kind::Text, pid);
    let pressure = block.told("fast", fast.map(|fast| (&fast.pressure, fast.at)), |pressure| {
        Some(json!({ "cpu": pressure.cpu, "memory": pressure.memory, "io": pressure.io }))
    });
    block.put("pressure", Kind::Own, pressure);
    let deep = evidence.deep.as_ref();
    let guest = block.told("qmp", deep.map(|deep| (&deep.guest_memory, deep.at)), |memory| {
        Some(json!({
            "actual": memory.actual, "total": memory.total, "free": memory.free, "available": memory.available,
        }))
    });
    block.put("guest_memory", Kind::Own, guest);
    let own = evidence.slow.as_ref().map(|slow| (&slow.memory, slow.at));
    let own = block.told("slow", own, |bytes| Some(*bytes));
    block.put("qemu_own_memory_bytes", Kind::Own, own);
    listed(&mut block, evidence);
    block.done()
}

/// What the list of a cluster's resources says counts where nothing better is known.
fn listed(block: &mut Block<'_>, evidence: &Evidence) {
    const SOURCE: &str = "/cluster/resources";
    let Some(reported) = &evidence.instance.reported else { return };
    let at = evidence.instance.seen_at;
    let mut fill = |key: &str, value: Option<Value>| {
        if let (true, Some(value)) = (block.get(key).is_null(), value) {
            block.put(key, Kind::Own, Told::known(value, SOURCE, at));
        }
    };
    fill("qemu_cpu", reported.cpu.map(|share| tenth(share * 100.0).into()));
    fill("memory_bytes", reported.memory.map(Into::into));
    if let (Some(used), Some(total @ 1..)) = (reported.memory, reported.memory_total) {
        // Permille fit into a float without loss.
        let permille = u32::try_from(u128::from(used) * 1000 / u128::from(total)).unwrap_or(u32::MAX);
        fill("qemu_memory", Some((f64::from(permille) / 10.0).into()));
    }
}

/// More than a tenth of a percent nobody can tell.
fn tenth(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}
