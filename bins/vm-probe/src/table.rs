//! What people read on a terminal.

use crate::evidence;
use passthrough::{
    plain::plain,
    probe::{
        evidence::{Agent, Evidence, Fast, NicReading, Path, ProcessState, Qmp, Vnc},
        service::{Listing, Reading, Recovery},
        verdict::Status,
    },
    report::{Colour, Output, Table},
};

/// `vm-probe list`.
pub fn list(listing: &Listing, now: u64) -> String {
    let mut table = Table::default();
    table.row(["ID", "NAME", "SOURCE", "NODE", "STATE", "SEEN"]);
    for instance in &listing.instances {
        let state = serde_json::to_value(instance.power).ok();
        let state = state.as_ref().and_then(|state| state.as_str()).unwrap_or("unknown");
        table.row([
            instance.id.as_str(),
            &instance.name,
            instance.origin.word(),
            instance.node.as_deref().unwrap_or("-"),
            state,
            &format!("{} ago", age(instance.seen_at, now)),
        ]);
    }
    table.render() + &staleness(listing, now)
}

/// A list that is not what the source says now has to say so.
fn staleness(listing: &Listing, now: u64) -> String {
    if listing.stale {
        format!("the source does not answer; this is what it said {} ago\n", age(listing.at, now))
    } else {
        String::new()
    }
}

/// `vm-probe discover`.
pub fn sources(listing: &Listing) -> String {
    let mut table = Table::default();
    for attempt in &listing.attempts {
        let asked = [listing.origin, listing.stands_in_for].contains(&Some(attempt.source));
        let mark = if asked {
            if attempt.available { "used" } else { "failed" }
        } else if attempt.available {
            "there"
        } else {
            "no"
        };
        table.row([attempt.source.word(), mark, &attempt.detail]);
        if let Some(next) = &attempt.next {
            table.row(["", "", &format!("next: {next}")]);
        }
    }
    table.render()
}

/// `vm-probe check`: a line for each, and the evidence for what is not well.
pub fn check(readings: &[&Reading], listing: &Listing, detail: bool, output: &Output, now: u64) -> String {
    let mut table = Table::default();
    table.row([
        "VM",
        "NAME",
        "STATUS",
        "CLASS",
        "QEMU",
        "RUN STATE",
        "VNC",
        "NETWORK",
        "DISK",
        "AGENT",
        "PRESSURE",
        "CPU",
        "MEMORY",
    ]);
    for reading in readings {
        let evidence = &reading.evidence;
        let verdict = &reading.verdict;
        table.row([
            evidence.instance.id.clone(),
            evidence.instance.name.clone(),
            verdict.status.word().to_owned(),
            verdict.failure_type.word().to_owned(),
            qemu(evidence),
            run_state(evidence),
            vnc(evidence).to_owned(),
            if verdict.status == Status::Stopped { "-".into() } else { network(evidence) },
            disk(evidence),
            agent(evidence).to_owned(),
            pressure(evidence.fast.as_deref()),
            percent(evidence.fast.as_deref().and_then(|fast| fast.cpu.get().copied())),
            percent(evidence.fast.as_deref().and_then(|fast| fast.memory_percent.get().copied())),
        ]);
    }
    let mut text = String::new();
    // Painted afterwards, as a colour's letters would count as width.
    let statuses = std::iter::once(None).chain(readings.iter().map(|reading| Some(reading.verdict.status)));
    for (line, status) in table.render().lines().zip(statuses) {
        let painted = status.map(|status| {
            let word = status.word();
            line.replacen(&format!("  {word}"), &format!("  {}", output.paint(colour(status), word)), 1)
        });
        text.push_str(painted.as_deref().unwrap_or(line));
        text.push('\n');
    }
    text.push_str(&staleness(listing, now));
    for reading in readings {
        let verdict = &reading.verdict;
        let id = &reading.evidence.instance.id;
        if detail || !verdict.problems.is_empty() {
            text.push('\n');
        }
        if detail {
            for (part, line) in evidence::lines(&reading.evidence) {
                text.push_str(&format!("{id}  {part:<11}  {line}\n"));
            }
        }
        for problem in &verdict.problems {
            let word = output.paint(colour(problem.status), problem.status.word());
            text.push_str(&format!("{id}  {word}  {}\n", problem.text));
            if let Some(next) = &problem.next {
                text.push_str(&format!("{id}  next: {next}\n"));
            }
        }
        let hint = verdict.status == Status::Stopped && reading.evidence.instance.onboot;
        let strange = !verdict.problems.is_empty() || verdict.status == Status::Unknown || hint;
        let notes: &[String] = if detail || strange { &verdict.notes } else { &reading.evidence.instance.notes };
        for note in notes {
            text.push_str(&format!("{id}  note: {note}\n"));
        }
    }
    text
}

