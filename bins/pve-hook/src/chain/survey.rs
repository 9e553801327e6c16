//! What lies in hooks.d and hooks.d/VMID, and what of it may run.

use passthrough::{fault::Fault, host::Host, tree};
use std::{
    ffi::OsString,
    fs::{self, Metadata},
    io::{self, ErrorKind},
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    path::{Path, PathBuf},
};

/// Why a file is not run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// Such as an editor's leavings.
    Hidden,
    /// Switched off, or not meant to be run.
    NotExecutable,
    /// A directory, say.
    NoFile,
    /// It is about to run as root.
    NotOnlyRoots,
    /// Who can change this directory on the way to it can put another file in its place.
    Way(String),
    /// A link whose target cannot be reached, and why.
    Dangling(String),
}

impl Obstacle {
    /// Why, in words that follow the file's name.
    pub fn why(&self) -> String {
        match self {
            Self::Hidden => "its name begins with a dot".into(),
            Self::NotExecutable => "it is not executable".into(),
            Self::NoFile => "it is not a file".into(),
            Self::NotOnlyRoots => "not only root can change it".into(),
            Self::Way(dir) => format!("not only root can change it, as {dir} is on the way to it"),
            Self::Dangling(error) => format!("its target cannot be reached: {error}"),
        }
    }

    /// The command that cures it, on the file as the host spells it.
    pub fn cure(&self, shown: &str) -> String {
        match self {
            Self::Hidden => match shown.rsplit_once('/') {
                Some((dir, name)) => format!("mv {shown} {dir}/{}", name.trim_start_matches('.')),
                None => format!("mv {shown} {}", shown.trim_start_matches('.')),
            },
            Self::NotExecutable => format!("chmod +x {shown}"),
            Self::NoFile => format!("ls -l {shown}"),
            Self::NotOnlyRoots => secure(shown),
            Self::Way(dir) if is_common(dir) => format!("move what {shown} leads to into a directory of root's"),
            Self::Way(dir) => secure(dir),
            Self::Dangling(_) => format!("rm {shown}   # or put back what it leads to"),
        }
    }
}

fn secure(path: &str) -> String {
    format!("chown root: {path} && chmod go-w {path}")
}

/// Whether a directory is everybody's on purpose: taking it from them is no cure.
fn is_common(dir: &str) -> bool {
    fs::metadata(dir).is_ok_and(|meta| meta.mode() & 0o1000 != 0)
}

/// More links than that in one path are a circle; the kernel's own bound.
const MOST_LINKS: usize = 40;

fn only_roots(meta: &Metadata) -> bool {
    meta.uid() == 0 && meta.mode() & 0o022 == 0
}

/// The first directory on the way to a file, through all links, that not only root can change.
pub(super) fn loose_directory(file: &Path) -> io::Result<Option<PathBuf>> {
    let parts = |path: &Path| path.components().rev().map(|part| part.as_os_str().to_owned()).collect::<Vec<_>>();
    let (mut here, mut ahead, mut links) = (PathBuf::from("/"), parts(file), 0);
    while let Some(part) = ahead.pop() {
        if !only_roots(&fs::metadata(&here)?) {
            return Ok(Some(here));
        }
        if part == ".." {
            here.pop();
            continue;
        }
        let next = here.join(&part);
        if !fs::symlink_metadata(&next)?.is_symlink() {
            here = next;
            continue;
        }
        links += 1;
        if links > MOST_LINKS {
            return Err(io::Error::from_raw_os_error(nix::libc::ELOOP));
        }
        ahead.extend(parts(&fs::read_link(&next)?));
    }
    Ok(None)
}

