//! QEMU's process, from round to round.

use super::machine::text;
use crate::{
    host::{Host, read_file, read_text},
    probe::{
        evidence::{Process, ProcessState},
        figure::Figure,
    },
    proc::Stat,
    pve,
    reread::{Pool, Reread},
    tree,
};
use std::io::ErrorKind;

pub(super) const SOURCE: &str = "/proc/PID/stat";
const STATM: &str = "/proc/PID/statm";
/// `USER_HZ`, which is 100 wherever PVE runs.
const MICROSECONDS_PER_TICK: u64 = 10_000;

/// A process that was found to be QEMU. As long as its start time stays, it is the same, and nothing else is looked at.
#[derive(Debug)]
pub(super) struct Watched {
    pub pid: i32,
    start_time: u64,
    stat: Reread,
    statm: Reread,
}

impl Watched {
    pub fn new(host: &Host, pool: &mut Pool, pid: i32) -> Option<(Self, Stat)> {
        let dir = host.process(pid).into();
        let mut stat = Reread::new(&dir, "stat");
        let now = text(pool.read(&mut stat), Stat::parse).ok().filter(|now| !now.is_dead())?;
        Some((Self { pid, start_time: now.start_time, stat, statm: Reread::new(&dir, "statm") }, now))
    }

    /// What it does now; `None` when it has ended.
    pub fn read(&mut self, pool: &mut Pool) -> Option<Stat> {
        let now = text(pool.read(&mut self.stat), Stat::parse).ok()?;
        (now.start_time == self.start_time && !now.is_dead()).then_some(now)
    }

    /// Memory that it has in use, in bytes.
    pub fn resident(&mut self, pool: &mut Pool) -> Figure<u64> {
        let pages = text(pool.read(&mut self.statm), |text| text.split_ascii_whitespace().nth(1)?.parse::<u64>().ok());
        Figure { value: pages.map(|pages| pages.saturating_mul(page_size())), source: STATM }
    }
}

/// Microseconds of processor time that it took.
pub(super) fn used(stat: &Stat) -> u64 {
    stat.ticks.saturating_mul(MICROSECONDS_PER_TICK)
}

/// How it is told.
pub(super) fn figure(pid: i32, stat: &Stat) -> Figure<Process> {
    let state = if matches!(stat.state, 'T' | 't') { ProcessState::Halted } else { ProcessState::Alive };
    Figure::known(SOURCE, Process { pid, state })
}

/// The process of a VM of PVE; where there is none, whether that is certain.
pub(super) fn of_vm(host: &Host, vmid: u32) -> Result<i32, Figure<Process>> {
    const FILE: &str = "/run/qemu-server/VMID.pid";
    if let Some(pid) = pve::qemu_pid(host, vmid) {
        return Ok(pid);
    }
    let pid = match read_text(&host.qemu_run().join(format!("{vmid}.pid"))) {
        Ok(text) => text.trim().parse::<i32>().ok().filter(|pid| *pid > 0),
        Err(e) if e.kind() == ErrorKind::NotFound => None,
        Err(e) => return Err(Figure::unknown(FILE, e.to_string())),
    };
    // Who may not look at other people's processes does not know.
    let hidden = pid.and_then(|pid| read_file(&host.process(pid).join("cmdline")).err());
    match hidden.filter(|e| e.kind() == ErrorKind::PermissionDenied) {
        Some(error) => Err(Figure::unknown("/proc/PID/cmdline", error.to_string())),
        // Where not even the kernel's own figures are, there is no procfs, and a process that is not seen may live.
        None if pid.is_some() && !tree::exists(&host.proc().join("stat")) && pve::unseen(host).is_some() => {
            Err(Figure::unknown(SOURCE, pve::unseen(host).unwrap_or_default()))
        }
        // QEMU takes its pid file along when it ends in order: one that is left names the process that did not.
        None => Err(Figure::known(FILE, Process { pid: pid.unwrap_or(0), state: ProcessState::Gone })),
    }
}

/// There is none.
pub(super) fn gone(source: &'static str) -> Figure<Process> {
    Figure::known(source, Process { pid: 0, state: ProcessState::Gone })
}

fn page_size() -> u64 {
    nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE)
        .ok()
        .flatten()
        .and_then(|size| u64::try_from(size).ok())
        .unwrap_or(4096)
}
