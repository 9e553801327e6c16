//! `recover`: what would be done about one VM, and with `--apply` what was.

use super::{
    check::readings,
    listing::{chosen, listed},
};
use crate::table;
use anyhow::Result;
use passthrough::{
    deadline::Deadline,
    fault::Fault,
    probe::{
        look::{self, Want},
        recover::{self, Context, Ended},
        verdict::Status,
    },
    session::Session,
};
use serde_json::json;

pub(super) fn recover(session: &Session, id: &str, apply: bool) -> Result<u8> {
    if apply && !session.dry_run {
        session.require_root()?;
        // A recovery that was killed may have stopped a VM and not yet started it again: that comes first.
        for entry in recover::heal(session) {
            session.log.warn(&format!("{}: a recovery was interrupted: {}", entry.id, entry.detail));
        }
    }
    let listing = listed(session)?;
    let instances = chosen(&listing, &[id.to_owned()])?;
    // How many others are ill decides whether the node is at fault, so all are looked at.
    let everybody = readings(session, &listing.instances, Want { slow: false, agent: true, checks: true })?;
    let ill_at_once = everybody.iter().filter(|reading| reading.verdict.status == Status::Unhealthy).count();
    let Some(reading) = everybody.into_iter().find(|reading| reading.evidence.instance.id == instances[0].id) else {
        return Fault::problem(format!("{id} is gone")).next("vm-probe list").fail();
    };
    let context = Context::person(ill_at_once);
    let nothing =
        reading.verdict.problems.is_empty() && matches!(reading.verdict.status, Status::Healthy | Status::Stopped);
    if apply && !nothing {
        let settings = &session.config.probe;
        let instance = &reading.evidence.instance;
        let mut again = || look::one(&session.host, settings, instance, &Deadline::after(super::LOOK));
        let outcome = recover::run(session, &reading.evidence, &reading.verdict, &context, &mut again)?;
        if session.output.is_json() {
            session.output.json(
                &json!({ "id": id, "result": outcome.result, "text": outcome.text, "commands": outcome.commands }),
            )?;
        } else {
            session.output.text(&outcome.text);
        }
        let done = matches!(outcome.result, Ended::Recovered | Ended::Needless | Ended::Planned);
        let ill = outcome.result == Ended::Recovered && outcome.verdict.recovery_needed;
        if ill {
            session.log.info(&format!("{id} is still {}; next: vm-probe check {id}", outcome.verdict.status.word()));
        }
        return Ok(u8::from(!done || ill));
    }
    let preview = recover::preview(session, &reading.evidence, &reading.verdict, &context);
    if session.output.is_json() {
        let problems: Vec<_> = reading.verdict.problems.iter().map(|problem| problem.text.clone()).collect();
        session.output.json(&json!({ "id": id, "recovery": preview, "errors": problems }))?;
    } else {
        session.output.text(&table::recovery(&reading, &preview, recover::books(session).doubt(id)));
    }
    Ok(0)
}
