//! QEMU itself: its process, its monitor, what it says of the machine, and its VNC server.

use super::{Case, Found, clean};
use crate::probe::{
    evidence::{Deep, Disk, ProcessState, Qmp, Vnc},
    verdict::{Status, Symptom},
};

/// Looks at a VM that is on.
pub(super) fn look(case: &Case, found: &mut Found) {
    if case.process() == Some(ProcessState::Halted) {
        return halted(case, found);
    }
    let Some(deep) = case.deep else { return unasked(case, found) };
    if case.process() == Some(ProcessState::Gone) && deep.qmp == Qmp::Ok {
        found.doubt("its monitor answers, and its pid file is missing or names another process");
    }
    let hung = monitor(case, deep, found);
    if let Some(state) = case.run_state() {
        run_state(case, deep, state, found);
    }
    if deep.qmp == Qmp::Ok
        && let Some(why) = deep.run_state.reason()
    {
        found.doubt(format!("whether the machine runs is not known: {}", clean(why)));
    }
    if deep.migrating.get() == Some(&true) {
        found.note("it is migrating, or its state is being saved");
    }
    if !hung {
        vnc(case, deep, found);
    }
}

fn unasked(case: &Case, found: &mut Found) {
    if (case.instance.qmp.is_some() || case.instance.vnc.is_some()) && case.evidence.deep.is_none() {
        found.doubt("QEMU was not asked yet");
    }
}

/// Monitor and VNC server still accept, and say nothing: that follows, and is no news.
fn halted(case: &Case, found: &mut Found) {
    if case.at_work().is_some() {
        return found.doubt(format!("{} is halted (SIGSTOP, or a debugger) meanwhile", case.qemu()));
    }
    let pid = case.fast.and_then(|fast| fast.process.get()).map_or(0, |process| process.pid);
    let text = format!("{} was halted by somebody (SIGSTOP, or a debugger), so nothing of it answers", case.qemu());
    found.ill(Symptom::ProcessHalted, Status::Unhealthy, text, (pid > 0).then(|| format!("kill -CONT {pid}")));
}

/// Returns whether QEMU hangs.
fn monitor(case: &Case, deep: &Deep, found: &mut Found) -> bool {
    let alive = case.process() == Some(ProcessState::Alive);
    // The monitor may greet, or serve somebody, by a thread of its own. VNC's greeting comes from the main loop, without
    // which no command is ever answered.
    let stands = deep.qmp == Qmp::Busy && deep.vnc == Vnc::Silent;
    match &deep.qmp {
        Qmp::Hung | Qmp::Busy if (stands || deep.qmp == Qmp::Hung) && case.at_work().is_some() => {
            found.doubt(format!("{} does not answer meanwhile", case.qemu()));
            return true;
        }
        Qmp::Busy if stands => {
            let text = format!(
                "{} hangs: its VNC server accepts and does not say a word (waited {} ms), and its monitor is busy with \
                 somebody else",
                case.qemu(),
                deep.took
            );
            found.ill(Symptom::QmpHung, Status::Unhealthy, text, case.recover());
            return true;
        }
        Qmp::Hung => {
            let also = if deep.vnc == Vnc::Silent { ", nor does its VNC server" } else { "" };
            let how = match deep.answered {
                None => "accepts and does not say a word".to_owned(),
                Some(0) => "greets and answers nothing".to_owned(),
                Some(n) => format!("greets, answers {n} questions, and stops in the midst of it"),
            };
            let text = format!("{} hangs: its monitor {how} (waited {} ms){also}", case.qemu(), deep.took);
            found.ill(Symptom::QmpHung, Status::Unhealthy, text, case.recover());
            return true;
        }
        Qmp::Refused | Qmp::Absent if alive && case.at_work().is_none() => {
            let how = if deep.qmp == Qmp::Refused { "nobody listens at its monitor" } else { "its monitor is missing" };
            let text = format!("{} lives, and {how}: PVE cannot reach it", case.qemu());
            found.ill(Symptom::QmpGone, Status::Degraded, text, case.qm("status"));
        }
        Qmp::Refused | Qmp::Absent => {
            found.doubt("its monitor is not there");
            if let Some(why) = case.fast.and_then(|fast| fast.process.reason()) {
                found.note(format!("whether its process lives is not known: {}", clean(why)));
            }
        }
        Qmp::Busy => found.note("its monitor is busy with somebody else: the run state is not known"),
        Qmp::Unknown(why) => found.doubt(format!("its monitor could not be asked: {}", clean(why))),
        Qmp::Ok | Qmp::NotAsked => {}
    }
    false
}

