//! Lines over the monitor's socket, each by a deadline and none without end.

use super::trouble::Trouble;
use crate::{deadline::Deadline, tree};
use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, getsockopt, socket, sockopt::PeerCredentials},
};
use std::{
    io::{self, ErrorKind, Read, Write},
    os::{
        fd::{AsFd, AsRawFd, OwnedFd},
        unix::net::UnixStream,
    },
    path::Path,
    time::Duration,
};

/// More than any answer that is asked for: `query-blockstats` of a VM with many disks has some hundred KiB.
pub(crate) const LONGEST: usize = 4 << 20;

/// Connects to a Unix socket without waiting: a full queue is answered at once.
pub(crate) fn dial(path: &Path) -> Result<OwnedFd, Trouble> {
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let place = tree::socket(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => Trouble::Absent,
        _ => system(Errno::try_from(error).unwrap_or(Errno::ENOENT)),
    })?;
    let address = UnixAddr::new(&*place).map_err(system)?;
    let fd = socket(AddressFamily::Unix, SockType::Stream, flags, None).map_err(system)?;
    connect(fd.as_raw_fd(), &address).map_err(|errno| match errno {
        Errno::ENOENT | Errno::ENOTDIR => Trouble::Absent,
        Errno::ECONNREFUSED => Trouble::Refused,
        Errno::EAGAIN => Trouble::Full,
        other => system(other),
    })?;
    Ok(fd)
}

/// The process that listens at the other end, as this one sees it; `None` where it is in a world of its own.
pub(crate) fn process(socket: &impl AsFd) -> Option<i32> {
    getsockopt(socket, PeerCredentials).ok().map(|peer| peer.pid()).filter(|pid| *pid > 0)
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Wire {
    stream: UnixStream,
    pending: Vec<u8>,
    /// How much of `pending` is known to have no end of line.
    scanned: usize,
}

impl Wire {
    /// Connects without waiting.
    pub(crate) fn connect(path: &Path) -> Result<Self, Trouble> {
        Ok(Self { stream: dial(path)?.into(), pending: Vec::new(), scanned: 0 })
    }

    /// The process that listens at the other end.
    pub(crate) fn process(&self) -> Option<i32> {
        process(&self.stream)
    }

    /// Sends all of it.
    pub(crate) fn send(&mut self, mut bytes: &[u8], deadline: &Deadline) -> Result<(), Trouble> {
        while !bytes.is_empty() {
            match self.stream.write(bytes) {
                Ok(n) => bytes = &bytes[n..],
                Err(error) => self.pause(&error, PollFlags::POLLOUT, deadline)?,
            }
        }
        Ok(())
    }

    /// The next line that is not empty, without its end.
    pub(crate) fn line(&mut self, deadline: &Deadline) -> Result<Vec<u8>, Trouble> {
        loop {
            if let Some(end) = self.pending[self.scanned..].iter().position(|byte| *byte == b'\n') {
                let rest = self.pending.split_off(self.scanned + end + 1);
                let line = std::mem::replace(&mut self.pending, rest);
                self.scanned = 0;
                let line = line.trim_ascii();
                if !line.is_empty() {
                    return Ok(line.to_vec());
                }
                continue;
            }
            self.scanned = self.pending.len();
            if self.scanned > LONGEST {
                return Err(Trouble::Garbage(format!("a line longer than {} MiB", LONGEST >> 20)));
            }
            self.read(deadline)?;
        }
    }

    fn read(&mut self, deadline: &Deadline) -> Result<(), Trouble> {
        let mut bite = [0; 16 << 10];
        match self.stream.read(&mut bite) {
            Ok(0) => return Err(Trouble::Closed),
            Ok(n) => self.pending.extend_from_slice(&bite[..n]),
            Err(error) => self.pause(&error, PollFlags::POLLIN, deadline)?,
        }
        // One that never stops sending must not keep us from looking at the clock.
        if deadline.expired() { Err(Trouble::NoAnswer) } else { Ok(()) }
    }

    /// After an error: waits until the socket is ready again, if it only was not.
    fn pause(&self, error: &io::Error, ready: PollFlags, deadline: &Deadline) -> Result<(), Trouble> {
        match error.kind() {
            ErrorKind::Interrupted => return Ok(()),
            ErrorKind::WouldBlock => {}
            ErrorKind::BrokenPipe | ErrorKind::ConnectionReset => return Err(Trouble::Closed),
            _ => return Err(Trouble::System(error.to_string())),
        }
        let left = deadline.remaining();
        if left.is_zero() {
            return Err(Trouble::NoAnswer);
        }
        let time = PollTimeout::try_from(left.max(Duration::from_millis(1))).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(self.stream.as_fd(), ready)], time) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(errno) => Err(system(errno)),
        }
    }
}

pub(crate) fn system(errno: Errno) -> Trouble {
    Trouble::System(errno.desc().to_owned())
}
