//! What this program itself takes.

use crate::host::{Host, read_text};
use nix::sys::{
    resource::{UsageWho, getrusage},
    time::TimeValLike,
};

/// Its own figures; `None` where the system does not tell.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Own {
    /// Seconds of processor time.
    pub cpu: Option<f64>,
    /// Bytes in memory.
    pub resident: Option<u64>,
}

impl Own {
    /// As they are now. They are this machine's, whatever tree is looked at.
    #[allow(clippy::cast_precision_loss)] // Microseconds of a process.
    pub fn read() -> Self {
        let usage = getrusage(UsageWho::RUSAGE_SELF).ok();
        let cpu = usage.map(|usage| (usage.user_time() + usage.system_time()).num_microseconds() as f64 / 1e6);
        let pid = i32::try_from(std::process::id()).unwrap_or_default();
        let status = read_text(&Host::default().process(pid).join("status")).ok();
        let resident = status.as_deref().and_then(|text| text.lines().find_map(|line| line.strip_prefix("VmRSS:")));
        let kilobytes = resident.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
        Self { cpu, resident: kilobytes.map(|kilobytes| kilobytes * 1024) }
    }
}
