//! Does somebody accept a connection? Names are looked up by a thread of its own: the system's look-up knows no deadline. One
//! that never returns is left behind, and a check that runs once in its interval leaves no crowd of them.

use crate::{clock, deadline::Deadline};
use std::{
    io,
    net::{SocketAddr, TcpStream, ToSocketAddrs},
    sync::mpsc,
    thread,
};

/// More addresses of one name are not tried.
const MOST: usize = 8;

/// Where it connected to; else why not.
pub(super) fn connect(address: &str, deadline: &Deadline) -> Result<SocketAddr, String> {
    let addresses = resolve(address, deadline)?;
    let mut last = format!("{address}: the name has no address");
    for (tried, socket) in addresses.iter().enumerate() {
        let left = deadline.remaining();
        if left.is_zero() {
            return Err(format!("{address}: no connection within {}", shown(deadline)));
        }
        // One address that swallows everything must leave time for the next.
        let rest = u32::try_from(addresses.len() - tried).unwrap_or(1);
        match TcpStream::connect_timeout(socket, (left / rest).max(std::time::Duration::from_millis(1))) {
            Ok(_) => return Ok(*socket),
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                last = format!("{socket}: no connection within {}", shown(deadline));
            }
            Err(error) => last = format!("{socket}: {error}"),
        }
    }
    Err(last)
}

fn resolve(address: &str, deadline: &Deadline) -> Result<Vec<SocketAddr>, String> {
    if let Ok(socket) = address.parse() {
        return Ok(vec![socket]);
    }
    let (sender, receiver) = mpsc::sync_channel(1);
    let name = address.to_owned();
    thread::Builder::new()
        .name("resolve".into())
        .stack_size(256 * 1024)
        .spawn(move || {
            let found = name.to_socket_addrs().map(|all| all.take(MOST).collect::<Vec<_>>());
            _ = sender.send(found);
        })
        .map_err(|error| format!("{address}: cannot start a look-up: {error}"))?;
    match receiver.recv_timeout(deadline.remaining()) {
        Ok(found) => found.map_err(|error| format!("{address}: {error}")),
        Err(_) => Err(format!("{address}: the name was not found within {}", shown(deadline))),
    }
}

fn shown(deadline: &Deadline) -> String {
    clock::spoken(deadline.budget())
}
