//! One lock for everybody who moves the same devices, with a deadline and the holder's name.
//!
//! Lock files are never unlinked (a second file of the same name would be a second lock). The holder is written inside after
//! the lock was taken; a [`crate::sysfs::Worker`] that outlives its caller goes on holding it.

use crate::{deadline::Deadline, fault::Fault, host::Host, proc, tree};
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

/// Locks that are held until this is dropped.
#[derive(Debug)]
pub struct Locks {
    files: Vec<File>,
    holder: Holder,
}

impl Locks {
    /// Takes all of `names`, in sorted order so that two callers never wait for each other, by the deadline.
    pub fn take(host: &Host, names: &[String], command: &str, deadline: &Deadline) -> Result<Self> {
        if tree::symlink_metadata(&host.run_dir()).is_ok_and(|meta| !meta.is_dir()) {
            let dir = host.run_dir();
            return Fault::refused(format!("{} is a link, not a directory", host.shown(&dir)))
                .next(format!("rm {}", host.shown(&dir)))
                .fail();
        }
        let mut names = names.to_vec();
        names.sort();
        names.dedup();
        let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
        let pid = i32::try_from(std::process::id()).unwrap_or_default();
        let started = proc::start_time(&Host::default(), pid);
        let holder = Holder { pid, started, command: command.into(), since, ..Holder::default() };
        let mut locks = Self { files: Vec::new(), holder };
        for name in &names {
            locks.files.extend(take_one(host, name, deadline, &locks.files)?);
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
fn take_one(host: &Host, name: &str, deadline: &Deadline, held: &[File]) -> Result<Option<File>> {
    let (path, mut file) = open(host, name)?;
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

/// The file of a lock. Where there is no room for it, or all is read-only, the nearest directory is locked in its place:
/// a GPU must be able to come back then, too.
fn open(host: &Host, name: &str) -> Result<(PathBuf, File)> {
    let own = directory(host).join(name);
    let made = tree::create_dirs(&directory(host), 0o700);
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
        None => Err(error).with_context(|| format!("cannot open the lock {}", own.display())),
    }
}

/// A file as it is, or the nearest directory above it, inside the host tree.
fn open_nearest(host: &Host, path: &Path) -> Option<(PathBuf, File)> {
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK);
    let mut places = path.ancestors().take_while(|place| *place != host.at(""));
    places.find_map(|place| Some((place.to_owned(), options.open(tree::entry(place).ok()?).ok()?)))
}

fn busy<T>(host: &Host, name: &str, file: &mut File, deadline: &Deadline) -> Result<T> {
    let waited = humantime::format_duration(Duration::from_millis(
        u64::try_from(deadline.budget().as_millis()).unwrap_or(u64::MAX),
    ));
    let holder = read_holder(file);
    let what = format!("{name} is locked by {}; waited {waited}", holder.title());
    let Some(pid) = holder.living_pid() else {
        return Fault::busy(what).next("wait for it; ps -ef | grep -e gpu-bind -e pve-hook").fail();
    };
    match proc::blocked_writers(host).into_iter().find(|w| w.pid == pid) {
        Some(writer) => Fault::wedged(format!("{what}; the kernel has not answered its write to {}", writer.file))
            .next("gpu-bind doctor")
            .fail(),
        None => Fault::busy(what).next(format!("wait for it, or look at it: ps -fp {pid}")).fail(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Code;

    fn take(host: &Host, names: &[&str], wait: u64) -> Result<Locks> {
        let names: Vec<_> = names.iter().map(ToString::to_string).collect();
        Locks::take(host, &names, "gpu-bind attach 0000:01:00.0", &Deadline::after(Duration::from_millis(wait)))
    }

    #[test]
    fn the_second_caller_is_told_who_holds_it() {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::new(dir.path());
        let first = take(&host, &["slot-b", "slot-a", "slot-b"], 0).unwrap();
        assert_eq!(first.files.len(), 2);
        assert_eq!(holder(&host, "slot-a").unwrap().pid, i32::try_from(std::process::id()).unwrap());
        let error = take(&host, &["slot-b"], 30).unwrap_err();
        assert_eq!(Fault::code_of(&error), Code::Busy);
        assert!(error.to_string().contains(&format!("pid {}", std::process::id())), "{error}");
        drop(first);
        assert!(holder(&host, "slot-a").is_none());
        take(&host, &["slot-b"], 0).unwrap();
    }

    #[test]
    fn who_has_ended_or_is_another_by_now_is_not_named_as_the_holder() {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::new(dir.path());
        let locks = take(&host, &["slot-a"], 0).unwrap();
        let own = locks.holder.clone();
        let mut other = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let worker = i32::try_from(other.id()).unwrap();
        let told = |holder: &Holder| {
            fs::write(directory(&host).join("slot-a"), serde_json::to_string(holder).unwrap()).unwrap();
            let error = take(&host, &["slot-a"], 0).unwrap_err();
            assert_eq!(Fault::code_of(&error), Code::Busy);
            error.to_string()
        };
        let before = "(gpu-bind attach 0000:01:00.0), which had it before, has ended";
        let reused = Holder { started: own.started.map(|at| at + 1), ..own.clone() };
        assert!(told(&reused).contains(&format!("pid {} {before}", own.pid)), "{}", told(&reused));
        // The worker of a caller that has ended holds on.
        let left = Holder { worker: Some(worker), ..reused };
        assert!(told(&left).contains(&format!("by pid {worker} (")), "{}", told(&left));
        let gone = Holder { worker_started: Some(1), ..left.clone() };
        assert!(told(&gone).contains(before), "{}", told(&gone));
        other.kill().unwrap();
        other.wait().unwrap();
        assert!(told(&left).contains(before), "{}", told(&left));
        // As an older version of the programs leaves it.
        assert!(told(&Holder { started: None, ..own.clone() }).contains(&format!("by pid {} (", own.pid)));
        assert!(told(&Holder::default()).contains("somebody who could not leave his name there"));
    }

    #[test]
    fn without_room_for_its_file_it_is_a_lock_all_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::new(dir.path());
        drop(take(&host, &["slot-a"], 0).unwrap());
        let nearest = |name: &str| open_nearest(&host, &directory(&host).join(name)).unwrap();
        let (place, file) = nearest("slot-b");
        assert_eq!(place, directory(&host));
        FileExt::try_lock_exclusive(&file).unwrap();
        assert!(FileExt::try_lock_exclusive(&nearest("slot-c").1).is_err());
        assert_eq!(nearest("slot-a").0, place.join("slot-a"));
    }

    #[test]
    fn a_planted_link_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::new(dir.path());
        drop(take(&host, &["slot-a"], 0).unwrap());
        std::os::unix::fs::symlink(dir.path().join("elsewhere"), directory(&host).join("slot-b")).unwrap();
        assert!(take(&host, &["slot-b"], 0).is_err());
        assert!(!dir.path().join("elsewhere").exists());
    }

    #[test]
    fn what_is_no_file_in_a_locks_place_holds_nobody_up() {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::new(dir.path());
        drop(take(&host, &["slot-a"], 0).unwrap());
        nix::unistd::mkfifo(&directory(&host).join("slot-b"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        fs::create_dir(directory(&host).join("slot-c")).unwrap();
        let (told, answer) = std::sync::mpsc::channel();
        thread::spawn(move || {
            for name in ["slot-b", "slot-c"] {
                let error = take(&host, &[name], 0).unwrap_err();
                let next = Fault::of(&error).and_then(|fault| fault.next.clone());
                told.send((error.to_string(), next, holder(&host, name))).unwrap();
            }
        });
        for name in ["slot-b", "slot-c"] {
            let (what, next, holder) = answer.recv_timeout(Duration::from_secs(20)).expect("it hangs");
            let path = format!("/run/pve-hooks/lock/{name}");
            assert_eq!(what, format!("cannot open the lock {path}: not a regular file"));
            assert_eq!(next, Some(format!("ls -ld {path} && rm -r {path}")));
            assert_eq!(holder, None);
        }
    }
}
