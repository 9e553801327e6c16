//! Results, for people and for programs.

use anyhow::Result;
use passthrough::{
    gpu::{detach::Outcome, reconcile::Healed, status::Status, world::World},
    pci::Address,
    report::Table,
    session::Session,
};
use serde_json::json;

/// `gpu-bind status`.
pub fn statuses(session: &Session, list: &[Status], world: &World) -> Result<()> {
    if session.output.is_json() {
        return session.output.json(&json!({ "gpus": list }));
    }
    if list.is_empty() {
        session.output.text("no GPU on this host");
        return Ok(());
    }
    let mut table = Table::default();
    table.row(["GPU", "STATE", "DRIVER", "DRM", "VM", "HELD BY", "NAME"]);
    for gpu in list {
        let drivers = gpu.seen.functions.iter().map(|f| f.driver.as_deref().unwrap_or("-"));
        let vms = gpu.vms.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        table.row([
            gpu.address.to_string(),
            gpu.state.word().to_owned(),
            drivers.collect::<Vec<_>>().join(","),
            dash(&gpu.drm.join(",")),
            dash(&vms),
            gpu.held_by.as_ref().map_or_else(|| "-".into(), |h| h.title(world)),
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
        if !gpu.is_consistent() {
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

/// `gpu-bind detach`, `attach` and `cycle`.
pub fn outcomes(session: &Session, verb: &str, outcomes: &[(Address, Outcome)]) -> Result<()> {
    if !session.output.is_json() {
        return Ok(());
    }
    let word = |outcome: &Outcome| if *outcome == Outcome::Changed { "done" } else { "unchanged" };
    let gpus: Vec<_> = outcomes.iter().map(|(a, o)| json!({ "address": a, "result": word(o) })).collect();
    session
        .output
        .json(&json!({ "operation": verb, "dry_run": session.dry_run, "would": session.planned(), "gpus": gpus }))
}

/// `gpu-bind reconcile`.
pub fn healed(session: &Session, healed: &[Healed]) -> Result<()> {
    if session.output.is_json() {
        return session.output.json(&json!({ "dry_run": session.dry_run, "would": session.planned(), "gpus": healed }));
    }
    if healed.is_empty() {
        session.output.text("nothing to do: no VM passes a GPU through");
        return Ok(());
    }
    let mut table = Table::default();
    for h in healed {
        let error = h.error.as_ref().map(|e| format!(": {e}")).unwrap_or_default();
        table.row([h.address.to_string(), h.result.to_owned(), format!("{}{error}", h.why)]);
    }
    session.output.text(&table.render());
    Ok(())
}

fn dash(text: &str) -> String {
    if text.is_empty() { "-".into() } else { text.to_owned() }
}
