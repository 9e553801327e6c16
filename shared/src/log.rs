//! What is told while a program runs: progress to stderr, changes to syslog as well. stdout is for data only.

use crate::{host::Host, plain::harmless};
use nix::sys::socket::{self, AddressFamily, SockFlag, SockType, UnixAddr, socket};
use std::{
    cell::{OnceCell, RefCell},
    io::{self, Write},
    os::{fd::AsRawFd, unix::net::UnixDatagram},
    path::Path,
};
use syslog::{Facility, Formatter3164, Logger, LoggerBackend};

/// A syslog daemon that is stopped, or that does not read, must not hold up a VM: what it does not take at once is dropped,
/// and where it does not even accept us there is none.
fn connect(path: &Path) -> io::Result<LoggerBackend> {
    let datagrams = UnixDatagram::unbound()?;
    datagrams.set_nonblocking(true)?;
    match datagrams.connect(path) {
        Ok(()) => return Ok(LoggerBackend::Unix(datagrams)),
        Err(error) if error.raw_os_error() == Some(nix::libc::EPROTOTYPE) => {}
        Err(error) => return Err(error),
    }
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let stream = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
    socket::connect(stream.as_raw_fd(), &UnixAddr::new(path)?)?;
    Ok(LoggerBackend::UnixStream(io::BufWriter::new(stream.into())))
}

/// Where messages go.
pub struct Log {
    program: &'static str,
    verbosity: i8,
    /// Opened at the first change; `None` inside when there is no syslog to talk to.
    syslog: RefCell<OnceCell<Option<Logger<LoggerBackend, Formatter3164>>>>,
}

impl Log {
    /// How much is told.
    pub fn verbosity(&self) -> i8 {
        self.verbosity
    }

    /// Whether only what is wrong shall be told.
    pub fn is_quiet(&self) -> bool {
        self.verbosity < 0
    }

    /// Messages of `program`; verbosity 0 is normal, positive tells more, negative only errors.
    pub fn new(program: &'static str, verbosity: i8) -> Self {
        Self { program, verbosity, syslog: RefCell::default() }
    }

    /// The program's name.
    pub fn program(&self) -> &'static str {
        self.program
    }

    /// Something was changed: to syslog, and to stderr unless quiet.
    pub fn change(&self, text: &str) {
        self.tell(0, text);
        self.syslog(false, text);
    }

    /// Something is wrong but does not end the run.
    pub fn warn(&self, text: &str) {
        self.tell(-1, &format!("warning: {text}"));
        self.syslog(true, text);
    }

    /// Worth knowing, to stderr only.
    pub fn info(&self, text: &str) {
        self.tell(0, text);
    }

    /// For `-v`.
    pub fn detail(&self, text: &str) {
        self.tell(1, text);
    }

    fn tell(&self, from: i8, text: &str) {
        if self.verbosity >= from {
            // A closed stderr is no reason to stop in the middle of a move.
            let _ = writeln!(io::stderr(), "{}: {}", self.program, harmless(text, false));
        }
    }

    fn syslog(&self, warning: bool, text: &str) {
        let mut cell = self.syslog.borrow_mut();
        cell.get_or_init(|| {
            let formatter = Formatter3164 {
                facility: Facility::LOG_DAEMON,
                hostname: None,
                process: self.program.into(),
                pid: std::process::id(),
            };
            connect(&Host::default().syslog()).ok().map(|backend| Logger { formatter, backend })
        });
        if let Some(Some(logger)) = cell.get_mut() {
            let text = harmless(text, false);
            let _ = if warning { logger.warning(&text) } else { logger.notice(&text) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::socket::{Backlog, bind, listen};

    #[test]
    fn a_syslog_that_accepts_nobody_is_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        assert!(connect(&path).is_err());
        let log = socket(AddressFamily::Unix, SockType::Stream, SockFlag::empty(), None).unwrap();
        bind(log.as_raw_fd(), &UnixAddr::new(&path).unwrap()).unwrap();
        listen(&log, Backlog::new(1).unwrap()).unwrap();
        let accepted: Vec<_> = (0..10).map_while(|_| connect(&path).ok()).collect();
        assert!((1..10).contains(&accepted.len()), "{}", accepted.len());
    }

    #[test]
    fn datagrams_that_nobody_reads_are_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let _log = UnixDatagram::bind(&path).unwrap();
        let LoggerBackend::Unix(socket) = connect(&path).unwrap() else { panic!("no datagrams") };
        assert!((0..100_000).any(|_| socket.send(b"x").is_err()));
    }
}