/// What keeps a file from being run: only an executable file runs that nobody but root can change or replace.
pub fn obstacle(host: &Host, file: &Path) -> Option<Obstacle> {
    if file.file_name().is_some_and(|name| name.as_bytes().starts_with(b".")) {
        return Some(Obstacle::Hidden);
    }
    let meta = match tree::metadata(file) {
        Ok(meta) => meta,
        Err(error) => return Some(Obstacle::Dangling(error.to_string())),
    };
    match () {
        () if !meta.is_file() => Some(Obstacle::NoFile),
        () if meta.mode() & 0o111 == 0 => Some(Obstacle::NotExecutable),
        // In a copied tree the owners are somebody's who copied it.
        () if !host.is_live() => None,
        () if !only_roots(&meta) => Some(Obstacle::NotOnlyRoots),
        () => match loose_directory(file) {
            Ok(loose) => loose.map(|dir| Obstacle::Way(dir.display().to_string())),
            Err(error) => Some(Obstacle::Dangling(error.to_string())),
        },
    }
}

/// What was found for one VM.
#[derive(Debug, Default)]
pub struct Survey {
    /// What is run, in this order.
    pub scripts: Vec<PathBuf>,
    /// What was meant to be run and cannot be.
    pub broken: Vec<Fault>,
    /// What is not run and perhaps should be.
    pub warnings: Vec<String>,
    /// What is not run, as is usual.
    pub details: Vec<String>,
}

/// Looks at hooks.d, then at hooks.d/VMID.
pub fn survey(host: &Host, vmid: u32) -> Survey {
    let mut found = Survey::default();
    let dir = host.hooks_d();
    found.look(host, &dir, Some(vmid));
    let own = dir.join(vmid.to_string());
    let shown = host.shown(&own);
    // By way of a link, the scripts of another directory would run, perhaps for a second time.
    match tree::symlink_metadata(&own) {
        Ok(meta) if meta.is_dir() => found.look(host, &own, None),
        // One that leads nowhere has been complained about above.
        Ok(_) if tree::exists(&own) => {
            let next = format!("rm {shown} && mkdir {shown}");
            found.warnings.push(format!("{shown} is not a directory, so nothing in it is run; next: {next}"));
        }
        _ => {}
    }
    found
}

impl Survey {
    /// Looks at one directory; `common_to` is the VM where the directory is every VM's.
    fn look(&mut self, host: &Host, dir: &Path, common_to: Option<u32>) {
        let names = match sorted(dir) {
            Err(error) if error.kind() == ErrorKind::NotFound => return,
            Err(error) => return self.warnings.push(format!("{}: {error}; nothing in it is run", host.shown(dir))),
            Ok(names) => names,
        };
        for name in names {
            let file = dir.join(&name);
            let number = name.to_str().and_then(|name| name.parse::<u32>().ok()).filter(|_| common_to.is_some());
            // A VM's directory has its own turn.
            if number.is_none() || !tree::is_dir(&file) {
                self.take(host, file, number.is_some() && number != common_to);
            }
        }
    }

    fn take(&mut self, host: &Host, file: PathBuf, other_vms: bool) {
        let shown = host.shown(&file);
        match obstacle(host, &file) {
            None if file.file_name().is_some_and(|name| name.to_str().is_none()) => {
                let dir = file.parent().map(|dir| host.shown(dir)).unwrap_or_default();
                self.warnings
                    .push(format!("{shown} is not run: its name is not UTF-8; next: ls -b {dir}   # rename it"));
            }
            None => self.scripts.push(file),
            // Gone since the directory was read, or the directory of another VM.
            Some(Obstacle::Dangling(_)) if other_vms || tree::symlink_metadata(&file).is_err() => {}
            Some(why @ Obstacle::Dangling(_)) => {
                let fault = Fault::problem(format!("{shown} cannot be run: {}", why.why()));
                self.broken.push(fault.next(why.cure(&shown)));
            }
            Some(why @ (Obstacle::NotOnlyRoots | Obstacle::Way(_))) => {
                self.warnings.push(format!("{shown} is not run: {}; next: {}", why.why(), why.cure(&shown)));
            }
            Some(why) => self.details.push(format!("{shown} is not run: {}", why.why())),
        }
    }
}

/// The names in a directory, also those that are no text.
fn sorted(dir: &Path) -> io::Result<Vec<OsString>> {
    let mut names = tree::read_dir(dir)?.map(|entry| Ok(entry?.file_name())).collect::<io::Result<Vec<_>>>()?;
    names.sort();
    Ok(names)
}
