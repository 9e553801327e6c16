//! What is told while a program runs: progress to stderr, changes to syslog as well. stdout is for data only.

use std::{
    cell::{OnceCell, RefCell},
    io::{self, Write},
};
use syslog::{Facility, Formatter3164, Logger, LoggerBackend};

/// A syslog daemon that is stopped, or that does not read, must not hold up a VM: what it does not take at once is dropped.
fn never_wait(logger: &Logger<LoggerBackend, Formatter3164>) {
    let _ = match &logger.backend {
        LoggerBackend::Unix(socket) => socket.set_nonblocking(true),
        LoggerBackend::UnixStream(stream) => stream.get_ref().set_nonblocking(true),
        _ => Ok(()),
    };
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
            let logger = syslog::unix(formatter).ok();
            logger.inspect(never_wait)
        });
        if let Some(Some(logger)) = cell.get_mut() {
            let _ = if warning { logger.warning(text) } else { logger.notice(text) };
        }
    }
}
