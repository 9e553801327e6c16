//! Results, for people and for programs.

use anyhow::Result;
use passthrough::{
    fault::Fault,
    gpu::{detach::Outcome, reconcile::Healed, status::Status, target::Target, world::World},
    pci::Address,
    report::Table,
    session::Session,
    tree,
};
use serde_json::json;

/// `gpu-bind status`.
pub fn statuses(session: &Session, targets: &[Target], list: &[Status], world: &World) -> Result<()> {
    if session.output.is_json() {
        return session.output.json(&json!({ "gpus": list, "problems": world.problems }));
    }
    let quiet = session.log.is_quiet();
    let list: Vec<&Status> = list.iter().filter(|gpu| !quiet || !gpu.is_consistent()).collect();
    if list.is_empty() && quiet {
        return Ok(());
    }
    if list.is_empty() {
        let vm = targets.iter().find_map(|target| if let Target::Vm(vmid) = target { Some(vmid) } else { None });
        session.output.text(&vm.map_or_else(
            || "no GPU on this host".to_owned(),
            |vmid| format!("VM {vmid} is given no GPU of this host; its configuration: qm config {vmid}"),
        ));
        return Ok(());
    }
    let mut table = Table::default();
    table.row(["GPU", "STATE", "DRIVER", "DRM", "VM", "HELD BY", "NAME"]);
    for gpu in &list {
        let drivers = gpu.seen.functions.iter().map(|f| f.driver.as_deref().unwrap_or("-"));
        let vms = gpu.vms.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        table.row([
            gpu.address.to_string(),
            gpu.state.word().to_owned(),
            drivers.collect::<Vec<_>>().join(","),
            dash(&gpu.drm.join(",")),
            if vms.is_empty() && gpu.vms_unknown.is_some() { "unknown".into() } else { dash(&vms) },
            gpu.held_by.as_ref().map_or_else(|| nobody(gpu), |h| h.title(world)),
            gpu.name.clone(),
        ]);
    }
    let mut text = table.render();
    for gpu in list {
        let word = gpu.state.word();
        text = text.replacen(&format!("  {word}"), &format!("  {}", session.output.paint(gpu.state.colour(), word)), 1);
        for problem in &gpu.problems {
            let named = problem.starts_with(&gpu.address.slot.to_string());
            text.push_str(&if named { format!("{problem}\n") } else { format!("{}: {problem}\n", gpu.address) });
        }
        if let Some(hint) = gpu.hint() {
            text.push_str(&format!("{}: {hint}\n", gpu.address));
        }
        if gpu.state.is_consistent() && gpu.is_abandoned() {
            text.push_str(&format!("{}: next: gpu-bind reconcile\n", gpu.address));
        } else if !gpu.is_consistent() {
            text.push_str(&format!("{}: next: gpu-bind doctor {}\n", gpu.address, gpu.address));
        }
    }
    session.output.text(&text);
    Ok(())
}

/// `gpu-bind list`.
pub fn list(session: &Session, list: &[Status]) -> Result<()> {
    if session.output.is_json() {
        return session.output.json(&json!({ "gpus": list }));
    }
    let mut table = Table::default();
    table.row(["FUNCTION", "GROUP", "ID", "CLASS", "DRIVER", "NAME"]);
    for gpu in list {
        let group = gpu.iommu_group.map_or_else(|| "-".into(), |n| n.to_string());
        for f in &gpu.seen.functions {
            let id = format!("{:04x}:{:04x}", f.id.0, f.id.1);
            let name = if f.address == gpu.address { gpu.name.clone() } else { String::new() };
            let driver = f.driver.clone().unwrap_or_else(|| "-".into());
            table.row([f.address.to_string(), group.clone(), id, format!("{:06x}", f.class), driver, name]);
        }
    }
    session.output.text(&table.render());
    Ok(())
}

/// `gpu-bind detach`, `attach` and `cycle`: the first failure is the end of the run, and what was moved before it is told.
pub fn results(
    session: &Session,
    verb: &str,
    results: Vec<(Address, Result<Outcome>)>,
    problems: &[String],
) -> Result<u8> {
    let word = |outcome: &Result<Outcome>| match outcome {
        Ok(Outcome::Changed) if session.dry_run => "would be moved",
        Ok(Outcome::Changed) => "done",
        Ok(Outcome::Unchanged) => "unchanged",
        Err(_) => "failed",
    };
    if session.output.is_json() && results.iter().all(|(_, outcome)| outcome.is_ok()) {
        let gpus: Vec<_> = results.iter().map(|(a, o)| json!({ "address": a, "result": word(o) })).collect();
        let (dry_run, would) = (session.dry_run, session.planned());
        let document =
            json!({ "operation": verb, "dry_run": dry_run, "would": would, "gpus": gpus, "problems": problems });
        session.output.json(&document)?;
    }
    let moved =
        results.iter().filter(|(_, outcome)| matches!(outcome, Ok(Outcome::Changed))).map(|(a, _)| a.to_string());
    let moved = moved.collect::<Vec<_>>().join(", ");
    let mut failures = results.into_iter().filter_map(|(_, outcome)| outcome.err());
    let Some(first) = failures.next() else { return Ok(0) };
    for other in failures {
        session.log.warn(&format!("{other:#}"));
    }
    if moved.is_empty() || session.dry_run {
        return Err(first);
    }
    // Not "nothing was changed" any more, so not exit 3 or 5.
    let next = Fault::of(&first).and_then(|fault| fault.next.clone());
    let mut fault = Fault::problem(format!("{first:#}; before that, {verb} was done for {moved}"));
    fault.next = next;
    fault.fail()
}

/// `gpu-bind reconcile`. That there is nothing to do is told only where all VMs could be read.
pub fn healed(session: &Session, healed: &[Healed], world: &World, mut problems: Vec<String>) -> Result<()> {
    if session.output.is_json() {
        problems.extend(world.problems.iter().cloned());
        let (dry_run, would) = (session.dry_run, session.planned());
        let document = json!({ "dry_run": dry_run, "would": would, "gpus": healed, "problems": problems });
        return session.output.json(&document);
    }
    let quiet = session.log.is_quiet();
    let told = healed.iter().filter(|h| !quiet || !matches!(h.result, "unchanged" | "left alone"));
    let mut table = Table::default();
    for h in told {
        let error = h.error.as_ref().map(|e| format!(": {e}")).unwrap_or_default();
        table.row([h.address.to_string(), h.result.to_owned(), format!("{}{error}", h.why)]);
    }
    let text = table.render();
    if healed.is_empty() && !quiet && !world.unread {
        let pve = tree::is_dir(&session.host.pve());
        session.output.text(&if pve {
            "nothing to do: no VM passes a GPU through".to_owned()
        } else {
            format!(
                "nothing to do: this is no Proxmox VE host: {} is not there",
                session.host.shown(&session.host.pve())
            )
        });
    } else if !text.is_empty() {
        session.output.text(&text);
    }
    Ok(())
}

fn nobody(gpu: &Status) -> String {
    if gpu.held_by_unknown.is_some() { "unknown".into() } else { "-".into() }
}

fn dash(text: &str) -> String {
    if text.is_empty() { "-".into() } else { text.to_owned() }
}
