//! What QEMU says of a VM.

use crate::probe::figure::Figure;

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
