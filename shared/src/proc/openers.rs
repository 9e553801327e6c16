//! Who has a device open. One scan over `/proc/*/fd` answers for all devices of a group.

use super::{DevNo, process};
use crate::host::Host;
use nix::{
    dir::Dir,
    errno::Errno,
    fcntl::{AtFlags, OFlag, readlinkat},
    libc,
    sys::stat::{Mode, SFlag, fstatat, makedev},
};
use std::{ffi::CStr, fs::File, num::NonZero, os::fd::AsFd, thread};

/// A process that has a device open or mapped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opener {
    /// The process.
    pub pid: i32,
    /// Its name and command line, shortened.
    pub command: String,
    /// The device, by the path that the host knows it by.
    pub path: String,
}

impl Opener {
    /// How it is called in messages.
    pub fn title(&self) -> String {
        format!("pid {} ({}) has {} open", self.pid, self.command, self.path)
    }
}

/// The answer, and how much of it is missing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Openers {
    /// One entry per process and device, in the order of the process ids.
    pub found: Vec<Opener>,
    /// Processes that could not be looked into. Unless this is 0, an empty list does not mean "nobody".
    pub unreadable: usize,
    /// Why nothing can be concluded at all: no `/proc`, or no descriptors or memory left to look into it.
    pub blind: Option<String>,
}

/// The devices that are looked for.
pub(super) struct Wanted<'a> {
    devices: &'a [(DevNo, String)],
    numbers: Vec<libc::dev_t>,
    /// So many of them are character devices; the rest are disks, whose numbers are their own.
    characters: usize,
}

/// Asks for what the kernel has cached: an open file on a dead NFS or FUSE server must not hang us. newfstatat(2) takes
/// the flag as statx(2) does (`vfs_statx` in fs/stat.c checks both against `AT_STATX_SYNC_TYPE`).
const CACHED: AtFlags = AtFlags::from_bits_retain(libc::AT_STATX_DONT_SYNC);

impl<'a> Wanted<'a> {
    pub(super) fn new(devices: &'a [(DevNo, String)]) -> Self {
        let numbers = devices.iter().map(|(n, _)| makedev(n.major.into(), n.minor.into())).collect();
        Self { devices, numbers, characters: devices.len() }
    }

    fn of_type(&self, mode: libc::mode_t) -> Option<(usize, &[libc::dev_t])> {
        match mode & SFlag::S_IFMT.bits() {
            kind if kind == SFlag::S_IFCHR.bits() => Some((0, &self.numbers[..self.characters])),
            kind if kind == SFlag::S_IFBLK.bits() => Some((self.characters, &self.numbers[self.characters..])),
            _ => None,
        }
    }

    /// Which of the devices a link of a process leads to, if any. The number decides, so that containers, which know
    /// the device by another path, are seen; the link's text does where there is no device to ask.
    pub(super) fn find(&self, dir: impl AsFd + Copy, link: &CStr, live: bool) -> Result<Option<usize>, Errno> {
        if live {
            // FUSE refuses this to root for another user's files (fuse_getattr in fs/fuse/dir.c); their text is free.
            if let Ok(stat) = fstatat(dir, link, CACHED) {
                let position = |(first, numbers): (usize, &[libc::dev_t])| {
                    Some(first + numbers.iter().position(|n| *n == stat.st_rdev)?)
                };
                return Ok(self.of_type(stat.st_mode).and_then(position));
            }
        }
        match readlinkat(dir, link) {
            Ok(text) => Ok(self.labelled(text.as_encoded_bytes())),
            Err(Errno::EACCES | Errno::EPERM) => Err(Errno::EACCES),
            Err(_) => Ok(None),
        }
    }

    pub(super) fn labelled(&self, path: &[u8]) -> Option<usize> {
        let path = path.strip_suffix(b" (deleted)").unwrap_or(path);
        self.devices.iter().position(|(_, label)| label.as_bytes() == path)
    }

    /// Turns what was found in a process into entries.
    pub(super) fn report(&self, host: &Host, pid: i32, mut hits: Vec<usize>, into: &mut Openers) {
        if hits.is_empty() {
            return;
        }
        hits.sort_unstable();
        hits.dedup();
        let command = process::command(host, pid);
        let opener = |i: usize| Opener { pid, command: command.clone(), path: self.devices[i].1.clone() };
        into.found.extend(hits.into_iter().map(opener));
    }
}

/// Who has one of these devices open, other than this process. Each is given with the path to call it by.
pub fn openers(host: &Host, devices: &[(DevNo, String)]) -> Openers {
    openers_of_all(host, devices, &[])
}

/// The same, also for disks.
pub fn openers_of_all(host: &Host, devices: &[(DevNo, String)], disks: &[(DevNo, String)]) -> Openers {
    let all = [devices, disks].concat();
    let wanted = Wanted { characters: devices.len(), ..Wanted::new(&all) };
    let pids = process::pids(host);
    let mut answer = look_for(host, &pids, &wanted);
    answer.blind = answer.blind.or_else(|| process::unseen(host).filter(|_| pids.is_empty()));
    answer
}

/// The same for a few processes, where it is known who may have them open.
pub fn openers_among(host: &Host, pids: &[i32], devices: &[(DevNo, String)]) -> Openers {
    look_for(host, pids, &Wanted::new(devices))
}

