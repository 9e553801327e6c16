//! One lock for everybody who moves the same devices, with a deadline and the holder's name.
//!
//! Lock files are never unlinked (a second file of the same name would be a second lock). The holder is written inside after
//! the lock was taken; a [`crate::sysfs::Worker`] that outlives its caller goes on holding it.

#[cfg(test)]
pub(crate) mod tests;

use crate::{clock, deadline::Deadline, fault::Fault, host::Host, proc, tree};
use anyhow::{Context, Result};
use fs2::FileExt;
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File, OpenOptions},
    io::{ErrorKind, Read, Seek, SeekFrom, Write},
    os::{
        fd::{AsRawFd, RawFd},
        unix::fs::{MetadataExt, OpenOptionsExt},
    },
    path::{Path, PathBuf},
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Who holds a lock.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Holder {
    /// The process that took it.
    pub pid: i32,
    /// When that process started, which with the pid names it for good.
    pub started: Option<u64>,
    /// The process that writes to sysfs on its behalf, and keeps the lock when the first one dies.
    pub worker: Option<i32>,
    /// When that one started.
    pub worker_started: Option<u64>,
    /// What it is doing.
    pub command: String,
    /// Since when, in seconds of the epoch.
    pub since: u64,
}

impl Holder {
    /// The one of its processes that is still there: the worker may have outlived its caller. `None` where neither is, so that
    /// what stands in the file is of an earlier time. Whoever holds a lock is a process of this kernel, also in a tree that
    /// stands in for a machine.
    pub fn living_pid(&self) -> Option<i32> {
        let live = Host::default();
        let is_it = |pid: i32, started: Option<u64>| {
            let stat = proc::stat(&live, pid).filter(|stat| !stat.is_dead());
            stat.is_some_and(|stat| started.is_none_or(|started| stat.start_time == started))
        };
        let first = Some(self.pid).filter(|pid| *pid > 0 && is_it(*pid, self.started));
        first.or_else(|| self.worker.filter(|worker| is_it(*worker, self.worker_started)))
    }

    /// Who it is, in words; what is known of it where its process cannot be told.
    pub fn title(&self) -> String {
        match (self.living_pid(), self.pid) {
            (Some(pid), _) => format!("pid {pid} ({})", self.command),
            (None, 0) => "somebody who could not leave his name there".to_owned(),
            (None, pid) => {
                let before = format!("pid {pid} ({}), which had it before, has ended", self.command);
                format!("somebody who has not left his name there; {before}")
            }
        }
    }
}

/// Refuses where something else stands in the place of the directory that all locks are in.
pub fn usable(host: &Host) -> Result<()> {
    let dir = host.run_dir();
    let Some(meta) = tree::symlink_metadata(&dir).ok().filter(|meta| !meta.is_dir()) else {
        return Ok(());
    };
    let kind = if meta.is_symlink() { "link" } else { "file" };
    let shown = host.shown(&dir);
    Fault::refused(format!("{shown} is a {kind}, not a directory")).next(format!("rm {shown}")).fail()
}

/// Locks that are held until this is dropped.
#[derive(Debug)]
pub struct Locks {
    files: Vec<File>,
    holder: Holder,
}

impl Locks {
    /// Takes all of `names`, in sorted order so that two callers never wait for each other, by the deadline.
    pub fn take(host: &Host, names: &[String], command: &str, deadline: &Deadline) -> Result<Self> {
        usable(host)?;
        let mut names = names.to_vec();
        names.sort();
        names.dedup();
        let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
        let pid = i32::try_from(std::process::id()).unwrap_or_default();
        let started = proc::start_time(&Host::default(), pid);
        let holder = Holder { pid, started, command: command.into(), since, ..Holder::default() };
        let mut locks = Self { files: Vec::new(), holder };
        for name in &names {
            locks.files.extend(take_one(host, name, command, deadline, &locks.files)?);
        }
        locks.write_holder();
        Ok(locks)
    }

    /// The descriptors, for a worker to keep.
    pub fn descriptors(&self) -> Vec<RawFd> {
        self.files.iter().map(AsRawFd::as_raw_fd).collect()
    }

    /// Names the worker that shares these locks.
    pub fn name_worker(&mut self, pid: i32) {
        self.holder.worker = Some(pid);
        self.holder.worker_started = proc::start_time(&Host::default(), pid);
        self.write_holder();
    }

    /// Who it is matters to people only: the lock holds without it, also when the disk is full.
    fn write_holder(&mut self) {
        let text = serde_json::to_string(&self.holder).unwrap_or_default();
        for file in &mut self.files {
            let _ = file
                .seek(SeekFrom::Start(0))
                .and_then(|_| file.set_len(0))
                .and_then(|()| file.write_all(text.as_bytes()));
        }
    }
}

fn directory(host: &Host) -> PathBuf {
    host.run_dir().join("lock")
}

