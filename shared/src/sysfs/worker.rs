//! The process that touches attributes which may block for ever.
//!
//! An `unbind` waits until the last user of the device is gone, and a SIGKILL turns that wait into a permanent D state. So
//! the write is made by a process of its own: it is never signalled (a session of its own, every signal blocked), it holds
//! none of the caller's pipes, and it keeps the caller's locks for as long as the kernel is busy, even when the caller dies.
//! The caller stops waiting instead; the worker ends by itself once the kernel lets go and it finds its socket closed.

#[cfg(test)]
mod tests;
mod watch;

use super::step::{self, Step, write_once};
use crate::{deadline::Deadline, failpoint, host::names};
use anyhow::{Context, Result};
use nix::{
    sys::{
        signal::{SigSet, SigmaskHow, sigprocmask},
        socket::{AddressFamily, SockFlag, SockType, socketpair},
        wait::{WaitPidFlag, waitpid},
    },
    unistd::{ForkResult, Pid, dup2_stderr, dup2_stdin, dup2_stdout, fork, setsid},
};
use std::{
    ffi::OsStr,
    fs, io,
    io::{Read, Write},
    os::{
        fd::{AsRawFd, RawFd},
        unix::{ffi::OsStrExt, net::UnixStream},
    },
    path::Path,
    time::Duration,
};
use watch::Watch;

/// What became of a request.
#[derive(Debug)]
pub enum Answer {
    /// Done; what was read (empty for a write).
    Done(Vec<u8>),
    /// The kernel said no.
    Failed(io::Error),
    /// No answer by the deadline. The worker stays behind, in the kernel.
    Stuck,
    /// No answer either, but the worker was not seen to wait: the machine is too busy. Only of reading.
    Late,
    /// The worker died (out of memory, killed): whether the request was carried out is unknown.
    Died,
}

/// A process that reads and writes attributes for us.
#[derive(Debug)]
pub struct Worker {
    socket: UnixStream,
    pid: i32,
    stuck: bool,
    dead: bool,
}

/// Larger than any request or answer: a page of an attribute, a path.
const PACKET: usize = 16 * 1024;
/// How long one that has not answered is given before it is looked at again, …
const TURN: Duration = Duration::from_millis(100);
/// … and how many times the usual time in all, if it gets no processor.
const STARVED: u32 = 5;

