//! What runs that died left undone: ports and controllers that are off, devices that QEMU gave up.

use super::{replug, reset};
use crate::{lock, session::Session};
use anyhow::Result;

/// Brings it all to its end; what was done, in words.
pub fn heal(session: &Session) -> Result<Vec<String>> {
    lock::usable(&session.host)?;
    let switched = reset::heal(session);
    // A port that stays off keeps no VM from getting its device back.
    let mut healed = replug::heal(session)?;
    healed.extend(switched?);
    Ok(healed)
}