/// `None` when one of `held` is that very lock.
fn take_one(host: &Host, name: &str, command: &str, deadline: &Deadline, held: &[File]) -> Result<Option<File>> {
    let (path, mut file) = open(host, name, command)?;
    let place = |file: &File| file.metadata().map(|meta| (meta.dev(), meta.ino())).ok();
    if held.iter().any(|other| place(other) == place(&file)) {
        return Ok(None);
    }
    loop {
        match FileExt::try_lock_exclusive(&file) {
            Ok(()) => return Ok(Some(file)),
            Err(e) if e.kind() == ErrorKind::WouldBlock && !deadline.expired() => {
                thread::sleep(Duration::from_millis(10).min(deadline.remaining()));
            }
            Err(e) if e.kind() == ErrorKind::WouldBlock => return busy(host, name, &mut file, deadline),
            Err(e) => return Err(e).with_context(|| format!("cannot lock {}", path.display())),
        }
    }
}

/// The file of a lock; a name that is a whole path lies there. Where there is no room for it, or all is read-only, the nearest directory is locked in its place:
/// a GPU must be able to come back then, too.
fn open(host: &Host, name: &str, command: &str) -> Result<(PathBuf, File)> {
    let own = directory(host).join(name);
    let made = tree::create_dirs(own.parent().unwrap_or(Path::new("/")), 0o700);
    let mut options = OpenOptions::new();
    let flags = nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK;
    options.read(true).write(true).create(true).truncate(false).mode(0o600).custom_flags(flags);
    let regular = |file: File| {
        if file.metadata()?.is_file() { Ok(file) } else { Err(std::io::Error::other("not a regular file")) }
    };
    let error = match made.and_then(|()| options.open(tree::entry(&own)?)).and_then(regular) {
        Ok(file) => return Ok((own, file)),
        Err(error) => error,
    };
    let no_room =
        matches!(error.kind(), ErrorKind::ReadOnlyFilesystem | ErrorKind::StorageFull | ErrorKind::QuotaExceeded);
    if tree::symlink_metadata(&own).is_ok_and(|meta| !meta.is_file()) {
        let shown = host.shown(&own);
        return Fault::problem(format!("cannot open the lock {shown}: not a regular file"))
            .next(format!("ls -ld {shown} && rm -r {shown}"))
            .fail();
    }
    // Only then: to open what may lie there is no harmless thing.
    match no_room.then(|| open_nearest(host, &own)).flatten() {
        Some(found) => Ok(found),
        None if error.kind() == ErrorKind::PermissionDenied => Err(error).context(denied(host, &own, command)),
        None => Err(error).with_context(|| format!("cannot open the lock {}", own.display())),
    }
}

/// What could not be done, on what, and how it can; the system's own words stay below it.
fn denied(host: &Host, own: &Path, command: &str) -> Fault {
    let (program, doing) = command.split_once([' ', ':']).unwrap_or((command, command));
    Fault::problem(format!("{}: cannot open the lock {}", doing.trim_start(), host.shown(own)))
        .next(format!("sudo {program} …"))
}

/// A file as it is, or the nearest directory above it, inside the host tree.
fn open_nearest(host: &Host, path: &Path) -> Option<(PathBuf, File)> {
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK);
    let mut places = path.ancestors().take_while(|place| *place != host.at(""));
    places.find_map(|place| Some((place.to_owned(), options.open(tree::entry(place).ok()?).ok()?)))
}

fn busy<T>(host: &Host, name: &str, file: &mut File, deadline: &Deadline) -> Result<T> {
    let waited = clock::spoken(deadline.budget());
    let holder = read_holder(file);
    let what = format!("{name} is locked by {}; waited {waited}", holder.title());
    let Some(pid) = holder.living_pid() else {
        let them: Vec<_> = takers(name).iter().map(|program| format!("-e {program}")).collect();
        return Fault::busy(what).next(format!("wait for it; ps -ef | grep {}", them.join(" "))).fail();
    };
    match proc::blocked_writers(host).into_iter().find(|w| w.pid == pid) {
        Some(writer) => Fault::wedged(format!("{what}; the kernel has not answered its write to {}", writer.file))
            .next("gpu-bind doctor")
            .fail(),
        None => Fault::busy(what).next(format!("wait for it, or look at it: ps -fp {pid}")).fail(),
    }
}

/// The programs that take such a lock.
fn takers(name: &str) -> &'static [&'static str] {
    match name.split('-').next() {
        Some("usb") => &["usb-reset", "coral-check"],
        Some("coral") => &["coral-check"],
        Some("probe" | "recover") => &["vm-probe"],
        _ if name.starts_with('/') => &["vm-probe"],
        _ => &["gpu-bind", "pve-hook"],
    }
}

fn read_holder(file: &mut File) -> Holder {
    let mut text = String::new();
    let read = file.seek(SeekFrom::Start(0)).and_then(|_| file.take(4096).read_to_string(&mut text));
    read.ok().and_then(|_| serde_json::from_str(&text).ok()).unwrap_or_default()
}

/// Who holds the lock `name`, or `None` while it is free. Waits for nothing.
pub fn holder(host: &Host, name: &str) -> Option<Holder> {
    let flags = nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK;
    let mut file =
        OpenOptions::new().read(true).custom_flags(flags).open(tree::entry(&directory(host).join(name)).ok()?).ok()?;
    file.metadata().ok().filter(fs::Metadata::is_file)?;
    match FileExt::try_lock_shared(&file) {
        Ok(()) => None,
        Err(_) => Some(read_holder(&mut file)),
    }
}
