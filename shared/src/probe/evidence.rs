//! What was measured of one VM. The tiers are kept apart: none ever overwrites another, and each says when it was taken.

pub use crate::net::Counters;

use super::{figure::Figure, instance::Instance};
use serde::Serialize;
use std::{collections::BTreeMap, sync::Arc};

/// Everything that is known of one VM.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// What it is.
    pub instance: Arc<Instance>,
    /// Read from the host's own files, every few seconds.
    pub fast: Option<Arc<Fast>>,
    /// Asked of QEMU.
    pub deep: Option<Arc<Deep>>,
    /// Costly, and only on demand.
    pub slow: Option<Arc<Slow>>,
    /// What the VM, its container or its API says of itself.
    pub remote: Option<Arc<Remote>>,
    /// The administrator's own checks, by name.
    pub checks: BTreeMap<String, Checked>,
}

impl Evidence {
    /// An instance of which nothing was measured.
    pub fn new(instance: Arc<Instance>) -> Self {
        Self { instance, fast: None, deep: None, slow: None, remote: None, checks: BTreeMap::new() }
    }
}

/// Read from the host's own files.
#[derive(Debug, Clone, PartialEq)]
pub struct Fast {
    /// When, in milliseconds since 1970.
    pub at: u64,
    /// QEMU's process.
    pub process: Figure<Process>,
    /// Percent of the VM's processors; needs two readings.
    pub cpu: Figure<f64>,
    /// Bytes of memory in use, without the page cache.
    pub memory: Figure<u64>,
    /// Percent of the memory that the VM has.
    pub memory_percent: Figure<f64>,
    /// Percent of the time in which some task of the VM waited, over the last minute.
    pub pressure: Figure<Pressure>,
    /// Percent of the host's processors that are at work; needs two readings.
    pub host_cpu: Figure<f64>,
    /// Percent of the host's memory in use.
    pub host_memory: Figure<f64>,
    /// The host's load over the last minute.
    pub load_average: Figure<f64>,
    /// The host's ends of the network cards.
    pub nics: Figure<Vec<NicReading>>,
    /// `PulseAudio` and ALSA, in a container.
    pub sound: Figure<Sound>,
}

/// A process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its number, or that of one which has ended and left its pid file; 0 where there is none.
    pub pid: i32,
    /// What it does.
    pub state: ProcessState,
}

/// What a process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ProcessState {
    /// It lives.
    Alive,
    /// Somebody stopped it (`SIGSTOP`, a debugger).
    Halted,
    /// It has ended.
    Gone,
}

/// `some avg60` of the pressure files, in percent.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Pressure {
    /// For a processor.
    pub cpu: Option<f64>,
    /// For memory.
    pub memory: Option<f64>,
    /// For a disk.
    pub io: Option<f64>,
}

/// The host's end of one network card.
#[derive(Debug, Clone, PartialEq)]
pub struct NicReading {
    /// `net0`.
    pub key: String,
    /// `tap111i0`.
    pub tap: String,
    /// The bridge that it ought to reach.
    pub bridge: Option<String>,
    /// Whether the configuration unplugs its cable: then nothing is expected of it.
    pub link_down: bool,
    /// Whether the interface exists.
    pub present: Figure<bool>,
    /// Whether it is up, with QEMU at its other end.
    pub up: Figure<bool>,
    /// Whether every link from the tap to the bridge is there and up; the text says what is not.
    pub path: Figure<Path>,
    /// What went through it.
    pub counters: Figure<Counters>,
    /// How much a second; needs two readings.
    pub rates: Figure<Rates>,
}

/// The way from the tap to its bridge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Path {
    /// Whole.
    Whole,
    /// An interface is no port of the bridge that it belongs to.
    NoPort {
        /// The interface.
        interface: String,
        /// Where it belongs.
        bridge: String,
    },
    /// An interface is down.
    Down(String),
    /// An interface is missing.
    Missing(String),
}

/// Per second.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Rates {
    /// Bytes from the guest.
    pub rx_bytes: f64,
    /// Bytes to the guest.
    pub tx_bytes: f64,
    /// Errors in both directions.
    pub errors: f64,
    /// Drops in both directions.
    pub dropped: f64,
}

/// Sound servers and cards of a container.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sound {
    /// Whether `PulseAudio` (or `PipeWire` in its place) runs; `None` where there is none to run.
    pub server_running: Option<bool>,
    /// Its sinks, where it was asked.
    pub sinks: Option<u32>,
    /// ALSA cards.
    pub alsa_cards: u32,
    /// `pulse`, `alsa`, `none`.
    pub backend: &'static str,
}

/// Asked of QEMU.
#[derive(Debug, Clone, PartialEq)]
pub struct Deep {
    /// When, in milliseconds since 1970.
    pub at: u64,
    /// How long it took, in milliseconds.
    pub took: u64,
    /// How the monitor answered.
    pub qmp: Qmp,
    /// How many questions it answered; `None` where it did not even greet.
    pub answered: Option<usize>,
    /// `query-status`: `running`, `paused`, `io-error` and so on.
    pub run_state: Figure<String>,
    /// Its disks.
    pub disks: Figure<Vec<Disk>>,
    /// What the balloon and its guest driver say.
    pub guest_memory: Figure<GuestMemory>,
    /// Whether it is migrating (or its state is being saved).
    pub migrating: Figure<bool>,
    /// Network cards whose cable QEMU has unplugged (`set_link off`), by id; not every QEMU tells.
    pub unplugged: Figure<Vec<String>>,
    /// How the VNC server answered.
    pub vnc: Vnc,
    /// How many people look at it by VNC.
    pub vnc_clients: Figure<u32>,
    /// Whether it has an audio device at all.
    pub audio_device: Figure<bool>,
}

