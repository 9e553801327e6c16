//! What a script says goes on through pipes of our own. What it leaves in the background holds those, and so keeps nobody
//! who waits for the end of PVE's task.

use nix::{
    errno::Errno,
    fcntl::{FcntlArg, OFlag, fcntl},
    poll::{PollFd, PollFlags, PollTimeout, poll},
};
use std::{
    fs::File,
    io::{self, Read, Write},
    os::fd::{AsFd, OwnedFd},
    process::Child,
    thread,
    time::Duration,
};

/// A bite: one that never stops writing must not keep us from looking at the clock.
const BITE: usize = 16 << 10;
/// What a pipe holds at most, and so what one that has ended may have left in it.
const PIPE: usize = 1 << 20;

/// The pipes of one script.
pub struct Relay {
    pipes: Vec<Pipe>,
}

struct Pipe {
    from: File,
    to: Box<dyn Write>,
}

impl Relay {
    /// Takes over what the child was given pipes for. Its stdout goes to ours, or to stderr where ours is for one document.
    pub fn of(child: &mut Child, document: bool) -> io::Result<Self> {
        let out: Box<dyn Write> = if document { Box::new(io::stderr()) } else { Box::new(io::stdout()) };
        let stdout = child.stdout.take().map(|pipe| (OwnedFd::from(pipe), out));
        let stderr = child.stderr.take().map(|pipe| (OwnedFd::from(pipe), Box::new(io::stderr()) as Box<dyn Write>));
        let mut pipes = Vec::new();
        for (from, to) in stdout.into_iter().chain(stderr) {
            fcntl(&from, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
            pipes.push(Pipe { from: from.into(), to });
        }
        Ok(Self { pipes })
    }

    #[cfg(test)]
    pub fn hand_to(&mut self, to: impl Fn() -> Box<dyn Write>) {
        self.pipes.iter_mut().for_each(|pipe| pipe.to = to());
    }

    /// Waits for something to be said, no longer than this, and hands it on.
    pub fn turn(&mut self, time: Duration) {
        if self.pipes.is_empty() {
            return thread::sleep(time);
        }
        let mut fds: Vec<_> = self.pipes.iter().map(|pipe| PollFd::new(pipe.from.as_fd(), PollFlags::POLLIN)).collect();
        match poll(&mut fds, PollTimeout::try_from(time).unwrap_or(PollTimeout::ZERO)) {
            Ok(_) | Err(Errno::EINTR) => self.pipes.retain_mut(|pipe| pipe.bite().is_some()),
            Err(_) => thread::sleep(time),
        }
    }

    /// Hands on what is left after the end of the script.
    pub fn rest(&mut self) {
        for pipe in &mut self.pipes {
            let mut left = PIPE;
            while let Some(n) = pipe.bite().filter(|n| *n > 0 && left > 0) {
                left = left.saturating_sub(n);
            }
        }
    }
}

impl Pipe {
    /// How much was handed on; `None` where nobody can write any more.
    fn bite(&mut self) -> Option<usize> {
        let mut bite = [0; BITE];
        match self.from.read(&mut bite) {
            Ok(0) => None,
            Ok(n) => {
                // Nobody may listen any more: no reason to stop the script.
                let _ = self.to.write_all(&bite[..n]).and_then(|()| self.to.flush());
                Some(n)
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => Some(0),
            Err(_) => None,
        }
    }
}
