//! One daemon for one record: two of them would write the same files, each what the other does not know, and both would heal.

use crate::{
    deadline::Deadline,
    fault::{Code, Fault},
    host::Host,
    lock::{self, Locks},
};
use anyhow::{Error, Result};
use std::{
    fs::DirBuilder,
    io::{self, ErrorKind},
    os::unix::fs::DirBuilderExt,
    path::{PathBuf, absolute},
    time::Duration,
};

/// One that was killed may have threads for a moment still, and with them the lock. A daemon that goes on would be waited for in
/// vain.
const ENDING: Duration = Duration::from_secs(2);

/// Takes the record for this process, as long as the answer is kept; fails where another daemon has it. The lock lies beside
/// the record, so that it holds for whoever has the same directory, and the kernel lets go of it with the process, however that
/// ends. `None` where nothing can be written there, and so nothing be spoiled.
pub fn take(host: &Host, command: &str) -> Result<Option<Locks>> {
    let path = path(host)?;
    let dir = path.parent().unwrap_or(&path);
    // The record itself is for everybody to read.
    let _ = DirBuilder::new().recursive(true).mode(0o755).create(dir);
    let name = path.display().to_string();
    let error = match Locks::take(host, std::slice::from_ref(&name), command, &Deadline::after(ENDING)) {
        Ok(locks) => return Ok(Some(locks)),
        Err(error) if cannot_be_written(&error) => return Ok(None),
        Err(error) => error,
    };
    let holder = lock::holder(host, &name).filter(|_| Fault::code_of(&error) == Code::Busy);
    let Some(holder) = holder.filter(|holder| holder.pid > 0) else { return Err(error) };
    let (shown, pid, command) = (host.shown(&host.lib_dir().join("probe")), holder.pid, holder.command);
    Fault::busy(format!("another vm-probe keeps the record in {shown}: pid {pid} ({command}); nothing was changed"))
        .next(format!("ps -fp {pid}; systemctl status vm-probe"))
        .fail()
}

fn path(host: &Host) -> io::Result<PathBuf> {
    absolute(host.lib_dir().join("probe/serve.lock"))
}

fn cannot_be_written(error: &Error) -> bool {
    let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
    kind.is_some_and(|kind| {
        matches!(kind, ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem | ErrorKind::StorageFull)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, process::Command};

    fn second(host: &Host) -> Fault {
        Fault::of(&take(host, "vm-probe serve").unwrap_err()).unwrap().clone()
    }

    #[test]
    fn the_second_daemon_is_told_who_the_first_one_is() {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::new(dir.path());
        let first = take(&host, "vm-probe serve --listen 127.0.0.1:1").unwrap();
        let (refused, pid) = (second(&host), std::process::id());
        assert_eq!(refused.code, Code::Busy);
        let what = format!("in /var/lib/pve-hooks/probe: pid {pid} (vm-probe serve --listen 127.0.0.1:1); nothing");
        assert!(refused.what.contains(&what), "{}", refused.what);
        assert_eq!(refused.next, Some(format!("ps -fp {pid}; systemctl status vm-probe")));
        drop(first);
        assert!(take(&host, "vm-probe serve").unwrap().is_some());
    }

    #[test]
    fn one_that_was_killed_leaves_nothing_that_blocks() {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::new(dir.path());
        let path = path(&host).unwrap();
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        // As one leaves it that had no time to clear up: with its name inside.
        fs::write(&path, "{\"pid\":4711,\"command\":\"vm-probe serve\",\"since\":1}").unwrap();
        let mut other = Command::new("flock").arg("--no-fork").arg(&path).args(["sleep", "60"]).spawn().unwrap();
        while lock::holder(&host, path.to_str().unwrap()).is_none() {
            std::thread::sleep(Duration::from_millis(10));
        }
        assert_eq!(second(&host).code, Code::Busy);
        other.kill().unwrap();
        other.wait().unwrap();
        assert!(take(&host, "vm-probe serve").unwrap().is_some());
    }
}
