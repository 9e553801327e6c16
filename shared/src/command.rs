//! Running another program: no shell, nothing on its stdin, no longer than it may take.

use crate::{clock, fault::Fault};
use anyhow::{Context as _, Result};
use nix::{
    errno::Errno,
    fcntl::{FcntlArg, OFlag, fcntl},
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::signal::{Signal, killpg},
    unistd::{AccessFlags, Pid, access},
};
use std::{
    env,
    ffi::OsString,
    io::{self, Read},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

/// Where programs are looked for when the environment does not say.
const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";
/// How often a program that closed its output, or left it to a child, is asked whether it has ended.
const TICK: Duration = Duration::from_millis(20);
/// How long output is waited for that a left-over child may still write.
const GRACE: Duration = Duration::from_millis(200);
/// More output than this is read but not kept.
const KEPT: usize = 1 << 20;
/// What a pipe holds.
const PIPE: usize = 64 << 10;

/// What a program left behind.
#[derive(Debug, Clone)]
pub struct Output {
    /// How it ended.
    pub status: ExitStatus,
    /// What it wrote to stdout.
    pub stdout: String,
    /// What it wrote to stderr.
    pub stderr: String,
}

impl Output {
    /// Fails with what the program said, if it failed.
    pub fn check(&self) -> Result<()> {
        if self.status.success() { Ok(()) } else { Fault::problem(self.complaint()).fail() }
    }

    /// What a program that failed said about it, in one line: stderr, else stdout, else how it ended.
    pub fn complaint(&self) -> String {
        let said = [&self.stderr, &self.stdout].into_iter().find(|text| !text.trim().is_empty());
        let line = |text: &String| {
            let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
            words.chars().filter(|c| !c.is_control()).take(300).collect()
        };
        said.map_or_else(|| self.status.to_string(), line)
    }
}

/// Runs `argv` in a process group of its own and waits for it; when it takes longer than `timeout`, the group is killed.
/// A program that ran and failed is no error here: see [`Output::status`].
pub fn run(argv: &[&str], timeout: Duration) -> Result<Output> {
    let shown = argv.join(" ");
    let (name, arguments) = argv.split_first().context("no program to run")?;
    let program = find(name).ok_or_else(|| Fault::problem(format!("{shown}: {name} is not installed")))?;
    let timeout = timeout.min(Duration::from_secs(24 * 60 * 60));
    let deadline = Instant::now() + timeout;
    let mut child = Command::new(program)
        .args(arguments)
        .env("PATH", path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .with_context(|| shown.clone())?;
    let outcome = collect(&mut child, deadline);
    if let Ok(Some(output)) = outcome {
        return Ok(output);
    }
    end(&mut child);
    outcome.with_context(|| shown.clone())?;
    let limit = clock::spoken(timeout);
    Fault::wedged(format!("{shown}: no end within {limit}, killed")).fail()
}

/// Where a program lies; a name with a slash is its own place.
pub fn find(name: &str) -> Option<PathBuf> {
    let runs = |path: &Path| path.is_file() && access(path, AccessFlags::X_OK).is_ok();
    if name.contains('/') {
        return Some(PathBuf::from(name)).filter(|path| runs(path));
    }
    env::split_paths(&path()).map(|dir| dir.join(name)).find(|path| runs(path))
}

fn path() -> OsString {
    env::var_os("PATH").filter(|path| !path.is_empty()).unwrap_or_else(|| PATH.into())
}

/// Reads both pipes as they fill, so that neither blocks the program; `None` when the time is over.
fn collect(child: &mut Child, deadline: Instant) -> io::Result<Option<Output>> {
    let mut stdout = Drain::new(child.stdout.take())?;
    let mut stderr = Drain::new(child.stderr.take())?;
    let mut until = deadline;
    let mut status = None;
    loop {
        stdout.read()?;
        stderr.read()?;
        if status.is_none() {
            status = child.try_wait()?;
            if status.is_some() {
                // What it wrote itself is in the pipes by now, and is read however late it is; only a child that it left behind
                // can keep them open.
                stdout.rest()?;
                stderr.rest()?;
                until = until.min(Instant::now() + GRACE);
            }
        }
        let left = until.saturating_duration_since(Instant::now());
        if let Some(status) = status
            && (left.is_zero() || (stdout.fd().is_none() && stderr.fd().is_none()))
        {
            return Ok(Some(Output { status, stdout: stdout.text(), stderr: stderr.text() }));
        }
        if left.is_zero() {
            return Ok(None);
        }
        wait([stdout.fd(), stderr.fd()], left.min(TICK))?;
    }
}

/// Sleeps until there is something to read, or until it is time to look at the program itself again.
fn wait(pipes: [Option<BorrowedFd<'_>>; 2], time: Duration) -> io::Result<()> {
    let mut fds: Vec<_> = pipes.into_iter().flatten().map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
    if fds.is_empty() {
        // Both closed: the program is just about to end.
        thread::sleep(time.min(Duration::from_millis(1)));
        return Ok(());
    }
    let time = PollTimeout::try_from(time).unwrap_or(PollTimeout::ZERO);
    match poll(&mut fds, time) {
        Ok(_) | Err(Errno::EINTR) => Ok(()),
        Err(e) => Err(e.into()),
    }
}

/// One pipe, read as far as it is filled.
struct Drain<P> {
    pipe: Option<P>,
    kept: Vec<u8>,
}

impl<P: Read + AsFd> Drain<P> {
    fn new(pipe: Option<P>) -> io::Result<Self> {
        if let Some(pipe) = &pipe {
            fcntl(pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        }
        Ok(Self { pipe, kept: Vec::new() })
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.pipe.as_ref().map(AsFd::as_fd)
    }

    /// One bite, and how large it was: a program that never stops writing must not keep us from looking at the clock.
    fn read(&mut self) -> io::Result<usize> {
        let Some(pipe) = &mut self.pipe else { return Ok(0) };
        let mut bite = [0; 8192];
        match pipe.read(&mut bite) {
            Ok(0) => self.pipe = None,
            Ok(n) => {
                self.kept.extend_from_slice(&bite[..n.min(KEPT - self.kept.len())]);
                return Ok(n);
            }
            Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
            Err(e) => return Err(e),
        }
        Ok(0)
    }

    /// What is in the pipe, and no more than fits into one.
    fn rest(&mut self) -> io::Result<()> {
        let mut left = PIPE;
        while left > 0 {
            match self.read()? {
                0 => return Ok(()),
                n => left = left.saturating_sub(n),
            }
        }
        Ok(())
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.kept).into_owned()
    }
}

/// Ends the whole group. A process in an uninterruptible sleep does not even end then; it is left behind.
pub(crate) fn end(child: &mut Child) {
    if let Ok(group) = i32::try_from(child.id()) {
        let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
    }
    let deadline = Instant::now() + GRACE;
    while Instant::now() < deadline && matches!(child.try_wait(), Ok(None)) {
        thread::sleep(Duration::from_millis(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{fault::Code, host::Host, proc};
    use nix::sys::wait::{Id, WaitPidFlag, waitid};
    use std::fs;

    const LONG: Duration = Duration::from_secs(20);

    fn sh(script: &str, timeout: Duration) -> Result<Output> {
        run(&["/bin/sh", "-c", script], timeout)
    }

    #[test]
    fn output_and_status_come_back() {
        let output = sh("echo out; echo ' an\n error ' >&2; exit 3", LONG).unwrap();
        assert_eq!((output.status.code(), output.stdout.as_str()), (Some(3), "out\n"));
        assert_eq!(output.complaint(), "an error");
        assert_eq!(sh("exit 3", LONG).unwrap().complaint(), "exit status: 3");
    }

    #[test]
    fn stdin_is_empty_and_arguments_stay_as_they_are() {
        assert_eq!(sh("cat", LONG).unwrap().stdout, "");
        let output = run(&["printf", "%s.", "a b", "$HOME", "*"], LONG).unwrap();
        assert_eq!(output.stdout, "a b.$HOME.*.");
    }

    #[test]
    fn much_output_on_both_pipes_blocks_nobody() {
        let output = sh("head -c 3000000 /dev/zero >&2; head -c 300000 /dev/zero", LONG).unwrap();
        assert!(output.status.success());
        assert_eq!((output.stdout.len(), output.stderr.len()), (300_000, KEPT));
    }

    #[test]
    fn what_was_written_before_the_end_is_read_however_late_it_is() {
        let mut child = Command::new("head")
            .args(["-c", "60000", "/dev/zero"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("head is there");
        // It has ended, and nobody has asked for that yet.
        let pid = Pid::from_raw(i32::try_from(child.id()).unwrap());
        waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT).unwrap();
        let output = collect(&mut child, Instant::now()).unwrap().expect("it had ended by then");
        assert_eq!((output.status.code(), output.stdout.len()), (Some(0), 60_000));
    }

    #[test]
    fn what_takes_too_long_is_killed_with_its_children() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("pid");
        let script = format!("sleep 1000 & echo $! >{}; yes", file.display());
        // A machine that has no time may not even have begun with it by then.
        let pid = [1, 10, 100].into_iter().find_map(|fifth| {
            let error = sh(&script, Duration::from_millis(fifth * 200)).unwrap_err();
            assert_eq!(Fault::code_of(&error), Code::Wedged);
            assert!(error.to_string().ends_with(", killed"), "{error}");
            fs::read_to_string(&file).ok()?.trim().parse().ok()
        });
        let pid = pid.expect("the script does not begin");
        let begun = Instant::now();
        // Where nobody waits for it, it stays behind as a zombie.
        while proc::stat(&Host::default(), pid).is_some_and(|stat| !stat.is_dead()) {
            assert!(begun.elapsed() < LONG, "its child lives on");
            thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn a_child_left_behind_is_not_waited_for() {
        // It would be killed, and that told, if anybody waited for it.
        let output = sh("sleep 1000 & echo $!", LONG).unwrap();
        let pid = output.stdout.trim().parse().unwrap();
        nix::sys::signal::kill(Pid::from_raw(pid), Signal::SIGKILL).expect("it lives on");
    }

    #[test]
    fn what_is_not_installed_is_named() {
        let error = run(&["no-such-program-at-all", "x"], LONG).unwrap_err();
        assert_eq!(error.to_string(), "no-such-program-at-all x: no-such-program-at-all is not installed");
        assert_eq!(find("/etc/passwd"), None);
        assert!(run(&[], LONG).is_err());
    }
}
