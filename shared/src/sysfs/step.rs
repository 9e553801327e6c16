//! What a worker does in one go, whoever of its caller is still there: a port that was switched off is switched on again.

use super::usbfs;
use crate::tree;
use serde::{Deserialize, Serialize};
use std::{
    fs, io,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Do {
    /// One write of an attribute.
    Write(PathBuf, String),
    /// So many milliseconds of rest.
    Wait(u64),
    /// Wait until a path is gone, for so many milliseconds at most.
    UntilGone(PathBuf, u64),
    /// `USBDEVFS_RESET` on the node of a device.
    ResetDevice(PathBuf),
    /// A control transfer to the device behind a node.
    Control(PathBuf, Control),
}

/// A control transfer, as in chapter 9.3 of the USB 2.0 specification. `length` is for one that reads; those that write
/// carry no data here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Control {
    /// `bmRequestType`.
    pub kind: u8,
    /// `bRequest`.
    pub request: u8,
    /// `wValue`.
    pub value: u16,
    /// `wIndex`.
    pub index: u16,
    /// `wLength`.
    pub length: u16,
}

/// A step, and whether it is taken although an earlier one failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// What is done.
    pub what: Do,
    /// Whether it undoes an earlier one.
    pub always: bool,
}

impl Step {
    /// One that is left out after a failure.
    pub fn new(what: Do) -> Self {
        Self { what, always: false }
    }

    /// One that is taken in any case.
    pub fn always(what: Do) -> Self {
        Self { what, always: true }
    }
}

/// What came of a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Did {
    /// Done; what was read, if it reads.
    Done(Vec<u8>),
    /// The kernel's `errno`.
    Failed(i32),
    /// Left out, because an earlier one failed.
    LeftOut,
}

impl Did {
    /// The error, if it is one.
    pub fn error(&self) -> Option<io::Error> {
        match self {
            Self::Failed(errno) => Some(io::Error::from_raw_os_error(*errno)),
            Self::Done(_) | Self::LeftOut => None,
        }
    }
}

/// Takes steps in order. In a tree that stands in for a host there are no devices to talk to.
pub(super) fn take(steps: &[Step], live: bool) -> Vec<Did> {
    let mut failed = false;
    let mut take = |step: &Step| {
        if failed && !step.always {
            return Did::LeftOut;
        }
        let done = perform(&step.what, live);
        failed |= done.is_err();
        done.map_or_else(|error| Did::Failed(error.raw_os_error().unwrap_or(nix::libc::EIO)), Did::Done)
    };
    steps.iter().map(&mut take).collect()
}

fn perform(what: &Do, live: bool) -> io::Result<Vec<u8>> {
    match what {
        Do::Write(path, value) if live => write_once(path, value.as_bytes()),
        Do::Write(path, value) => write_plainly(path, value.as_bytes()),
        Do::Wait(millis) => {
            thread::sleep(Duration::from_millis(*millis));
            Ok(Vec::new())
        }
        Do::UntilGone(path, millis) => until_gone(path, Duration::from_millis(*millis)),
        Do::ResetDevice(_) | Do::Control(..) if !live => Err(io::Error::from_raw_os_error(nix::libc::ENOTTY)),
        Do::ResetDevice(node) => usbfs::reset(node).map(|()| Vec::new()),
        Do::Control(node, control) => usbfs::control(node, control),
    }
}

fn until_gone(path: &Path, patience: Duration) -> io::Result<Vec<u8>> {
    let begin = Instant::now();
    while tree::exists(path) {
        if begin.elapsed() >= patience {
            return Err(io::Error::from_raw_os_error(nix::libc::ETIMEDOUT));
        }
        thread::sleep(Duration::from_millis(10));
    }
    Ok(Vec::new())
}

/// In a tree that stands in for a host. A plain file keeps the end of a longer text that stood there.
pub(super) fn write_plainly(path: &Path, value: &[u8]) -> io::Result<Vec<u8>> {
    let mut options = fs::File::options();
    options.write(true).truncate(true).custom_flags(nix::libc::O_NONBLOCK);
    options.open(tree::target(path)?)?.write_all(value)?;
    Ok(Vec::new())
}

/// No `O_CREAT`, no `O_TRUNC`: an attribute that is not there is an error, and a store is exactly one write(2).
pub(super) fn write_once(path: &Path, value: &[u8]) -> io::Result<Vec<u8>> {
    let written = fs::OpenOptions::new().write(true).open(path)?.write(value)?;
    if written == value.len() { Ok(Vec::new()) } else { Err(io::ErrorKind::WriteZero.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_undoes_is_done_although_something_failed_before() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("disable");
        fs::write(&file, "1").unwrap();
        let steps = [
            Step::new(Do::Write(dir.path().join("absent"), "1".into())),
            Step::new(Do::Wait(60_000)),
            Step::always(Do::Write(file.clone(), "0".into())),
        ];
        let did = take(&steps, true);
        assert_eq!(did, [Did::Failed(nix::libc::ENOENT), Did::LeftOut, Did::Done(Vec::new())]);
        assert_eq!(fs::read_to_string(&file).unwrap(), "0");
    }

    #[test]
    fn a_tree_has_no_devices_to_talk_to() {
        let did = take(&[Step::new(Do::ResetDevice("/dev/null".into()))], false);
        assert_eq!(did, [Did::Failed(nix::libc::ENOTTY)]);
    }

    #[test]
    fn what_does_not_go_away_is_told_in_time() {
        let did =
            take(&[Step::new(Do::UntilGone("/".into(), 20)), Step::new(Do::UntilGone("/absent".into(), 20))], true);
        assert_eq!(did, [Did::Failed(nix::libc::ETIMEDOUT), Did::LeftOut]);
    }
}
