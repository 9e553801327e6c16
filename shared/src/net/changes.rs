//! Whether anything about the interfaces changed: the kernel tells whoever listens. A thousand VMs have thousands of
//! interfaces whose state is the same for days, and to read each of them every few seconds is most of what they cost.

use crate::host::Host;
use nix::{
    errno::Errno,
    sys::socket::{
        AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, setsockopt, socket,
        sockopt::RcvBuf,
    },
};
use std::os::fd::{AsRawFd, OwnedFd};

/// `RTMGRP_LINK`: interfaces that come and go, go up and down, gain and lose their carrier, their master.
const LINKS: u32 = 1;
/// Enough for a storm of them; what does not fit is told as an error.
const ROOM: usize = 256 << 10;

/// Listens.
#[derive(Debug)]
pub struct Changes {
    socket: Option<OwnedFd>,
}

impl Changes {
    /// Begins to listen: whatever is looked at from now on is not missed when it changes. A tree that stands in for a machine
    /// tells nobody.
    pub fn new(host: &Host) -> Self {
        Self { socket: if host.is_live() { listen().ok() } else { None } }
    }

    /// Whether anything may have changed since the last call. Where nobody tells, or more than was heard, it may have.
    pub fn any(&mut self) -> bool {
        let Some(socket) = &self.socket else { return true };
        // That there was something is all that counts: what it was is cut off.
        let mut beginning = [0; 64];
        let mut any = false;
        loop {
            match recv(socket.as_raw_fd(), &mut beginning, MsgFlags::MSG_DONTWAIT) {
                Ok(n) if n > 0 => any = true,
                Err(Errno::EAGAIN) => return any,
                Err(Errno::ENOBUFS) => any = true,
                Err(Errno::EINTR) => {}
                _ => {
                    self.socket = None;
                    return true;
                }
            }
        }
    }
}

fn listen() -> nix::Result<OwnedFd> {
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let socket = socket(AddressFamily::Netlink, SockType::Raw, flags, SockProtocol::NetlinkRoute)?;
    // Where that is refused, the usual room does.
    let _ = setsockopt(&socket, RcvBuf, &ROOM);
    bind(socket.as_raw_fd(), &NetlinkAddr::new(0, LINKS))?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_may_always_have_changed() {
        let mut changes = Changes::new(&Host::new("/nonexistent"));
        assert!(changes.any() && changes.any());
    }

    #[test]
    fn the_kernel_can_be_listened_to() {
        let mut changes = Changes { socket: Some(listen().unwrap()) };
        // Others may be at work on this machine's interfaces; what was told is not told again.
        assert!((0..50).any(|_| !changes.any()) && changes.socket.is_some());
    }
}
