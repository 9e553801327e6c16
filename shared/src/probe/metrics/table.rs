//! Every metric that there is: what it is called, what it means, and who writes it.

use super::{
    daemon::{self, Seen},
    vm,
    write::Samples,
};
use crate::probe::service::Reading;

/// What sort of figure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It goes up and down.
    Gauge,
    /// It only grows, but for restarts.
    Counter,
    /// It has only labels, and the value 1.
    Info,
}

impl Kind {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Gauge => "gauge",
            Self::Counter => "counter",
            Self::Info => "info",
        }
    }

    pub(super) fn suffix(self) -> &'static str {
        match self {
            Self::Gauge => "",
            Self::Counter => "_total",
            Self::Info => "_info",
        }
    }
}

#[derive(Clone, Copy)]
pub(super) enum Of {
    /// One of the daemon's own.
    Daemon(fn(&Seen<'_>, &mut Samples<'_>)),
    /// One of each VM.
    Vm(fn(&Reading, &mut Samples<'_>)),
}

/// One metric.
#[derive(Clone, Copy)]
pub struct Family {
    /// Its name without `vm_probe_` before it and `_total` or `_info` behind it.
    pub name: &'static str,
    /// What sort of figure it is.
    pub kind: Kind,
    /// What it means, as a sentence without its full stop.
    pub help: &'static str,
    pub(super) of: Of,
}

impl Family {
    /// The name of its samples.
    pub fn sample(&self) -> String {
        format!("vm_probe_{}{}", self.name, self.kind.suffix())
    }

    /// Its unit; empty where it has none.
    pub fn unit(&self) -> &'static str {
        let units = ["bytes", "hertz", "ratio", "seconds"];
        let last = self.name.rsplit('_').next();
        units.into_iter().find(|unit| Some(*unit) == last).unwrap_or_default()
    }
}

const fn daemon(name: &'static str, kind: Kind, help: &'static str, of: fn(&Seen<'_>, &mut Samples<'_>)) -> Family {
    Family { name, kind, help, of: Of::Daemon(of) }
}

const fn vm(name: &'static str, kind: Kind, help: &'static str, of: fn(&Reading, &mut Samples<'_>)) -> Family {
    Family { name, kind, help, of: Of::Vm(of) }
}

use Kind::{Counter, Gauge, Info};

/// All of them. The label `vmid` is the VMID, or what an instance without one is called by its source.
pub const FAMILIES: &[Family] = &[
    daemon("build", Info, "This program", daemon::build),
    daemon("process_cpu_seconds", Counter, "Processor time of this program", daemon::cpu),
    daemon("process_resident_memory_bytes", Gauge, "Memory of this program", daemon::memory),
    daemon("snapshot_age_seconds", Gauge, "Age of everything else that is told here", daemon::snapshot_age),
    daemon("discovery", Info, "Where VMs are found", daemon::discovery),
    daemon(
        "discovery_age_seconds",
        Gauge,
        "Since the source answered last; absent before it ever did",
        daemon::discovery_age,
    ),
    daemon(
        "discovery_stale",
        Gauge,
        "1 where the source does not answer: its last list is used, or the one written down by hand",
        daemon::discovery_stale,
    ),
    daemon("instances", Gauge, "VMs by status", daemon::instances),
    daemon("round_seconds", Gauge, "Duration of the last round by tier", daemon::rounds),
    daemon(
        "oldest_reading_age_seconds",
        Gauge,
        "Age of the oldest reading of a VM that is on, by tier",
        daemon::oldest,
    ),
    daemon("recoveries", Counter, "Recoveries since the start of this program, by result", daemon::recoveries),
    vm("vm", Info, "A VM: its name and node", vm::info),
    vm("status", Gauge, "0 healthy, 1 stopped, 2 unknown, 3 degraded, 4 unhealthy", vm::status),
    vm("problem", Gauge, "What is wrong: 3 it works, 4 it does not; absent where nothing is", vm::problem),
    vm("cpu_ratio", Gauge, "Use of the VM's processors", vm::cpu),
    vm("memory_ratio", Gauge, "Use of the VM's memory", vm::memory_ratio),
    vm("memory_bytes", Gauge, "Memory in use without page cache", vm::memory_bytes),
    vm("pressure_ratio", Gauge, "Share of the last minute in which tasks of the VM waited, by resource", vm::pressure),
    vm("net_in_bytes", Counter, "To the guest, by card (all, where the VM reports itself)", vm::net_in),
    vm("net_out_bytes", Counter, "From the guest, by card (all, where the VM reports itself)", vm::net_out),
    vm("net_errors", Counter, "Errors of the host's interface, by card", vm::net_errors),
    vm("net_drops", Counter, "Dropped packets of the host's interface, by card", vm::net_drops),
    vm("net_path_whole", Gauge, "1 where every link from the card to its bridge is there and up", vm::net_path),
    vm("disk_read_bytes", Counter, "Read by the VM, by disk", vm::disk_read),
    vm("disk_written_bytes", Counter, "Written by the VM, by disk", vm::disk_written),
    vm("disk_failures", Counter, "Failed reads and writes, by disk", vm::disk_failures),
    vm("qmp_up", Gauge, "1 where QEMU's monitor answers; absent while it serves somebody else", vm::qmp),
    vm("answer_seconds", Gauge, "How long QEMU took to answer", vm::answer),
    vm("vnc_up", Gauge, "1 where the VNC server greets", vm::vnc),
    vm("vnc_clients", Gauge, "People who look at it by VNC", vm::vnc_clients),
    vm("frames_hertz", Gauge, "How often the picture changes", vm::frames),
    vm("audio_level_ratio", Gauge, "How loud it is (root mean square)", vm::audio),
    vm("agent_up", Gauge, "1 where the guest agent answers", vm::agent),
    vm("check_passed", Gauge, "1 where a check of the administrator's own passed", vm::check_passed),
    vm("check_seconds", Gauge, "How long a check of the administrator's own took", vm::check_seconds),
    vm(
        "recovery_refused",
        Gauge,
        "1 where a recovery is called for and may not be; absent otherwise",
        vm::recovery_refused,
    ),
    vm(
        "recovery_attempts",
        Gauge,
        "Recoveries within the last hour; absent where there were none",
        vm::recovery_attempts,
    ),
    vm("recovery_attempts_left", Gauge, "How many more there may be; absent where there were none", vm::recovery_left),
];
