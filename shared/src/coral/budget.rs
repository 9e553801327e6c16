//! How often a VM may be rebooted without anybody being asked.

use crate::{budget::Budget, fault::Fault, session::Session};
use anyhow::Result;

/// So many reboots in an hour.
pub const MOST: usize = 3;
const REBOOTS: Budget = Budget { name: "coral-reboots", most: MOST };

/// Takes one reboot out of a VM's budget, before it is done. Returns which one of this hour it is.
pub fn take(session: &Session, vmid: u32) -> Result<usize> {
    let id = vmid.to_string();
    let left = match REBOOTS.take(&session.host, &id, "coral-check: reboot", &session.lock_deadline())? {
        Ok(nth) => return Ok(nth),
        Err(left) => left,
    };
    let minutes = left.wait.div_ceil(60);
    let why = if left.unreadable {
        "how often it was is not known: the book could not be read".to_owned()
    } else {
        format!("it was {MOST} times within the hour already")
    };
    Fault::refused(format!("VM {vmid} is not rebooted, {why}; the next time in {minutes} minutes"))
        .next(format!("qm reboot {vmid}"))
        .fail()
}

/// How many reboots of the last hour are on the books; all of them where the books cannot be read.
pub fn used(host: &crate::host::Host, vmid: u32) -> usize {
    REBOOTS.times(host, &vmid.to_string()).map_or(MOST, |times| times.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::Config, deadline::Deadline, fault::Code, host::Host, log::Log, report::Output};
    use std::time::Duration;

    #[test]
    fn the_fourth_in_an_hour_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let deadline = Deadline::after(Duration::from_secs(20));
        let host = Host::new(dir.path());
        let session = Session::new(host, Config::default(), deadline, Log::new("test", -1), Output::new(false));
        for n in 1..=MOST {
            assert_eq!(take(&session, 275).unwrap(), n);
        }
        let error = take(&session, 275).unwrap_err();
        assert_eq!(Fault::code_of(&error), Code::Refused);
        assert_eq!(used(&session.host, 275), MOST);
    }
}