/// `vm-probe recover`.
pub fn recovery(reading: &Reading, preview: &Recovery, doubt: Option<(String, String)>) -> String {
    let (id, verdict) = (&reading.evidence.instance.id, &reading.verdict);
    let mut text = format!("{id}  {}  {}\n", verdict.status.word(), verdict.failure_type.word());
    verdict.problems.iter().for_each(|problem| text.push_str(&format!("  {}\n", problem.text)));
    verdict.notes.iter().for_each(|note| text.push_str(&format!("  note: {note}\n")));
    if preview.plan.is_empty() && verdict.problems.is_empty() {
        text.push_str("nothing to recover\n");
    } else if preview.plan.is_empty() {
        text.push_str("nothing that vm-probe does cures that\n");
        let next = verdict.problems.iter().filter_map(|problem| problem.next.as_ref());
        let own = |next: &&String| !next.starts_with("vm-probe recover");
        next.filter(own).for_each(|next| text.push_str(&format!("next: {next}\n")));
    }
    preview.plan.iter().for_each(|step| text.push_str(&format!("would run  {step}\n")));
    text.push_str(&format!("{} of {} recoveries within the hour\n", preview.attempts_last_hour, preview.max_attempts));
    let advice = doubt.map(|(why, next)| {
        text.push_str(&format!("  note: {why}\n"));
        format!("next: {next}\n")
    });
    match &preview.refused_because {
        Some(why) => text.push_str(&format!("refused: {why}\n")),
        None if preview.plan.is_empty() => {}
        None => text.push_str(&format!("next: vm-probe recover {id} --apply\n")),
    }
    text.push_str(&advice.unwrap_or_default());
    text
}

fn colour(status: Status) -> Colour {
    match status {
        Status::Healthy | Status::Stopped => Colour::Green,
        Status::Unknown | Status::Degraded => Colour::Yellow,
        Status::Unhealthy => Colour::Red,
    }
}

fn qemu(evidence: &Evidence) -> String {
    let process = evidence.fast.as_ref().and_then(|fast| fast.process.get());
    let pid =
        process.filter(|process| process.pid > 0 && process.state != ProcessState::Gone).map(|process| process.pid);
    let answer = evidence.deep.as_ref().map_or("-", |deep| deep.qmp.word());
    pid.map_or_else(|| answer.to_owned(), |pid| format!("{answer} {pid}"))
}

fn run_state(evidence: &Evidence) -> String {
    let state = evidence.deep.as_ref().and_then(|deep| deep.run_state.get());
    let reported = || evidence.instance.reported.as_ref().map(|reported| reported.status.clone());
    let known = evidence.deep.as_ref().is_none_or(|deep| deep.qmp == Qmp::NotAsked);
    state.map(|state| plain(state, 20)).or_else(|| reported().filter(|_| known)).unwrap_or_else(|| "-".into())
}

fn vnc(evidence: &Evidence) -> &'static str {
    match evidence.deep.as_ref().map(|deep| &deep.vnc) {
        Some(Vnc::Banner(_)) => "ok",
        Some(Vnc::Silent) => "silent",
        Some(Vnc::Refused) => "refused",
        Some(Vnc::Absent) => "absent",
        Some(Vnc::Unknown(_) | Vnc::Stranger(_)) => "unknown",
        Some(Vnc::NotAsked) | None => "-",
    }
}

fn network(evidence: &Evidence) -> String {
    let nics = evidence.fast.as_ref().and_then(|fast| fast.nics.get());
    let Some(nics) = nics.filter(|nics| !nics.is_empty()) else { return "-".into() };
    let ill: Vec<_> = nics.iter().filter(|nic| !nic.link_down).filter_map(nic_trouble).collect();
    if ill.is_empty() { "ok".into() } else { ill.join(",") }
}

fn nic_trouble(nic: &NicReading) -> Option<String> {
    if nic.present.get() == Some(&false) {
        return Some(format!("{} gone", nic.tap));
    }
    match nic.path.get() {
        Some(Path::Whole) | None => (nic.up.get() == Some(&false)).then(|| format!("{} down", nic.tap)),
        Some(Path::NoPort { interface, .. }) => Some(format!("{interface} loose")),
        Some(Path::Down(name)) => Some(format!("{name} down")),
        Some(Path::Missing(name)) => Some(format!("{name} gone")),
    }
}

fn disk(evidence: &Evidence) -> String {
    let Some(disks) = evidence.deep.as_ref().and_then(|deep| deep.disks.get()) else { return "-".into() };
    // QEMU may go on telling of what is over; it counts as long as the machine stands still for it.
    if evidence.deep.as_ref().and_then(|deep| deep.run_state.get()).is_none_or(|state| state != "io-error") {
        return "ok".into();
    }
    let ill = disks.iter().find_map(|disk| disk.io_status.as_ref().filter(|status| *status != "ok"));
    ill.cloned().unwrap_or_else(|| "ok".into())
}

fn agent(evidence: &Evidence) -> &'static str {
    match evidence.slow.as_ref().and_then(|slow| slow.agent.get()) {
        Some(Agent::Ok { .. }) => "ok",
        Some(Agent::Silent) => "silent",
        Some(Agent::Busy) => "busy",
        None => "-",
    }
}

fn pressure(fast: Option<&Fast>) -> String {
    let Some(pressure) = fast.and_then(|fast| fast.pressure.get()) else { return "-".into() };
    let worst = [pressure.cpu, pressure.memory, pressure.io].into_iter().flatten().fold(f64::NAN, f64::max);
    percent(Some(worst).filter(|worst| !worst.is_nan()))
}

fn percent(value: Option<f64>) -> String {
    value.map_or_else(|| "-".into(), |value| format!("{value:.0}%"))
}

fn age(at: u64, now: u64) -> String {
    let seconds = now.saturating_sub(at) / 1000;
    humantime::format_duration(std::time::Duration::from_secs(seconds)).to_string()
}
