//! The hookscript that a VM had before: a link in hooks.d/VMID runs it, and a file remembers it.

use super::VOLUME;
use crate::{
    chain::{Obstacle, obstacle},
    own,
};
use anyhow::{Context, Result};
use passthrough::{
    fault::Fault,
    host::{names, read_if_there},
    pve::{self, qm},
    session::Session,
    state, tree,
};
use std::{
    io::ErrorKind,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

/// What was put in place for one VM, and what is undone when it comes to nothing.
pub struct Chained {
    vmid: u32,
    volume: String,
    /// A link only if it was not there already.
    made: Vec<PathBuf>,
}

/// A link rather than a move: other VMs may use the same snippet.
pub fn put(session: &Session, vmid: u32, volume: &str) -> Result<Chained> {
    let target = runnable(session, vmid, volume)?;
    let link = link(session, vmid, volume);
    let mut chained = Chained { vmid, volume: volume.to_owned(), made: Vec::new() };
    if session.dry_run {
        session.would(&format!("link {} to {}", session.host.shown(&link), session.host.shown(&target)));
        return Ok(chained);
    }
    let done = chained.make(session, &target, &link);
    if done.is_err() {
        chained.undo(session);
    }
    done.map(|()| chained)
}

/// The file behind a volume, if it can run from hooks.d: what would be skipped there at every start is not chained.
fn runnable(session: &Session, vmid: u32, volume: &str) -> Result<PathBuf> {
    let target = qm::snippet_path(&session.host, volume).filter(|path| tree::is_file(path));
    let Some(target) = target else {
        return Fault::problem(format!("VM {vmid}: cannot find the file behind {volume}"))
            .next(format!("pvesm path {volume}   # --replace drops it"))
            .fail();
    };
    if own::is_program(&session.host, &target) {
        return Fault::refused(format!("VM {vmid}: {volume} is pve-hook itself, which is not chained to itself"))
            .next(format!("pve-hook register {vmid} --replace"))
            .fail();
    }
    let Some(why) = obstacle(&session.host, &target) else { return Ok(target) };
    let shown = session.host.shown(&target);
    let mut cure = why.cure(&shown);
    if why == Obstacle::Hidden {
        let storage = volume.split(':').next().unwrap_or_default();
        let name = name(volume).trim_start_matches('.');
        cure.push_str(&format!(" && qm set {vmid} --hookscript {storage}:snippets/{name}"));
    }
    Fault::refused(format!("VM {vmid}: {volume} would not run from hooks.d/{vmid}: {}", why.why()))
        .next(format!("{cure}   # --replace drops it"))
        .fail()
}

impl Chained {
    fn make(&mut self, session: &Session, target: &Path, link: &Path) -> Result<()> {
        let shown = session.host.shown(link);
        let dir = link.parent().unwrap_or(link);
        tree::create_dirs(dir, 0o755).with_context(|| format!("cannot create {}", session.host.shown(dir)))?;
        // A link is followed from where it lies, not from here.
        let target = std::path::absolute(target).with_context(|| target.display().to_string())?;
        match tree::entry(link).and_then(|place| symlink(&target, place)) {
            Ok(()) => self.made.push(link.to_owned()),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                if tree::read_link(link).ok().as_ref() != Some(&target) {
                    let what = format!("VM {}: {shown} is there already and is not a link to", self.vmid);
                    return Fault::problem(format!("{what} {}", session.host.shown(&target)))
                        .next(format!("ls -l {shown}   # and move it out of the way"))
                        .fail();
                }
            }
            Err(error) => return Err(error).with_context(|| format!("cannot create {shown}")),
        }
        // One from earlier means nothing: the VM has another hookscript than ours.
        let memory = memory(session, self.vmid);
        self.made.push(memory.clone());
        state::save(&memory, &self.volume)
    }

    /// After qm failed. It may have been killed when it was done already: then the link is all that runs the old script.
    pub fn undo_unless_registered(self, session: &Session) {
        let config = pve::load(&session.host, self.vmid);
        if !session.dry_run && config.is_ok_and(|config| config.hookscript.as_deref() != Some(VOLUME)) {
            self.undo(session);
        }
    }

    fn undo(&self, session: &Session) {
        for path in &self.made {
            if let Err(error) = state::remove(path) {
                session.log.warn(&format!("{error:#}; next: rm {}", session.host.shown(path)));
            }
        }
    }

    /// To be said when it is so.
    pub fn tell(&self, session: &Session) {
        if !session.dry_run {
            let link = session.host.shown(&link(session, self.vmid, &self.volume));
            session.log.change(&format!("VM {}: {} runs from {link} now", self.vmid, self.volume));
        }
    }
}

