//! A private directory for what QEMU writes for us. Nobody else can look in, or put a link in its way.

use crate::{
    host::{Host, names},
    tree,
};
use nix::{errno::Errno, sys::signal::kill, unistd::Pid};
use std::{
    collections::hash_map::RandomState,
    fs::{self, DirBuilder},
    hash::{BuildHasher, Hasher},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

const PREFIX: &str = "probe-";

/// The directory; dropping it removes it with all that is in it.
#[derive(Debug)]
pub(super) struct Scratch(PathBuf);

impl Scratch {
    /// Makes one, and removes those of runs that were killed.
    pub(super) fn new(host: &Host) -> Result<Self, String> {
        let made = || -> io::Result<Self> {
            let above = host.run_dir();
            tree::create_dirs(&above, 0o777)?;
            // QEMU has another working directory.
            let above = tree::canonicalize(&above)?;
            for name in names(&above).iter().filter(|name| is_left_over(name)) {
                let _ = fs::remove_dir_all(above.join(name));
            }
            let name = format!("{PREFIX}{}-{:016x}", std::process::id(), RandomState::new().build_hasher().finish());
            let dir = above.join(name);
            DirBuilder::new().mode(0o700).create(&dir)?;
            Ok(Self(dir))
        };
        made().map_err(|error| format!("{}: {error}", host.shown(&host.run_dir())))
    }

    /// A file in it.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Whether a path that QEMU tells belongs to us, in this run or an earlier one.
    pub(super) fn is_ours(&self, path: &Path) -> bool {
        path.parent().is_some_and(|dir| {
            dir.parent() == self.0.parent()
                && dir.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(PREFIX.as_bytes()))
        })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed now, a later run removes.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn is_left_over(name: &str) -> bool {
    let pid = name.strip_prefix(PREFIX).and_then(|rest| rest.split_once('-')?.0.parse::<i32>().ok());
    pid.is_some_and(|pid| pid > 0 && kill(Pid::from_raw(pid), None) == Err(Errno::ESRCH))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn it_is_private_and_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::new(dir.path());
        // No process can have this number: it is beyond the largest `pid_max`.
        fs::create_dir_all(host.run_dir().join("probe-5000000-1")).unwrap();
        fs::create_dir_all(host.run_dir().join("gpu")).unwrap();
        let scratch = Scratch::new(&host).unwrap();
        assert_eq!(fs::metadata(&scratch.0).unwrap().permissions().mode() & 0o777, 0o700);
        fs::write(scratch.file("a"), "a").unwrap();
        assert!(scratch.is_ours(&scratch.file("a")));
        assert!(!scratch.is_ours(&host.run_dir().join("gpu/a")));
        drop(scratch);
        assert_eq!(names(&host.run_dir()), ["gpu"]);
    }
}
