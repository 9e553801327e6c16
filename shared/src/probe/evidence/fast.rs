//! What the host's own files say of a VM, and its network and sound.

use super::Counters;
use crate::probe::figure::Figure;
use serde::Serialize;

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
