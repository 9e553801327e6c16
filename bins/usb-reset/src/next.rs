//! What to type next, after a reset that did not help.

use crate::run::Report;
use passthrough::{
    proc, pve,
    session::Session,
    tree,
    usb::{
        Passed, UsbDevice,
        reset::{Attempt, Outcome, Rung, auto},
    },
};

/// After a reset that was not refused and did not cure: the least that was not tried yet.
pub fn after_failure(session: &Session, device: &UsbDevice<'_>, report: &Report<'_>) -> Option<String> {
    let port = &device.port;
    let Attempt { rung, outcome } = report.attempts.last()?;
    if *rung == Rung::Controller {
        return Some("journalctl -k -n 50".into());
    }
    if report.before.is_none() && report.after.is_none() && *rung >= Rung::Port {
        return Some("check cable, plug and power; then usb-reset list".into());
    }
    if !report.single {
        return controller(device);
    }
    let skipped = matches!(outcome, Outcome::Skipped(_));
    if *rung == Rung::Replug
        && skipped
        && let Some(vmid) = stopped_vm(session, device)
    {
        return Some(format!("qm start {vmid}   # or, without that VM: usb-reset {port}"));
    }
    let has_switch = device.hub_port().is_some_and(|port| tree::exists(&port.disable()));
    let ladder: Vec<Rung> =
        auto(session, device).into_iter().filter(|rung| *rung != Rung::Port || has_switch).collect();
    let smaller = ladder.first().is_some_and(|first| first > rung) && !ladder.contains(rung);
    if (skipped || smaller) && ladder.iter().any(|other| other != rung) {
        return Some(format!("usb-reset {port}   # by the least that fits"));
    }
    match ladder.into_iter().find(|other| other > rung) {
        Some(larger) => Some(format!("usb-reset {port} --rung {larger}")),
        None if *rung < Rung::HubPower => Some(format!("usb-reset {port} --rung hub-power")),
        None => controller(device),
    }
}

/// The first VM that is given it and does not run.
fn stopped_vm(session: &Session, device: &UsbDevice<'_>) -> Option<u32> {
    let (all, _) = Passed::all(&session.host);
    all.iter().find(|p| p.means(device) && pve::qemu_pid(&session.host, p.vmid).is_none()).map(|p| p.vmid)
}

/// After one that was refused before anything was changed.
pub fn after_refusal(session: &Session, device: &UsbDevice<'_>, attempt: &Attempt, why: &str) -> String {
    let port = &device.port;
    // Where it is the only thing in the way. Behind the first place stand names that others chose.
    let holder = why.split_once(": ").filter(|_| !why.contains("; ")).and_then(|(_, rest)| rest.strip_prefix("pid "));
    let holder = holder.and_then(|rest| rest.split(' ').next()?.parse().ok());
    let unread = why.split_once(" is not known: cannot read ").and_then(|(_, rest)| rest.split(": ").next());
    let next = match attempt.rung {
        _ if device.is_root_hub() => below(device),
        _ if unread.is_some() => unread.map(|file| format!("ls -l {file}")),
        Rung::Controller if why.contains("--controller ") => controller(device),
        Rung::Ioctl if !auto(session, device).contains(&Rung::Ioctl) => {
            Some(format!("usb-reset {port}   # a VM's device: replug, port"))
        }
        _ => holder
            .and_then(|pid| proc::stop_command(&session.host, pid))
            .map(|stop| format!("{stop} && usb-reset {port}")),
    };
    next.unwrap_or_else(|| "usb-reset list   # who uses what".into())
}

/// A root hub is reset by way of what hangs on its controller, best by what hangs on its own bus.
fn below(hub: &UsbDevice<'_>) -> Option<String> {
    let all = hub.controller()?.devices();
    let own = all.iter().find(|device| device.is_below(hub)).or_else(|| all.first())?;
    controller(own)
}

/// The last rung is never climbed without being asked for.
fn controller(device: &UsbDevice<'_>) -> Option<String> {
    let controller = device.controller().filter(|controller| controller.address.is_some())?;
    let others = controller.devices().iter().filter(|other| other.port != device.port).count();
    let name = controller.name();
    let with = match others {
        0 => "nothing else hangs on it".to_owned(),
        1 => "with one other device".to_owned(),
        n => format!("with {n} other devices"),
    };
    Some(format!("usb-reset {} --rung controller --controller {name}   # {with}", device.port))
}
