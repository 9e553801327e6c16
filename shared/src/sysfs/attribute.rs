//! Reading an attribute that never blocks. Those that may (`driver_override`, `config`) are read by a [`super::Worker`].

use crate::tree;
use nix::libc::O_NONBLOCK;
use std::{
    fs::File,
    io::{self, Read},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::mpsc,
    thread,
    time::Duration,
};

/// An attribute's text without the end of its line. An attribute is a page at most, and the kernel hands it out in one read.
pub fn read(path: &Path) -> io::Result<String> {
    let mut page = [0; 4096];
    // Nothing that waits for a writer stands in sysfs, but it may in a tree that stands in for a machine.
    let length = File::options().read(true).custom_flags(O_NONBLOCK).open(tree::target(path)?)?.read(&mut page)?;
    let text = String::from_utf8_lossy(&page[..length]);
    // What a device calls itself goes to terminals: no escapes of its own.
    Ok(text.trim_end().chars().filter(|c| !c.is_control() || *c == '\n' || *c == '\t').collect())
}

/// The same for one that is read under a lock which a hung operation may hold for ever: the wait is interruptible, so a
/// thread that is left behind in it ends with the process. `TimedOut` when it takes longer than `patience`.
pub fn read_within(path: &Path, patience: Duration) -> io::Result<String> {
    let (sender, receiver) = mpsc::channel();
    let path = path.to_owned();
    thread::Builder::new().spawn(move || sender.send(read(&path)))?;
    receiver.recv_timeout(patience).unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// An attribute that holds a number, decimal or `0x…`.
pub fn read_number(path: &Path) -> Option<u64> {
    let text = read(path).ok()?;
    match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

/// The last part of where a link points, such as the name behind `driver`.
pub fn link_name(path: &Path) -> Option<String> {
    Some(tree::read_link(path).ok()?.file_name()?.to_string_lossy().into_owned())
}
