//! A question to the person at the terminal. Without a terminal, without an answer, and by default: no.

use crate::deadline::Deadline;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::{
    io::{self, IsTerminal, Write},
    os::fd::AsFd,
    time::Duration,
};

/// How long a person may think.
const PATIENCE: Duration = Duration::from_secs(60);

/// Whether anybody can be asked.
pub fn somebody_is_there() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks; only a clear yes is one.
pub fn agreed(question: &str, deadline: &Deadline) -> bool {
    let mut err = io::stderr();
    if write!(err, "{question} [y/N] ").and_then(|()| err.flush()).is_err() {
        return false;
    }
    let stdin = io::stdin();
    let patience = PollTimeout::try_from(deadline.within(PATIENCE).remaining()).unwrap_or(PollTimeout::ZERO);
    if !matches!(poll(&mut [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)], patience), Ok(1)) {
        let _ = writeln!(err, "no answer: no");
        return false;
    }
    let mut line = String::new();
    stdin.read_line(&mut line).is_ok() && matches!(line.trim().to_lowercase().as_str(), "y" | "yes")
}
