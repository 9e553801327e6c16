//! One step, by its deadline. The monitor is asked for the state right before it is told anything, in the same session: a
//! person may have paused the machine in between.

use super::{
    plan::{Action, Step},
    shown,
};
use crate::{
    command,
    deadline::Deadline,
    failpoint,
    fault::Fault,
    host::Host,
    probe::{classify::clean, instance::Instance},
    pve::{
        self, qm,
        qmp::{Monitor, Trouble},
    },
    session::Session,
};
use anyhow::Result;
use serde_json::json;
use std::{thread, time::Duration};

/// A program that sets an interface, or restarts a stream.
const PROGRAM: Duration = Duration::from_secs(30);
/// PVE waits ten seconds for its lock, then for QEMU, and ends it by force then.
const STOP: Duration = Duration::from_secs(90);
/// Disks are activated, devices are taken.
const START: Duration = Duration::from_secs(120);
/// A session with the monitor.
const MONITOR: Duration = Duration::from_secs(10);
/// How long QEMU may take to reset a machine.
const RESET: Duration = Duration::from_secs(5);
const TICK: Duration = Duration::from_millis(100);
/// A start that met a lock is tried so often, with such a pause.
const TRIES: u32 = 3;
const AGAIN: Duration = Duration::from_secs(2);

/// The states out of which only a reset leads.
const HELD: [&str; 3] = ["internal-error", "guest-panicked", "watchdog"];

/// Does a step.
pub(super) fn act(session: &Session, instance: &Instance, step: &Step) -> Result<()> {
    failpoint::before_write();
    let done = match &step.action {
        Action::Run(argv) => run(&session.host, argv, session.deadline.within(PROGRAM)),
        Action::Stop(vmid) => stop(session, *vmid),
        // What was stopped has to be started, however late it is.
        Action::Start(vmid) => start(&session.host, *vmid),
        Action::Continue => go_on(session, instance),
        Action::Reset => reset(session, instance),
        Action::Resume => resume(&session.host, instance),
    };
    failpoint::write_handed_over();
    done
}

fn run(host: &Host, argv: &[String], deadline: Deadline) -> Result<()> {
    let shown = argv.join(" ");
    let mut words: Vec<_> = argv.iter().map(String::as_str).collect();
    let stand_in;
    if let Some(first) = words.first_mut().filter(|_| !host.is_live()) {
        // For a tree that stands in for a machine only a stand-in serves.
        let name = first.rsplit('/').next().unwrap_or(first);
        stand_in = qm::program(host, name, &shown)?;
        *first = &stand_in;
    }
    let output = command::run(&words, deadline.remaining())?;
    if output.status.success() {
        return Ok(());
    }
    Fault::problem(format!("{}: {}", clean(&shown), output.complaint())).fail()
}

fn stop(session: &Session, vmid: u32) -> Result<()> {
    let stopped = qm_verb(&session.host, "stop", vmid, session.deadline.within(STOP));
    // Whatever it said: who has no QEMU any more is stopped, and has to be started.
    if pve::qemu_pid(&session.host, vmid).is_none() { Ok(()) } else { stopped }
}

