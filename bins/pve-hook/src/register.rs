//! Making this the hookscript of VMs, without losing the one that is there.

use crate::cli::{Register, Which};
use anyhow::{Context, Result};
use passthrough::{
    fault::Fault,
    pve::{self, VmConfig, qm},
    session::Session,
    state,
};
use std::{
    fs::{self, DirBuilder},
    os::unix::fs::{DirBuilderExt, PermissionsExt, symlink},
    path::PathBuf,
};

/// How PVE calls our snippet.
pub const VOLUME: &str = "local:snippets/pve-hook";

/// Registers VMs; one that is refused does not keep the others.
pub fn register(session: &Session, what: &Register) -> Result<u8> {
    session.require_root()?;
    script_is_there(session)?;
    each(session, &what.which, |config| register_one(session, config, what))
}

/// Unregisters VMs.
pub fn unregister(session: &Session, which: &Which) -> Result<u8> {
    session.require_root()?;
    each(session, which, |config| unregister_one(session, config))
}

/// PVE refuses to start a VM whose hookscript is missing or not executable.
pub fn script_is_there(session: &Session) -> Result<()> {
    let path = session.host.snippets().join("pve-hook");
    let shown = session.host.shown(&path);
    match fs::metadata(&path) {
        Ok(meta) if meta.is_file() && meta.permissions().mode() & 0o111 != 0 => Ok(()),
        Ok(_) => Fault::problem(format!("{shown} is not an executable file")).next(format!("chmod +x {shown}")).fail(),
        Err(error) => {
            let link = "ln -s /usr/sbin/pve-hook /var/lib/vz/snippets/pve-hook";
            Fault::problem(format!("{shown}: {error}")).next(format!("{link}   (or install again)")).fail()
        }
    }
}

fn each(session: &Session, which: &Which, act: impl Fn(&VmConfig) -> Result<()>) -> Result<u8> {
    let configs = if which.all {
        let (configs, errors) = pve::load_all(&session.host);
        for (_, error) in &errors {
            session.log.warn(&format!("{error:#}"));
        }
        configs.into_iter().filter(|c| c.has_passthrough() && !c.template).collect()
    } else {
        which.vmids.iter().map(|vmid| pve::load(&session.host, *vmid)).collect::<Result<Vec<_>>>()?
    };
    if configs.is_empty() {
        session.log.info("nothing to do: no VM passes devices through");
    }
    let mut result = Ok(());
    for config in configs {
        if let Err(error) = act(&config) {
            if result.is_err() {
                session.log.warn(&format!("{error:#}"));
            }
            result = result.and(Err(error));
        }
    }
    result.map(|()| 0)
}

fn register_one(session: &Session, config: &VmConfig, what: &Register) -> Result<()> {
    let vmid = config.vmid;
    match config.hookscript.as_deref() {
        Some(VOLUME) => {
            session.log.info(&format!("VM {vmid} has it already"));
            return Ok(());
        }
        Some(other) if what.chain => chain(session, vmid, other)?,
        Some(_) if what.replace => {}
        Some(other) => {
            return Fault::refused(format!("VM {vmid} has another hookscript: {other}"))
                .next(format!("pve-hook register {vmid} --chain   (keeps it, in hooks.d/{vmid}) or --replace"))
                .fail();
        }
        None => {}
    }
    set(session, vmid, Some(VOLUME))
}

fn unregister_one(session: &Session, config: &VmConfig) -> Result<()> {
    let vmid = config.vmid;
    match config.hookscript.as_deref() {
        Some(VOLUME) => {}
        other => {
            let has = other.map_or_else(|| "no hookscript".into(), |other| format!("another hookscript: {other}"));
            session.log.info(&format!("VM {vmid} has {has}; left alone"));
            return Ok(());
        }
    }
    let before: Option<String> = state::load(&chained(session, vmid));
    set(session, vmid, before.as_deref())?;
    if let Some(volume) = before.filter(|_| !session.dry_run) {
        let _ = fs::remove_file(link(session, vmid, &volume));
        state::remove(&chained(session, vmid))?;
    }
    Ok(())
}

fn set(session: &Session, vmid: u32, volume: Option<&str>) -> Result<()> {
    if session.dry_run {
        session.would(&format!("run {}", qm::set_hookscript_command(vmid, volume).join(" ")));
        return Ok(());
    }
    qm::set_hookscript(&session.host, vmid, volume, session.deadline.remaining(), false)?;
    match volume {
        Some(volume) => session.log.change(&format!("VM {vmid}: hookscript is {volume}")),
        None => session.log.change(&format!("VM {vmid}: no hookscript any more")),
    }
    Ok(())
}

/// Where it is remembered which hookscript was chained.
fn chained(session: &Session, vmid: u32) -> PathBuf {
    session.host.lib_dir().join("chained").join(vmid.to_string())
}

fn link(session: &Session, vmid: u32, volume: &str) -> PathBuf {
    let name = volume.rsplit('/').next().unwrap_or(volume);
    session.host.hooks_d().join(vmid.to_string()).join(name)
}

/// A link rather than a move: other VMs may use the same snippet.
fn chain(session: &Session, vmid: u32, volume: &str) -> Result<()> {
    let target = qm::snippet_path(&session.host, volume).filter(|path| path.is_file());
    let Some(target) = target else {
        return Fault::problem(format!("VM {vmid}: cannot find the file behind {volume}"))
            .next(format!("pvesm path {volume}   (--replace drops it)"))
            .fail();
    };
    let link = link(session, vmid, volume);
    if session.dry_run {
        session.would(&format!("link {} to {}", session.host.shown(&link), target.display()));
        return Ok(());
    }
    let dir = link.parent().unwrap_or(&link);
    DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(dir)
        .with_context(|| format!("cannot create {}", dir.display()))?;
    state::save(&chained(session, vmid), &volume)?;
    match symlink(&target, &link) {
        Err(error)
            if error.kind() == std::io::ErrorKind::AlreadyExists && fs::read_link(&link).ok() == Some(target) => {}
        other => other.with_context(|| format!("cannot create {}", link.display()))?,
    }
    session.log.change(&format!("VM {vmid}: {volume} runs from {} now", session.host.shown(&link)));
    Ok(())
}
