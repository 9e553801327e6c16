//! State files: written whole or not at all, and never through a planted link.

use crate::{failpoint, host::read_file, tree};
use anyhow::{Context, Result};
use serde::{Serialize, de::DeserializeOwned};
use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

/// Replaces a state file: a new file beside it, flushed, then renamed over it.
pub fn save<T: Serialize>(path: &Path, value: &T) -> Result<()> {
    let text = serde_json::to_string_pretty(value)?;
    replace(path, text.as_bytes()).with_context(|| format!("cannot write {}", path.display()))
}

/// Replaces a file by one with these bytes: flushed first, then renamed over it.
pub fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    failpoint::before_write();
    tree::create_dirs(path.parent().unwrap_or(Path::new("/")), 0o755)?;
    let path = &*tree::entry(path)?;
    let dir = path.parent().unwrap_or(Path::new("/"));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temp = dir.join(format!(".{name}.{}", std::process::id()));
    let _ = fs::remove_file(&temp);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o644).open(&temp)?;
    let done = file
        .write_all(bytes)
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::rename(&temp, path))
        .and_then(|()| File::open(dir)?.sync_all());
    if done.is_err() {
        let _ = fs::remove_file(&temp);
    }
    failpoint::write_handed_over();
    done
}

/// Reads a state file. One that is absent, unreadable or garbage is `None`: what *is* gets derived from sysfs.
pub fn load<T: DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(&read_file(path).ok()?).ok()
}

/// Removes a state file; one that is not there is fine.
pub fn remove(path: &Path) -> Result<()> {
    failpoint::before_write();
    let removed = tree::entry(path).and_then(fs::remove_file);
    failpoint::write_handed_over();
    match removed {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(e).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// Appends one line to a journal that keeps at most the newer half when it grows beyond `limit` bytes.
pub fn append_line<T: Serialize>(path: &Path, value: &T, limit: u64) -> Result<()> {
    let write = || -> std::io::Result<()> {
        if let Some(dir) = path.parent() {
            tree::create_dirs(dir, 0o755)?;
        }
        let path = &*tree::entry(path)?;
        if fs::metadata(path).is_ok_and(|m| m.len() > limit) {
            // One that cannot be read any more begins anew.
            let old = read_file(path).unwrap_or_default();
            let half = old.len() / 2;
            let start = old[half..].iter().position(|b| *b == b'\n').map_or(old.len(), |i| half + i + 1);
            replace(path, &old[start..])?;
        }
        let mut line = serde_json::to_string(value)?;
        line.push('\n');
        let flags = nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK;
        let mut file = OpenOptions::new().append(true).create(true).mode(0o644).custom_flags(flags).open(path)?;
        if !file.metadata()?.is_file() {
            return Err(std::io::Error::other("not a regular file"));
        }
        file.write_all(line.as_bytes())
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn saved_state_is_loaded_and_garbage_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b.json");
        save(&path, &vec![1, 2]).unwrap();
        assert_eq!(load::<Vec<i32>>(&path), Some(vec![1, 2]));
        fs::write(&path, "[1,").unwrap();
        assert_eq!(load::<Vec<i32>>(&path), None);
        remove(&path).unwrap();
        remove(&path).unwrap();
        assert_eq!(fs::read_dir(dir.path().join("a")).unwrap().count(), 0, "no temporary file stays");
    }

    #[test]
    fn a_journal_stays_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("history.jsonl");
        for n in 0..200 {
            append_line(&path, &n, 100).unwrap();
        }
        let text = fs::read_to_string(&path).unwrap();
        assert!(
            text.len() < 150 && text.ends_with("199\n") && text.lines().all(|l| l.parse::<u32>().is_ok()),
            "{text}"
        );
    }
}
