//! What a VM is found to be: its status, the class of a failure, and each problem with its next command.

use crate::config::probe::Class;
use serde::Serialize;
use std::fmt;

/// How a VM is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Nothing is wrong.
    Healthy,
    /// It is off, as it should be.
    Stopped,
    /// It cannot be told.
    #[default]
    Unknown,
    /// Something is wrong, and it works.
    Degraded,
    /// It does not work.
    Unhealthy,
}

impl Status {
    /// All of them, the best first; their places are their numbers where numbers are told.
    pub const ALL: [Self; 5] = [Self::Healthy, Self::Stopped, Self::Unknown, Self::Degraded, Self::Unhealthy];

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Stopped => "stopped",
            Self::Unknown => "unknown",
            Self::Degraded => "degraded",
            Self::Unhealthy => "unhealthy",
        }
    }
}

/// Whose failure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FailureType {
    /// There is none.
    #[default]
    None,
    /// The way to the VM.
    Network,
    /// QEMU, the machine or what runs in it.
    Qemu,
    /// Who looks at it.
    Client,
    /// More than one of them.
    Mixed,
}

impl FailureType {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Network => "network",
            Self::Qemu => "qemu",
            Self::Client => "client",
            Self::Mixed => "mixed",
        }
    }
}

/// The part of a VM that a problem is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Subsystem {
    /// Process and monitor.
    Qemu,
    /// Display and VNC.
    Video,
    /// Sound.
    Audio,
    /// Processor, memory, pressure.
    Performance,
    /// Cards, taps, bridges.
    Network,
    /// Disks.
    Disk,
    /// The guest agent.
    Agent,
    /// A check of the administrator's own.
    Check,
}

/// What exactly is wrong: by this a recovery is planned, and proven afterwards.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Symptom {
    /// QEMU's process has ended, and ought to run.
    ProcessGone,
    /// Somebody halted QEMU's process.
    ProcessHalted,
    /// The monitor accepts and says nothing.
    QmpHung,
    /// Nobody listens at the monitor, and the process lives.
    QmpGone,
    /// The VNC server is gone.
    VncGone,
    /// The VNC server accepts and says nothing.
    VncSilent,
    /// A disk failed, and QEMU stopped the machine.
    IoError,
    /// A disk's storage is full, and QEMU stopped the machine.
    NoSpace,
    /// QEMU or KVM stopped the machine.
    InternalError,
    /// The guest panicked.
    GuestPanicked,
    /// The guest has shut down, and QEMU stays.
    ShutDown,
    /// The named tap is missing.
    TapGone(String),
    /// The named interface is down.
    InterfaceDown(String),
    /// The named interface is no port of its bridge.
    NoPort(String),
    /// The named bridge (or a link on the way to it) is missing or down.
    BridgeDown(String),
    /// Errors or drops on the named interface.
    NetworkErrors(String),
    /// A processor is used up.
    Cpu,
    /// Memory is used up.
    Memory,
    /// Its tasks wait too much.
    Pressure,
    /// A sound server that there is does not run.
    Audio,
    /// The named check failed.
    Check(String),
    /// Its own report cannot be had.
    Unreachable,
    /// Its own report says so: the subsystem's word.
    Reported(String),
}

impl fmt::Display for Symptom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ProcessGone => f.write_str("process_gone"),
            Self::ProcessHalted => f.write_str("process_halted"),
            Self::QmpHung => f.write_str("qmp_hung"),
            Self::QmpGone => f.write_str("qmp_gone"),
            Self::VncGone => f.write_str("vnc_gone"),
            Self::VncSilent => f.write_str("vnc_silent"),
            Self::IoError => f.write_str("io_error"),
            Self::NoSpace => f.write_str("no_space"),
            Self::InternalError => f.write_str("internal_error"),
            Self::GuestPanicked => f.write_str("guest_panicked"),
            Self::ShutDown => f.write_str("shut_down"),
            Self::TapGone(name) => write!(f, "tap_gone:{name}"),
            Self::InterfaceDown(name) => write!(f, "interface_down:{name}"),
            Self::NoPort(name) => write!(f, "no_port:{name}"),
            Self::BridgeDown(name) => write!(f, "bridge_down:{name}"),
            Self::NetworkErrors(name) => write!(f, "network_errors:{name}"),
            Self::Cpu => f.write_str("cpu"),
            Self::Memory => f.write_str("memory"),
            Self::Pressure => f.write_str("pressure"),
            Self::Audio => f.write_str("audio"),
            Self::Check(name) => write!(f, "check:{name}"),
            Self::Unreachable => f.write_str("unreachable"),
            Self::Reported(what) => write!(f, "reported:{what}"),
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What.
    pub symptom: Symptom,
    /// Whose failure.
    pub class: Class,
    /// Where.
    pub subsystem: Subsystem,
    /// How bad: [`Status::Degraded`] or [`Status::Unhealthy`].
    pub status: Status,
    /// A sentence with the evidence, for people.
    pub text: String,
    /// What to type next.
    pub next: Option<String>,
}

/// What the evidence means.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verdict {
    /// How it is.
    pub status: Status,
    /// Whose failure.
    pub failure_type: FailureType,
    /// What is wrong, the worst first.
    pub problems: Vec<Problem>,
    /// What is strange, understood and no failure: `paused by a person`, `locked: backup`, `the agent is silent`.
    pub notes: Vec<String>,
    /// Whether a recovery would be called for, were it allowed.
    pub recovery_needed: bool,
}
