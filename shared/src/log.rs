//! What is told while a program runs: progress to stderr, changes to syslog as well. stdout is for data only.

use crate::host::Host;
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
            let _ = writeln!(io::stderr(), "{}: {text}", self.program);
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
            let _ = if warning { logger.warning(text) } else { logger.notice(text) };
        }
    }
}
