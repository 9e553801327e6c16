//! `list` and `discover`: which VMs there are, and where they are looked for.

use crate::table;
use anyhow::Result;
use passthrough::{
    config::probe::Origin,
    fault::{Code, Fault},
    probe::{
        container, document,
        instance::Instance,
        now,
        service::{Attempt, Listing},
        source::Directory,
    },
    session::Session,
};
use serde_json::json;
use std::sync::Arc;

fn found(session: &Session) -> Arc<Listing> {
    Directory::new(&session.host, &session.config.probe).refresh(&session.deadline)
}

/// The list, or why there is none.
pub(super) fn listed(session: &Session) -> Result<Arc<Listing>> {
    let listing = found(session);
    if listing.origin.is_some() && listing.at > 0 {
        if let Some(left_out) = &listing.left_out {
            session.log.warn(left_out);
        }
        if let Some(failed) = listing.failed().filter(|_| listing.stands_in_for.is_some()) {
            session.log.warn(&format!("{}: {}; next: vm-probe discover", failed.source.word(), failed.detail));
        }
        return Ok(listing);
    }
    // Of a source that was named, only that one matters.
    let named = |attempt: &&Attempt| listing.origin.is_none_or(|origin| origin == attempt.source);
    let tried =
        listing.attempts.iter().filter(named).map(|attempt| format!("{}: {}", attempt.source.word(), attempt.detail));
    let tried = tried.collect::<Vec<_>>().join("; ");
    let next = listing.attempts.iter().filter(named).find_map(|attempt| attempt.next.clone());
    // How the one that is asked failed: a mistake, a refusal, no answer in time.
    let asked = listing.attempts.iter().find(|attempt| listing.origin == Some(attempt.source));
    let code = asked.map_or(Code::Problem, |attempt| attempt.code);
    let fault = Fault { code, ..Fault::problem(format!("VMs are not to be had: {tried}")) };
    fault.next(next.unwrap_or_else(|| "vm-probe discover".into())).fail()
}

pub(super) fn list(session: &Session) -> Result<u8> {
    let listing = listed(session)?;
    if listing.origin == Some(Origin::Container) && container::find(&session.host, &session.config.probe).is_err() {
        session.log.info("no QEMU runs here; what is listed is the one that ought to");
    }
    if session.output.is_json() {
        let instances: Vec<_> = listing.instances.iter().map(|one| document::instance(one, None)).collect();
        session.output.json(&json!({ "instances": instances, "source": listing.origin, "stale": listing.stale, "stands_in_for": listing.stands_in_for }))?;
    } else {
        session.output.text(&table::list(&listing, now()));
    }
    Ok(0)
}

pub(super) fn discover(session: &Session) -> Result<u8> {
    let listing = found(session);
    if session.output.is_json() {
        session.output.json(&document::discovery_info(&listing, now()))?;
    } else {
        session.output.text(&table::sources(&listing));
    }
    Ok(u8::from(listing.at == 0))
}

/// The instances that were named; all where none was.
pub(super) fn chosen(listing: &Listing, ids: &[String]) -> Result<Vec<Arc<Instance>>> {
    if ids.is_empty() {
        return Ok(listing.instances.clone());
    }
    let find = |id: &String| {
        let one = listing.instances.iter().find(|instance| instance.id == *id);
        one.cloned().ok_or_else(|| no_such(listing, id).into())
    };
    let unique = ids.iter().enumerate().filter(|(n, id)| !ids[..*n].contains(id));
    unique.map(|(_, id)| find(id)).collect()
}

/// Nothing is called that; a VM's name is no way to ask for it, as several may have the same.
fn no_such(listing: &Listing, id: &str) -> Fault {
    let named = listing.instances.iter().filter(|instance| instance.name == id).map(|instance| instance.id.as_str());
    let named: Vec<_> = named.collect();
    let (what, next) = match named.first() {
        None => (String::new(), "vm-probe list".to_owned()),
        Some(first) => {
            (format!(" by this id, but by this name: {}", named.join(", ")), format!("vm-probe check {first}"))
        }
    };
    Fault::usage(format!("{id}: there is no such VM{what}")).next(next)
}

/// Ends the run where nothing was written down of what is no VM; where no source answers, that cannot be told.
pub(super) fn known(session: &Session, id: &str) -> Result<()> {
    let listing = found(session);
    let told = listing.origin.is_some() && listing.at > 0 && listing.failed().is_none();
    if told && !listing.instances.iter().any(|instance| instance.id == id) {
        return Err(no_such(&listing, id).into());
    }
    Ok(())
}
