//! A start that fails after pre-start gets no further phase from PVE. So pre-start leaves a guard that waits until the
//! start has ended, and returns the devices if the VM does not run.

use passthrough::{
    command,
    gpu::{
        reconcile::{concerned, heal},
        record::Record,
        unit::Unit,
        world::LazyWorld,
    },
    pve::{self, config_lock},
    session::Session,
};
use std::{
    thread,
    time::{Duration, Instant},
};

/// How long a VM may take to show up when PVE's lock was never seen: the hook was called by hand.
const GRACE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(500);

/// Leaves a guard behind, as a transient unit of systemd so that it outlives PVE's task. Without systemd, reconcile does
/// its work.
pub fn leave(session: &Session, vmid: u32) {
    if !session.host.systemd_marker().is_dir() || !session.host.is_live() {
        session.log.detail("no systemd here: gpu-bind reconcile heals a start that fails");
        return;
    }
    let Ok(program) = std::env::current_exe() else { return };
    let unit = format!("--unit=pve-hook-guard-{vmid}-{}", std::process::id());
    let vmid = vmid.to_string();
    let program = program.to_string_lossy();
    let argv = ["systemd-run", "--no-block", "--collect", "--quiet", &unit, "--", &program, "guard", &vmid];
    if session.dry_run {
        session.would(&format!("run {}", argv.join(" ")));
        return;
    }
    let timeout = Duration::from_secs(5).min(session.deadline.remaining());
    let result = command::run(&argv, timeout).and_then(|output| output.check());
    if let Err(error) = result {
        session.log.warn(&format!("no guard for a start that fails ({error:#}); gpu-bind reconcile does its work"));
    }
}

/// The guard itself.
pub fn keep(session: &Session, vmid: u32) -> u8 {
    let begun = Instant::now();
    let mut seen_locked = false;
    while !session.deadline.expired() {
        let locked = config_lock::locked_by(&session.host, vmid).is_some();
        seen_locked |= locked;
        if !locked && (seen_locked || begun.elapsed() > GRACE) {
            if pve::qemu_pid(&session.host, vmid).is_some() {
                return 0;
            }
            if returned(session, vmid) {
                return 0;
            }
        }
        thread::sleep(PAUSE.min(session.deadline.remaining()));
    }
    session.log.warn(&format!("VM {vmid}: gave up waiting; next: gpu-bind reconcile"));
    1
}

/// Returns what was taken for the VM; true when nothing is left to do.
fn returned(session: &Session, vmid: u32) -> bool {
    let world = LazyWorld::new(&session.host);
    let taken = |unit: &Unit| Record::load(&session.host, unit).vmid == Some(vmid);
    let units: Vec<Unit> = concerned(session, &world).into_iter().filter(taken).collect();
    units.iter().all(|unit| {
        let healed = heal(session, unit, &world);
        if let Some(error) = &healed.error {
            session.log.warn(&format!("{}: {error}", unit.address));
        }
        healed.code == 0
    })
}