/// Starts a VM. What PVE still does about its end, such as `qm cleanup`, holds its lock for a while.
pub(super) fn start(host: &Host, vmid: u32) -> Result<()> {
    let deadline = Deadline::after(START);
    let mut tries = 1..TRIES;
    loop {
        let error = match qm_verb(host, "start", vmid, deadline) {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        let locked =
            ["can't lock file", "got timeout", "is locked"].iter().any(|words| error.to_string().contains(words));
        if !locked || tries.next().is_none() || deadline.remaining() < AGAIN || pve::qemu_pid(host, vmid).is_some() {
            return Err(error.context(format!("VM {vmid} is stopped now, and could not be started")));
        }
        thread::sleep(AGAIN);
    }
}

fn qm_verb(host: &Host, verb: &str, vmid: u32, deadline: Deadline) -> Result<()> {
    let shown = format!("qm {verb} {vmid}");
    let program = qm::program(host, "qm", &shown)?;
    let output = command::run(&[&program, verb, &vmid.to_string()], deadline.remaining())?;
    if output.status.success() {
        return Ok(());
    }
    Fault::problem(format!("{shown}: {}", output.complaint())).next(shown).fail()
}

fn open(host: &Host, instance: &Instance, deadline: &Deadline) -> Result<Monitor> {
    let id = shown(&instance.id);
    let Some(path) = &instance.qmp else { return Fault::problem(format!("{id}: it has no monitor")).fail() };
    Monitor::open_at(host, path, &deadline.within(MONITOR)).map_err(|trouble| fault(&id, "connect", &trouble).into())
}

fn fault(id: &str, what: &str, trouble: &Trouble) -> Fault {
    let text = format!("{id}: QMP {what}: {trouble}");
    match trouble {
        Trouble::Busy | Trouble::Full => Fault::busy(text).next("try again in a moment"),
        Trouble::NoAnswer => Fault::wedged(text),
        _ => Fault::problem(text),
    }
}

fn tell(monitor: &mut Monitor, instance: &Instance, command: &str) -> Result<()> {
    let told = monitor.execute(command, &json!({}));
    told.map(drop).map_err(|trouble| fault(&shown(&instance.id), command, &trouble).into())
}

fn state(monitor: &mut Monitor, instance: &Instance) -> Result<String> {
    let answer = monitor.execute("query-status", &json!({}));
    let answer = answer.map_err(|trouble| fault(&shown(&instance.id), "query-status", &trouble))?;
    Ok(answer.get("status").and_then(serde_json::Value::as_str).map(clean).unwrap_or_default())
}

fn changed<T>(instance: &Instance, state: &str) -> Result<T> {
    Fault::refused(format!("{}: its state is {state:?} by now, so it was left alone", shown(&instance.id))).fail()
}

fn go_on(session: &Session, instance: &Instance) -> Result<()> {
    let mut monitor = open(&session.host, instance, &session.deadline)?;
    match state(&mut monitor, instance)?.as_str() {
        "io-error" => tell(&mut monitor, instance, "cont"),
        other => changed(instance, other),
    }
}

fn reset(session: &Session, instance: &Instance) -> Result<()> {
    let mut monitor = open(&session.host, instance, &session.deadline)?;
    let now = state(&mut monitor, instance)?;
    if !HELD.contains(&now.as_str()) {
        return changed(instance, &now);
    }
    tell(&mut monitor, instance, "system_reset")?;
    // QEMU does it in its main loop, after it has answered; `cont` is refused until then.
    let deadline = Deadline::after(RESET);
    while HELD.contains(&state(&mut monitor, instance)?.as_str()) {
        if deadline.expired() {
            return Fault::problem(format!("{}: QEMU did not reset the machine", shown(&instance.id))).fail();
        }
        thread::sleep(TICK);
    }
    Ok(())
}

/// Lets a machine go on that was reset by somebody who then died; where it stands otherwise, nothing is done.
pub(super) fn go_on_after_reset(host: &Host, instance: &Instance) -> Result<Option<String>> {
    let mut monitor = open(host, instance, &Deadline::after(MONITOR))?;
    if state(&mut monitor, instance)? != "prelaunch" {
        return Ok(None);
    }
    tell(&mut monitor, instance, "cont")?;
    Ok(Some("it had reset the machine, which goes on now".into()))
}

fn resume(host: &Host, instance: &Instance) -> Result<()> {
    let mut monitor = open(host, instance, &Deadline::after(MONITOR))?;
    match state(&mut monitor, instance)?.as_str() {
        "running" => Ok(()),
        "prelaunch" => tell(&mut monitor, instance, "cont"),
        other => changed(instance, other),
    }
}
