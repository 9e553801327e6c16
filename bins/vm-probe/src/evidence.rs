//! What was seen of one VM, line by line.

use passthrough::{
    plain::plain,
    probe::{
        evidence::{Agent, Deep, Evidence, Fast, NicReading, Path, Slow, Vnc},
        figure::Figure,
    },
};

/// The lines, each with the part that it is about.
pub fn lines(evidence: &Evidence) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    if let Some(deep) = &evidence.deep {
        monitor(deep, &mut lines);
    }
    if let Some(fast) = &evidence.fast {
        host(fast, &mut lines);
    }
    if let Some(slow) = &evidence.slow {
        costly(slow, &mut lines);
    }
    if let Some(remote) = &evidence.remote {
        let text = match &remote.report {
            Ok(report) => format!("{}: {}", remote.url, report["overall_status"].as_str().unwrap_or("no status")),
            Err(why) => format!("{}: {why}", remote.url),
        };
        lines.push(("report", plain(&text, 200)));
    }
    for (name, checked) in &evidence.checks {
        let word = match checked.passed {
            Some(true) => "passed",
            Some(false) => "failed",
            None => "unknown",
        };
        lines.push(("check", plain(&format!("{name}: {word} in {} ms: {}", checked.took, checked.detail), 200)));
    }
    lines
}

fn monitor(deep: &Deep, lines: &mut Vec<(&'static str, String)>) {
    let state = shown(&deep.run_state, |state| plain(state, 40));
    lines.push(("qemu", format!("monitor {}, run state {state} ({} ms)", deep.qmp.word(), deep.took)));
    if deep.vnc != Vnc::NotAsked {
        let greeting = match &deep.vnc {
            Vnc::Banner(banner) => plain(banner, 20),
            Vnc::Silent => "accepts and says nothing".into(),
            Vnc::Refused => "nobody listens".into(),
            Vnc::Absent => "no socket".into(),
            Vnc::Unknown(why) | Vnc::Stranger(why) => plain(why, 120),
            Vnc::NotAsked => String::new(),
        };
        lines.push(("video", format!("VNC {greeting}; clients {}", shown(&deep.vnc_clients, ToString::to_string))));
    }
    for disk in deep.disks.get().into_iter().flatten() {
        let status = disk.io_status.as_deref().unwrap_or("-");
        let text = format!(
            "{} {status}, {} MiB read, {} MiB written, {} failed",
            disk.name,
            disk.read_bytes >> 20,
            disk.written_bytes >> 20,
            disk.failed_reads + disk.failed_writes
        );
        lines.push(("disk", plain(&text, 200)));
    }
}

fn host(fast: &Fast, lines: &mut Vec<(&'static str, String)>) {
    for nic in fast.nics.get().into_iter().flatten() {
        lines.push(("network", plain(&network(nic), 200)));
    }
    let pressure = shown(&fast.pressure, |pressure| {
        let kinds = [("cpu", pressure.cpu), ("memory", pressure.memory), ("io", pressure.io)];
        let known = kinds.into_iter().filter_map(|(kind, value)| Some(format!("{kind} {:.0}%", value?)));
        known.collect::<Vec<_>>().join(" ")
    });
    let text = format!(
        "processors {}, memory {}, waits {pressure}",
        shown(&fast.cpu, |cpu| format!("{cpu:.0}%")),
        shown(&fast.memory, |bytes| format!("{} MiB", bytes >> 20)),
    );
    lines.push(("performance", text));
}

fn network(nic: &NicReading) -> String {
    let path = match (nic.present.get(), nic.path.get()) {
        (Some(false), _) => "does not exist".into(),
        _ if nic.link_down => "unplugged by the configuration".into(),
        (_, Some(Path::Whole)) => "reaches it".into(),
        (_, Some(Path::NoPort { interface, bridge })) => format!("{interface} is no port of {bridge}"),
        (_, Some(Path::Down(name))) => format!("{name} is down"),
        (_, Some(Path::Missing(name))) => format!("{name} is missing"),
        (_, None) => nic.path.reason().unwrap_or("way not known").to_owned(),
    };
    let up = match nic.up.get() {
        Some(true) => "up",
        Some(false) => "down",
        None => "unknown",
    };
    let bridge = nic.bridge.as_deref().unwrap_or("no bridge");
    format!("{} {} {up}, {bridge}: {path}", nic.key, nic.tap)
}

fn costly(slow: &Slow, lines: &mut Vec<(&'static str, String)>) {
    if let Some(display) = slow.display.get() {
        let looks = match (display.blank, display.changed) {
            (true, _) => "of one colour",
            (false, true) => "changing",
            (false, false) => "standing still",
        };
        let rate = shown(&slow.frames, |rate| format!("{rate:.1} a second"));
        lines.push(("video", format!("picture {}x{}, {looks}; changes: {rate}", display.width, display.height)));
    }
    if let Some(level) = slow.audio_level.get() {
        lines.push(("audio", format!("level {level:.3} of 1")));
    }
    if let Some(bytes) = slow.memory.get() {
        lines.push(("performance", format!("QEMU has {} MiB to itself", bytes >> 20)));
    }
    match slow.agent.get() {
        Some(Agent::Ok { addresses, .. }) => {
            lines.push(("agent", plain(&format!("answers; {}", addresses.join(" ")), 200)));
        }
        Some(Agent::Silent) => lines.push(("agent", "does not answer".into())),
        Some(Agent::Busy) => lines.push(("agent", "busy with somebody else".into())),
        None => {}
    }
}

fn shown<T>(figure: &Figure<T>, show: impl Fn(&T) -> String) -> String {
    match &figure.value {
        Ok(value) => show(value),
        Err(why) => format!("not known ({})", plain(why, 80)),
    }
}