/// How the monitor answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Qmp {
    /// It greeted, and answered by its deadline.
    Ok,
    /// It accepted the connection and said nothing, or nothing more.
    Hung,
    /// It serves somebody else.
    Busy,
    /// There is no socket.
    Absent,
    /// Nobody listens at the socket.
    Refused,
    /// It said what is not its protocol, or could not be asked.
    Unknown(String),
    /// The source names no monitor.
    NotAsked,
}

impl Qmp {
    /// The word for it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Hung => "hung",
            Self::Busy => "busy",
            Self::Absent => "absent",
            Self::Refused => "refused",
            Self::Unknown(_) => "unknown",
            Self::NotAsked => "not_asked",
        }
    }
}

/// How the VNC server answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Vnc {
    /// `RFB 003.008`.
    Banner(String),
    /// It accepted the connection and said nothing.
    Silent,
    /// Nobody listens.
    Refused,
    /// There is no socket.
    Absent,
    /// Somebody else answers in its place: who.
    Stranger(String),
    /// Something else is wrong: in the system's own words.
    Unknown(String),
    /// The VM has none to be asked.
    NotAsked,
}

/// One disk.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Disk {
    /// `drive-scsi0`.
    pub name: String,
    /// `ok`, `failed`, `nospace`.
    pub io_status: Option<String>,
    /// Bytes read.
    pub read_bytes: u64,
    /// Bytes written.
    pub written_bytes: u64,
    /// Failed reads.
    pub failed_reads: u64,
    /// Failed writes.
    pub failed_writes: u64,
    /// The file or volume behind it.
    pub file: String,
}

/// The guest's own view of its memory, in bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GuestMemory {
    /// What the balloon leaves it.
    pub actual: Option<u64>,
    /// All.
    pub total: Option<u64>,
    /// Free.
    pub free: Option<u64>,
    /// Available.
    pub available: Option<u64>,
}

/// Costly, and only on demand.
#[derive(Debug, Clone, PartialEq)]
pub struct Slow {
    /// When, in milliseconds since 1970.
    pub at: u64,
    /// How often the picture changes, per second.
    pub frames: Figure<f64>,
    /// Whether the picture changed at all, or is anything but one colour.
    pub display: Figure<Display>,
    /// Root mean square of a short recording, 0 to 1.
    pub audio_level: Figure<f64>,
    /// Whether the guest agent answers.
    pub agent: Figure<Agent>,
    /// Memory that QEMU has to itself (PSS), in bytes.
    pub memory: Figure<u64>,
}

/// A picture.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Display {
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Whether it is all of one colour.
    pub blank: bool,
    /// Whether it changed while it was looked at.
    pub changed: bool,
}

/// The guest agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Agent {
    /// It answers.
    Ok {
        /// Whether the guest's file systems are frozen.
        frozen: Option<bool>,
        /// The guest's addresses.
        addresses: Vec<String>,
    },
    /// It does not.
    Silent,
    /// Somebody else talks to it.
    Busy,
}

/// What the VM, its container or its API says of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Remote {
    /// When it was asked, in milliseconds since 1970.
    pub at: u64,
    /// Where.
    pub url: String,
    /// The report, or why there is none.
    pub report: Result<serde_json::Value, String>,
    /// Whether the failure is that of the way there (refused, timed out), rather than of the answer.
    pub unreachable: bool,
}

impl Remote {
    /// The first of these figures that its report has: whatever else stands there is none.
    pub fn number(&self, pointers: &[&str]) -> Option<f64> {
        let report = self.report.as_ref().ok()?;
        let figure = |pointer: &&str| report.pointer(pointer)?.as_f64();
        pointers.iter().find_map(figure).filter(|figure| figure.is_finite() && *figure >= 0.0)
    }

    /// Percent of its processors.
    pub fn cpu(&self) -> Option<f64> {
        self.number(&["/performance/qemu_cpu", "/performance/cpu_usage"])
    }

    /// Percent of its memory.
    pub fn memory(&self) -> Option<f64> {
        self.number(&["/performance/qemu_memory", "/performance/memory_usage"])
    }

    /// The sum of counters, as far as it has all of them.
    pub fn count(&self, pointers: &[&str]) -> Option<u64> {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // No less than nothing, and it saturates.
        let one = |pointer: &&str| self.number(&[*pointer]).map(|count| count as u64);
        pointers.iter().map(one).try_fold(0u64, |sum, count| Some(sum.saturating_add(count?)))
    }
}

/// What one of the administrator's own checks said.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    /// When, in milliseconds since 1970.
    pub at: u64,
    /// How long it took, in milliseconds.
    pub took: u64,
    /// Whether it passed; `None` where that is not known (the agent is silent).
    pub passed: Option<bool>,
    /// What it said.
    pub detail: String,
    /// The class that a failure counts for.
    pub class: crate::config::probe::Class,
}