fn look_for(host: &Host, pids: &[i32], wanted: &Wanted<'_>) -> Openers {
    let mut answer = Openers::default();
    let proc = match File::open(host.proc()) {
        Ok(proc) => proc,
        Err(error) => {
            answer.blind = Some(format!("cannot open /proc: {error}"));
            return answer;
        }
    };
    // The time goes to the kernel's walk over its file tables: 4 µs per open file, so several threads share it.
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(4);
    let share = pids.len().div_ceil(threads).max(64);
    let own = process::own(host);
    let look = |pids: &[i32]| -> Vec<_> {
        let look =
            |pid: &i32| if own == Some(*pid) { (Vec::new(), None) } else { look_into(&proc, *pid, wanted, host) };
        pids.iter().map(look).collect()
    };
    let looks = thread::scope(|scope| {
        let mut shares = pids.chunks(share);
        let first = shares.next().unwrap_or_default();
        let spawn = |pids| (pids, thread::Builder::new().spawn_scoped(scope, move || look(pids)));
        let others: Vec<_> = shares.map(spawn).collect();
        let mut looks = look(first);
        for (pids, other) in others {
            // Where no thread is to be had, this one does its work.
            looks.extend(other.ok().and_then(|other| other.join().ok()).unwrap_or_else(|| look(pids)));
        }
        looks
    });
    for (pid, (hits, trouble)) in pids.iter().zip(looks) {
        answer.unreadable += usize::from(trouble.is_some());
        if let Some(Errno::EMFILE | Errno::ENFILE | Errno::ENOMEM) = trouble {
            answer.blind = trouble.map(|errno| format!("cannot look into /proc/{pid}: {}", errno.desc()));
        }
        wanted.report(host, *pid, hits, &mut answer);
    }
    answer
}

pub(super) const DIRECTORY: OFlag = OFlag::O_RDONLY.union(OFlag::O_DIRECTORY).union(OFlag::O_CLOEXEC);

/// Which devices a process has open, and what kept us from looking at all of its files.
fn look_into(proc: &File, pid: i32, wanted: &Wanted<'_>, host: &Host) -> (Vec<usize>, Option<Errno>) {
    let mut hits = Vec::new();
    let mut dir = match Dir::openat(proc, format!("{pid}/fd").as_str(), DIRECTORY, Mode::empty()) {
        Ok(dir) => dir,
        Err(e) => return (hits, Some(e).filter(|e| !gone(*e))),
    };
    // The iterator borrows the directory that the links are relative to.
    let Ok(at) = dir.as_fd().try_clone_to_owned() else { return (hits, Some(Errno::EMFILE)) };
    let mut trouble = None;
    for entry in dir.iter() {
        let Ok(entry) = entry else { break };
        let name = entry.file_name();
        if name.to_bytes().starts_with(b".") {
            continue;
        }
        match wanted.find(at.as_fd(), name, host.is_live()) {
            Ok(hit) => hits.extend(hit),
            Err(e) => trouble = Some(e),
        }
    }
    (hits, trouble)
}

/// Whether an error says that the process ended meanwhile, and so holds nothing.
pub(super) fn gone(error: Errno) -> bool {
    matches!(error, Errno::ENOENT | Errno::ESRCH)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::symlink, process::Command};

    fn device(major: u32, minor: u32, path: &str) -> (DevNo, String) {
        (DevNo { major, minor }, path.to_owned())
    }

    #[test]
    fn a_fake_process_is_found_by_the_text_of_its_link() {
        let root = tempfile::tempdir().unwrap();
        let fd = root.path().join("proc/4711/fd");
        fs::create_dir_all(&fd).unwrap();
        for (n, to) in [("20", "/dev/vfio/13"), ("21", "/dev/vfio/13"), ("3", "/dev/null"), ("4", "socket:[1]")] {
            symlink(to, fd.join(n)).unwrap();
        }
        fs::write(root.path().join("proc/4711/comm"), "kvm\n").unwrap();
        let host = Host::new(root.path());
        let answer = openers(&host, &[device(226, 0, "/dev/dri/card0"), device(510, 0, "/dev/vfio/13")]);
        let found = Opener { pid: 4711, command: "kvm".into(), path: "/dev/vfio/13".into() };
        assert_eq!(answer, Openers { found: vec![found], ..Openers::default() });
    }

    #[test]
    fn a_live_process_is_found_by_the_number_whatever_the_path() {
        let mut child = Command::new("sleep").arg("30").stdin(fs::File::open("/dev/full").unwrap()).spawn().unwrap();
        let answer = openers(&Host::default(), &[device(1, 7, "/a/name/of/its/own")]);
        child.kill().unwrap();
        child.wait().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let found = answer.found.iter().find(|o| o.pid == pid).unwrap();
        assert_eq!(found.path, "/a/name/of/its/own");
        assert!(found.command.contains("sleep 30"), "{}", found.command);
    }

    #[test]
    fn without_proc_the_answer_is_unknown() {
        let root = tempfile::tempdir().unwrap();
        assert!(openers(&Host::new(root.path()), &[]).blind.is_some());
    }
}
