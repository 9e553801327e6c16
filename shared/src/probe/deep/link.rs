//! One connection without waiting: to a Unix or TCP socket, read line by line into bounded memory.

use crate::{
    probe::instance::Endpoint,
    pve::qmp::{
        Trouble,
        wire::{self, LONGEST},
    },
};
use nix::{
    errno::Errno,
    sys::socket::{
        AddressFamily, MsgFlags, SockFlag, SockType, SockaddrStorage, connect, getpeername, recv, send, socket,
    },
};
use std::{
    io::BufRead,
    net::SocketAddr,
    os::fd::{AsRawFd, OwnedFd},
};

/// A connection, and what came over it and is no whole line yet.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) fd: OwnedFd,
    rest: Vec<u8>,
    received: usize,
}

impl Link {
    /// Connects; over TCP that may still be under way afterwards.
    pub(super) fn dial(endpoint: &Endpoint) -> Result<Self, Trouble> {
        let fd = match endpoint {
            Endpoint::Unix(path) => wire::dial(path)?,
            Endpoint::Tcp(address) => dial_tcp(*address)?,
        };
        Ok(Self { fd, rest: Vec::new(), received: 0 })
    }

    /// Whether the other side accepted; over TCP that is not told when dialling.
    pub(super) fn is_connected(&self) -> bool {
        getpeername::<SockaddrStorage>(self.fd.as_raw_fd()).is_ok()
    }

    /// Sends all of it; a fresh connection has room for much more than is ever asked.
    pub(super) fn send(&self, bytes: &[u8]) -> Result<(), Trouble> {
        match send(self.fd.as_raw_fd(), bytes, MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT) {
            Ok(n) if n == bytes.len() => Ok(()),
            Ok(_) | Err(Errno::EAGAIN) => Err(Trouble::NoAnswer),
            Err(Errno::EPIPE | Errno::ECONNRESET) => Err(Trouble::Closed),
            Err(errno) => Err(wire::system(errno)),
        }
    }

    /// Reads once; empty where nothing has come.
    pub(super) fn receive<'b>(&mut self, buffer: &'b mut [u8]) -> Result<&'b [u8], Trouble> {
        let n = match recv(self.fd.as_raw_fd(), buffer, MsgFlags::MSG_DONTWAIT) {
            Ok(0) | Err(Errno::ECONNRESET | Errno::EPIPE) => return Err(Trouble::Closed),
            Ok(n) => n,
            Err(Errno::EAGAIN | Errno::EINTR) => 0,
            Err(Errno::ECONNREFUSED) => return Err(Trouble::Refused),
            Err(errno) => return Err(wire::system(errno)),
        };
        self.received += n;
        if self.received > LONGEST {
            return Err(Trouble::Garbage(format!("more than {} MiB", LONGEST >> 20)));
        }
        Ok(&buffer[..n])
    }

    /// Hands on every whole line of what came, until `take` says that it has enough.
    pub(super) fn lines(
        &mut self,
        mut bytes: &[u8],
        mut take: impl FnMut(&[u8]) -> Result<bool, Trouble>,
    ) -> Result<bool, Trouble> {
        loop {
            let all = bytes;
            // The standard library's own search is quick however this program is built; in memory, nothing can fail.
            let length = bytes.skip_until(b'\n').unwrap_or(0);
            let Some(line) = all[..length].strip_suffix(b"\n") else {
                self.rest.extend_from_slice(all);
                return Ok(false);
            };
            let enough = if self.rest.is_empty() {
                take_line(line, &mut take)?
            } else {
                let mut whole = std::mem::take(&mut self.rest);
                whole.extend_from_slice(line);
                take_line(&whole, &mut take)?
            };
            if enough {
                return Ok(true);
            }
        }
    }
}

fn take_line(line: &[u8], take: &mut impl FnMut(&[u8]) -> Result<bool, Trouble>) -> Result<bool, Trouble> {
    let line = line.trim_ascii();
    if line.is_empty() { Ok(false) } else { take(line) }
}

fn dial_tcp(address: SocketAddr) -> Result<OwnedFd, Trouble> {
    let family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let fd = socket(family, SockType::Stream, flags, None).map_err(wire::system)?;
    match connect(fd.as_raw_fd(), &SockaddrStorage::from(address)) {
        Ok(()) | Err(Errno::EINPROGRESS) => Ok(fd),
        Err(Errno::ECONNREFUSED) => Err(Trouble::Refused),
        Err(errno) => Err(wire::system(errno)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn lines_are_the_same_in_whatever_pieces_they_come(
            text in "[ab\r\n]{0,40}", sizes in prop::collection::vec(1usize..9, 1..40)
        ) {
            let (ours, _theirs) = std::os::unix::net::UnixStream::pair().unwrap();
            let mut link = Link { fd: ours.into(), rest: Vec::new(), received: 0 };
            let mut rest = text.as_bytes();
            let mut lines = Vec::new();
            for size in sizes.iter().cycle() {
                let (piece, behind) = rest.split_at(rest.len().min(*size));
                link.lines(piece, |line| { lines.push(line.to_vec()); Ok(false) }).unwrap();
                rest = behind;
                if rest.is_empty() {
                    break;
                }
            }
            let (whole, begun) = text.rsplit_once('\n').unwrap_or(("", &text));
            let expected = whole.split('\n').map(|line| line.trim().as_bytes().to_vec()).filter(|line| !line.is_empty());
            prop_assert_eq!(lines, expected.collect::<Vec<_>>());
            prop_assert_eq!(link.rest, begun.as_bytes());
        }
    }
}
