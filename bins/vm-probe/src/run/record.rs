//! `audit` and `history`: what is on record, of recoveries and of one VM's last hours.

use super::listing::known;
use anyhow::Result;
use passthrough::{
    fault::Fault,
    probe::{history as record, recover},
    session::Session,
};
use serde_json::json;

pub(super) fn audit(session: &Session, id: Option<&str>) -> Result<u8> {
    if let Some(why) = recover::audit::unreadable(&session.host) {
        return Fault::problem(format!("what was recovered is not known: {why}"))
            .next("ls -l /var/lib/pve-hooks")
            .fail();
    }
    let entries = recover::entries(&session.host, id);
    let damaged = recover::audit::damaged(&session.host);
    if damaged > 0 {
        session.log.warn(&format!("lines of the audit that cannot be understood, and are left out: {damaged}"));
    }
    if let Some(id) = id.filter(|_| entries.is_empty()) {
        known(session, id)?;
    }
    if session.output.is_json() {
        session.output.json(&json!({ "recoveries": entries }))?;
    } else {
        session.output.text(&recover::audit::text(&entries));
    }
    Ok(0)
}

pub(super) fn history(session: &Session, id: &str) -> Result<u8> {
    let Some(read) = record::read(&session.host, id) else {
        if let Some(why) = record::unreadable(&session.host) {
            return Fault::problem(format!("{id}: its record cannot be read: {why}"))
                .next("ls -l /var/lib/pve-hooks/probe")
                .fail();
        }
        known(session, id)?;
        let service = session.host.systemd_marker().exists();
        return Fault::problem(format!("{id}: there is no record of it; vm-probe serve keeps one"))
            .next(if service { "systemctl enable --now vm-probe" } else { "vm-probe serve" })
            .fail();
    };
    if session.output.is_json() {
        session.output.json(&read.json())?;
    } else {
        session.output.text(&read.text());
    }
    Ok(0)
}
