//! Why the monitor did not answer, told apart: absent is not busy, busy is not hung, hung is not an error.

use crate::fault::Fault;
use std::fmt;

/// Why a command has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// There is no socket: the VM does not run.
    Absent,
    /// There is a socket that nobody listens at; whether QEMU still lives is another matter.
    Refused,
    /// The same, and its process is gone.
    Ended,
    /// The queue of connections is full, whether QEMU serves anybody or not.
    Full,
    /// QEMU serves another client.
    Busy,
    /// QEMU serves nobody else and does not answer.
    NoAnswer,
    /// QEMU ended the session.
    Closed,
    /// What came is not the protocol; what it is instead.
    Garbage(String),
    /// QEMU answered that the command failed.
    Failed {
        /// `GenericError`, `DeviceNotFound` and so on.
        class: String,
        /// QEMU's own words.
        desc: String,
    },
    /// Somebody else answers in the place of the VM's QEMU: who.
    Stranger(String),
    /// The kernel refused; its words.
    System(String),
}

impl Trouble {
    /// Whether QEMU answered that there is no such device.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Failed { class, .. } if class == "DeviceNotFound")
    }

    /// The failure of `what` on a VM's monitor, with the exit code that fits.
    pub fn fault(&self, vmid: u32, what: &str) -> Fault {
        let text = format!("VM {vmid}: {what}: {self}");
        match self {
            Self::Busy | Self::Full => Fault::busy(text).next("try again in a moment"),
            Self::NoAnswer => Fault::wedged(text).next(format!("qm status {vmid} --verbose")),
            Self::Absent | Self::Refused | Self::Ended | Self::Closed => {
                Fault::problem(text).next(format!("qm status {vmid}"))
            }
            Self::Stranger(_) => Fault::refused(text).next(format!("ls -l /run/qemu-server/{vmid}.*")),
            Self::Garbage(_) | Self::Failed { .. } | Self::System(_) => Fault::problem(text),
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("there is no monitor socket"),
            Self::Refused => f.write_str("nobody listens at its monitor socket"),
            Self::Ended => f.write_str("nobody listens at its monitor socket, and QEMU's process has ended"),
            Self::Full => f.write_str("the queue of its monitor is full"),
            Self::Busy => f.write_str("its monitor is busy with another client"),
            Self::NoAnswer => f.write_str("QEMU's monitor does not answer"),
            Self::Stranger(who) => write!(f, "it is not this VM's: {who}"),
            Self::Closed => f.write_str("QEMU closed the session with its monitor"),
            Self::Garbage(what) => write!(f, "its monitor sent what is not its protocol: {what}"),
            Self::Failed { class, desc } if class == "GenericError" => write!(f, "QEMU says: {desc}"),
            Self::Failed { class, desc } => write!(f, "QEMU says: {desc} ({class})"),
            Self::System(words) => write!(f, "its monitor socket: {words}"),
        }
    }
}

impl std::error::Error for Trouble {}