/// The hookscript that was chained, if one was. Where that was remembered and is lost, somebody has to say.
pub fn before(session: &Session, vmid: u32) -> Result<Option<String>> {
    let file = memory(session, vmid);
    let shown = session.host.shown(&file);
    let text = read_if_there(&file).map_err(|error| error.to_string());
    let why = match &text {
        Ok(None) => return Ok(None),
        Ok(Some(text)) => match serde_json::from_str::<String>(text) {
            Ok(volume) if is_volume(&volume) => return Ok(Some(volume)),
            _ if text.trim().is_empty() => "is empty",
            _ => "names no snippet",
        },
        Err(error) => error,
    };
    let dir = session.host.hooks_d().join(vmid.to_string());
    let Some((name, snippet)) = candidate(session, &dir) else { return Ok(None) };
    let link = session.host.shown(&dir.join(name));
    Fault::problem(format!("VM {vmid}: {shown} {why}, so which hookscript {link} stands for is not known"))
        .next(format!("qm set {vmid} --hookscript {snippet} && rm {link} {shown}"))
        .fail()
}

fn is_volume(text: &str) -> bool {
    let parts = text.split_once(":snippets/");
    parts.is_some_and(|(storage, name)| !storage.is_empty() && !storage.starts_with('-') && !name.is_empty())
}

/// What in hooks.d/VMID was most likely chained: its name, and the volume as far as that can be told.
fn candidate(session: &Session, dir: &Path) -> Option<(String, String)> {
    let snippets = tree::canonicalize(&session.host.snippets()).unwrap_or_default();
    let local = |name: &String| {
        let target = dir.join(tree::read_link(&dir.join(name)).ok()?);
        (tree::canonicalize(target.parent()?).ok()? == snippets).then_some(target)
    };
    let names = names(dir);
    let linked = names.iter().find_map(|name| Some((name.clone(), local(name)?)));
    match linked {
        Some((name, target)) => {
            let file = target.file_name()?.to_string_lossy().into_owned();
            Some((name, format!("local:snippets/{file}")))
        }
        None => names.into_iter().next().map(|name| (name.clone(), format!("STORAGE:snippets/{name}"))),
    }
}

/// Takes away the link and what was remembered, once the VM has its old hookscript back.
pub fn forget(session: &Session, vmid: u32, before: Option<&str>) -> Result<()> {
    if let Some(volume) = before {
        let link = link(session, vmid, volume);
        let shown = session.host.shown(&link);
        match tree::symlink_metadata(&link) {
            Ok(meta) if meta.is_symlink() => state::remove(&link)?,
            Ok(_) => session.log.warn(&format!("{shown} is not the link that was made; left alone")),
            Err(_) => {}
        }
    }
    state::remove(&memory(session, vmid))
}

/// Where it is remembered which hookscript was chained.
fn memory(session: &Session, vmid: u32) -> PathBuf {
    session.host.lib_dir().join("chained").join(vmid.to_string())
}

fn link(session: &Session, vmid: u32, volume: &str) -> PathBuf {
    session.host.hooks_d().join(vmid.to_string()).join(name(volume))
}

fn name(volume: &str) -> &str {
    volume.rsplit('/').next().unwrap_or(volume)
}
