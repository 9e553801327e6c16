//! Drivers that have to be registered before anything can be bound to them.

use super::{
    operation::Operation,
    plan::VFIO,
    policy::{Wanted, WantedDrivers},
};
use crate::{command, fault::Fault, modules, session::Session, tree};
use anyhow::{Context, Result};

/// Registers vfio-pci.
pub fn load_vfio(session: &Session) -> Result<()> {
    if tree::is_dir(&session.host.pci_driver(VFIO)) {
        return Ok(());
    }
    if session.dry_run {
        session.would("run modprobe vfio-pci");
        return Ok(());
    }
    only_here(session)?;
    let output = command::run(&["modprobe", "--", VFIO], session.deadline.remaining())?;
    output.check().context("cannot load vfio-pci")
}

/// Loads the drivers that are not registered, and learns their names.
pub fn load_modules(op: &Operation, mut wanted: WantedDrivers) -> Result<WantedDrivers> {
    let host = &op.session.host;
    for (address, want) in &mut wanted {
        let Some(Wanted { driver, module }) = want else { continue };
        if driver.as_ref().is_some_and(|driver| tree::is_dir(&host.pci_driver(driver))) {
            continue;
        }
        let name = module.clone().or_else(|| driver.clone()).unwrap_or_default();
        if op.session.dry_run {
            op.session.would(&format!("run modprobe {name}"));
            continue;
        }
        only_here(op.session)?;
        let output = command::run(&["modprobe", "--", &name], op.deadline.remaining())?;
        output.check().with_context(|| format!("{address}: cannot load its host driver {name}"))?;
        if driver.is_none() {
            *driver = modules::drivers_of(host, &name).into_iter().next();
        }
        if driver.is_none() {
            return Fault::problem(format!("{address}: the module {name} registered no PCI driver"))
                .next(format!("name the driver in {}", host.config_file().display()))
                .fail();
        }
    }
    Ok(wanted)
}

/// A tree that stands in for a machine has no kernel to load a module into, and this machine's must be left alone.
fn only_here(session: &Session) -> Result<()> {
    if session.host.is_live() {
        return Ok(());
    }
    Fault::refused("--root: no module is loaded for a tree that is only looked at").next("add -n").fail()
}