impl Worker {
    /// Starts it. It keeps the descriptors in `locks` open, and nothing else of the caller's.
    pub fn start(locks: &[RawFd]) -> Result<Self> {
        // Sequenced packets: each request and each answer is one message, and the end of either side is seen by the other.
        let (ours, theirs) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)
            .context("cannot make a socket pair")?;
        // SAFETY: the programs that change devices are single-threaded, so the child may go on running any code.
        #[allow(unsafe_code)]
        let fork = unsafe { fork() }.context("cannot start the process that writes to sysfs")?;
        match fork {
            ForkResult::Parent { child } => {
                Ok(Self { socket: ours.into(), pid: child.as_raw(), stuck: false, dead: false })
            }
            ForkResult::Child => {
                let mut keep = locks.to_vec();
                keep.push(theirs.as_raw_fd());
                let code = i32::from(detach_from_caller(&keep).is_err() || serve(theirs.into()).is_err());
                // No destructors: what is on the heap belongs to the caller.
                #[allow(unsafe_code)]
                // SAFETY: _exit never returns and touches nothing of this process.
                unsafe {
                    nix::libc::_exit(code)
                }
            }
        }
    }

    /// The process id, for messages and records.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Whether an earlier request was not answered; nothing more can be asked of this worker.
    pub fn is_stuck(&self) -> bool {
        self.stuck
    }

    /// Writes `value` in one `write(2)`.
    pub fn write(&mut self, path: &Path, value: &str, deadline: &Deadline) -> Answer {
        failpoint::before_write();
        self.ask(&[b"W", path.as_os_str().as_bytes(), b"\0", value.as_bytes()].concat(), deadline, true)
    }

    /// Reads the first `length` bytes of an attribute. One that does not answer within `patience` is stuck if it waits for
    /// something; if it only gets no processor, it is given more time: that says nothing of the device.
    pub fn read(&mut self, path: &Path, length: u16, patience: Duration, deadline: &Deadline) -> Answer {
        if self.stuck {
            return Answer::Stuck;
        }
        let request = [b"R", length.to_le_bytes().as_slice(), path.as_os_str().as_bytes()].concat();
        let last = deadline.within(STARVED * patience);
        let mut answer = self.ask(&request, &deadline.within(patience), false);
        let mut watch = Watch::of(self.pid);
        while matches!(answer, Answer::Stuck) {
            watch.look();
            answer = self.answer(&last.within(TURN));
            if watch.is_settled() || last.expired() {
                break;
            }
        }
        if matches!(answer, Answer::Stuck) && !watch.waits() { Answer::Late } else { answer }
    }

    /// Takes steps in order, to their end also when the caller is gone or has stopped waiting; the answer is what came of each.
    pub fn take(&mut self, steps: &[Step], deadline: &Deadline) -> Answer {
        failpoint::before_write();
        let request = serde_json::to_vec(steps).unwrap_or_default();
        self.ask(&[b"S", request.as_slice()].concat(), deadline, true)
    }

    fn ask(&mut self, request: &[u8], deadline: &Deadline, writes: bool) -> Answer {
        if self.stuck {
            return Answer::Stuck;
        }
        if request.len() > PACKET {
            return Answer::Failed(io::ErrorKind::ArgumentListTooLong.into());
        }
        if let Err(error) = self.socket.write_all(request) {
            return self.broke(error);
        }
        if writes {
            failpoint::write_handed_over();
        }
        self.answer(deadline)
    }

    /// The answer to what was asked last. Without one nothing else can be asked.
    fn answer(&mut self, deadline: &Deadline) -> Answer {
        let received = self.receive(deadline);
        self.stuck = matches!(received, Ok(None));
        match received {
            Ok(Some(answer)) if answer.len() >= 4 => {
                let (errno, data) = answer.split_at(4);
                match i32::from_le_bytes([errno[0], errno[1], errno[2], errno[3]]) {
                    0 => Answer::Done(data.to_vec()),
                    errno => Answer::Failed(io::Error::from_raw_os_error(errno)),
                }
            }
            Ok(Some(_)) => self.died(),
            Ok(None) => Answer::Stuck,
            Err(error) => self.broke(error),
        }
    }

    fn broke(&mut self, error: io::Error) -> Answer {
        if matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset) {
            return self.died();
        }
        // What it still answers would be taken for the answer to what is asked next.
        (self.dead, self.stuck) = (true, true);
        Answer::Failed(error)
    }

    fn died(&mut self) -> Answer {
        self.dead = true;
        Answer::Died
    }

    /// Whether it died, so that another has to take its place.
    pub fn is_dead(&self) -> bool {
        self.dead
    }

    fn receive(&mut self, deadline: &Deadline) -> io::Result<Option<Vec<u8>>> {
        let mut answer = vec![0; PACKET];
        loop {
            self.socket.set_read_timeout(Some(deadline.remaining().max(Duration::from_millis(1))))?;
            match self.socket.read(&mut answer) {
                Ok(n) => {
                    answer.truncate(n);
                    return Ok(Some(answer));
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock && deadline.expired() => return Ok(None),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                Err(e) => return Err(e),
            }
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.socket.shutdown(std::net::Shutdown::Both);
        if !self.stuck {
            // It ends at once, and then holds no lock any more. One that is stuck is left to init.
            let _ = waitpid(Pid::from_raw(self.pid), Some(WaitPidFlag::__WALL));
        }
    }
}

/// In the child: nothing of the caller may reach us, and we hold nothing of the caller's but the locks.
fn detach_from_caller(keep: &[RawFd]) -> Result<()> {
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::all()), None)?;
    setsid()?;
    let null = fs::OpenOptions::new().read(true).write(true).open("/dev/null")?;
    dup2_stdin(&null)?;
    dup2_stdout(&null)?;
    dup2_stderr(&null)?;
    drop(null);
    for fd in names(Path::new("/proc/self/fd")).iter().filter_map(|n| n.parse::<RawFd>().ok()) {
        if fd > 2 && !keep.contains(&fd) {
            let _ = nix::unistd::close(fd);
        }
    }
    let _ = std::env::set_current_dir("/");
    let _ = nix::sys::prctl::set_name(c"sysfs-worker");
    Ok(())
}

fn serve(mut socket: UnixStream) -> Result<()> {
    let mut request = vec![0; PACKET];
    loop {
        let n = socket.read(&mut request)?;
        let (verb, rest) = match request[..n].split_first() {
            None => return Ok(()),
            Some((verb, rest)) => (*verb, rest),
        };
        let result = if verb == b'W' {
            let end = rest.iter().position(|b| *b == 0).unwrap_or(rest.len());
            write_once(Path::new(OsStr::from_bytes(&rest[..end])), rest.get(end + 1..).unwrap_or_default())
        } else if verb == b'S' {
            let steps: serde_json::Result<Vec<Step>> = serde_json::from_slice(rest);
            steps.and_then(|steps| serde_json::to_vec(&step::take(&steps, true))).map_err(io::Error::other)
        } else {
            let (length, path) = rest.split_at(2.min(rest.len()));
            read_some(Path::new(OsStr::from_bytes(path)), length)
        };
        let answer = match result {
            Ok(data) => [&0i32.to_le_bytes(), data.as_slice()].concat(),
            Err(e) => e.raw_os_error().unwrap_or(nix::libc::EIO).to_le_bytes().to_vec(),
        };
        socket.write_all(&answer)?;
    }
}

fn read_some(path: &Path, length: &[u8]) -> io::Result<Vec<u8>> {
    let length = length.iter().rev().fold(0u64, |sum, byte| sum << 8 | u64::from(*byte)).min(4096);
    let mut data = Vec::new();
    fs::File::open(path)?.take(length).read_to_end(&mut data)?;
    Ok(data)
}