fn run_state(case: &Case, deep: &Deep, state: &str, found: &mut Found) {
    match state {
        "running" => {}
        "io-error" => disk(case, deep, found),
        "internal-error" => {
            let text = "QEMU or KVM stopped the machine: internal error";
            found.ill(Symptom::InternalError, Status::Unhealthy, text, case.recover());
        }
        "watchdog" => {
            let text = "the guest did not feed its watchdog any more, and QEMU stopped the machine";
            found.ill(Symptom::InternalError, Status::Unhealthy, text, case.recover());
        }
        "guest-panicked" => {
            let text = "the guest's kernel panicked, and QEMU stopped the machine";
            found.ill(Symptom::GuestPanicked, Status::Unhealthy, text, case.recover());
        }
        "paused" if case.at_work().is_some() => found.note("paused meanwhile"),
        "paused" => found.note("paused by a person"),
        "suspended" => found.note("the guest sleeps (suspended to memory)"),
        "shutdown" => {
            found.off = true;
            found.note("the guest has shut down, and QEMU is about to end");
        }
        "prelaunch" => found.note("QEMU is loaded, and its machine not started yet"),
        "inmigrate" => found.note("it is coming from another node"),
        "finish-migrate" => found.note("its migration is about to end"),
        "postmigrate" => found.note("it has moved to another node, or its state was saved"),
        "save-vm" => found.note("its state is being saved"),
        "restore-vm" => found.note("its state is being restored"),
        "debug" => found.note("a debugger stopped the machine"),
        "colo" => found.note("it stands by for another QEMU (COLO)"),
        other => found.doubt(format!("QEMU calls its state {:?}, which is not known here", clean(other))),
    }
}

fn disk(case: &Case, deep: &Deep, found: &mut Found) {
    let disks = deep.disks.get().map(Vec::as_slice).unwrap_or_default();
    let with = |status: &str| disks.iter().find(|disk| disk.io_status.as_deref() == Some(status));
    let called = |disk: &Disk| match clean(&disk.file) {
        file if file.is_empty() => clean(&disk.name),
        file => format!("{} ({file})", clean(&disk.name)),
    };
    if let Some(full) = with("nospace") {
        let text = format!("the storage of {} is full, and QEMU stopped the machine", called(full));
        let next = case.qm("resume").map(|command| format!("make room, then {command}"));
        return found.ill(Symptom::NoSpace, Status::Unhealthy, text, next);
    }
    let which = with("failed").map_or_else(|| "a disk".to_owned(), called);
    let text = format!("{which} failed to read or write, and QEMU stopped the machine");
    let next = case.qm("resume").map(|command| format!("once its storage works again: {command}"));
    found.ill(Symptom::IoError, Status::Unhealthy, text, next);
}

fn vnc(case: &Case, deep: &Deep, found: &mut Found) {
    let display = case.instance.hardware.as_ref().map(|hardware| hardware.display);
    if display == Some(false) || case.run_state().is_some_and(is_passing) {
        return;
    }
    let busy = case.at_work().is_some();
    // Whether there is a QEMU at all is not known: then nothing of it is missing.
    let nobody = matches!(deep.qmp, Qmp::Refused | Qmp::Absent) && case.process() != Some(ProcessState::Alive);
    match &deep.vnc {
        Vnc::Refused | Vnc::Absent if nobody => found.note("nor is its VNC server"),
        Vnc::Silent if busy => found.note("its VNC server does not answer meanwhile"),
        Vnc::Refused | Vnc::Absent if busy => found.note("its VNC server is not there meanwhile"),
        Vnc::Silent => {
            let text = "its VNC server accepts and does not say a word";
            found.ill(Symptom::VncSilent, Status::Degraded, text, None);
        }
        Vnc::Refused => found.ill(Symptom::VncGone, Status::Degraded, "nobody listens at its VNC server", None),
        Vnc::Absent if display.is_none() => found.note("it has no VNC socket, and whether it ought to is not known"),
        Vnc::Absent => found.ill(Symptom::VncGone, Status::Degraded, "its VNC socket is missing", None),
        Vnc::Stranger(who) => found.doubt(format!("its VNC server is not this VM's: {}", clean(who))),
        Vnc::Unknown(why) => found.note(format!("its VNC server could not be asked: {}", clean(why))),
        Vnc::Banner(_) | Vnc::NotAsked => {}
    }
}

/// States in which QEMU comes or goes.
pub(super) fn is_passing(state: &str) -> bool {
    matches!(
        state,
        "shutdown" | "prelaunch" | "inmigrate" | "finish-migrate" | "postmigrate" | "save-vm" | "restore-vm"
    )
}
