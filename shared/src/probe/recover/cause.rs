//! Whether the cause of an I/O error is gone: a machine that goes on too early only stops again.

use crate::{deadline::Deadline, host::Host, probe::classify::clean, probe::evidence::Disk};
use nix::sys::statvfs::{FsFlags, statvfs};
use serde_json::Value;
use std::{
    collections::{BTreeMap, btree_map::Entry},
    fs,
    os::unix::fs::FileTypeExt,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError, mpsc},
    thread,
    time::{Duration, Instant},
};

/// How long a storage may take to say how full it is: a dead NFS server never does.
const ANSWER: Duration = Duration::from_secs(3);
/// So much room is enough for a disk to go on …
const ROOM: u64 = 64 << 20;
/// … or such a part of a storage that is small altogether.
const PART: u64 = 20;

/// What is known of the cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cause {
    /// It is gone.
    Gone,
    /// It is still there.
    Still(String),
    /// Nobody can tell from here.
    Unknown(String),
}

/// Looks at the storage of each disk. The worst answer counts.
pub(super) fn look(host: &Host, disks: &[Disk], deadline: &Deadline) -> Cause {
    if disks.is_empty() {
        return Cause::Unknown("QEMU does not say which disk failed".into());
    }
    let mut unknown = None;
    for disk in disks {
        match one(host, disk, &deadline.within(ANSWER)) {
            Cause::Gone => {}
            Cause::Still(why) => return Cause::Still(why),
            Cause::Unknown(why) => unknown = unknown.or(Some(why)),
        }
    }
    unknown.map_or(Cause::Gone, Cause::Unknown)
}

fn one(host: &Host, disk: &Disk, deadline: &Deadline) -> Cause {
    let (name, full) = (clean(&disk.name), disk.io_status.as_deref() == Some("nospace"));
    let Some(file) = file(&disk.file) else {
        return Cause::Unknown(format!("{name} is no file of this host: whether its storage works is not known"));
    };
    let path = if host.is_live() { PathBuf::from(&file) } else { host.at(&file) };
    let shown = clean(&file);
    match patiently(&path, deadline, storage) {
        None => Cause::Still(format!("the storage of {shown} does not answer")),
        Some(Err(why)) => Cause::Still(format!("{shown}: {why}")),
        Some(Ok(Storage::Device)) => {
            Cause::Unknown(format!("{shown} is a device: how full its storage is cannot be told from here"))
        }
        Some(Ok(Storage::ReadOnly)) => Cause::Still(format!("the storage of {shown} is read-only")),
        Some(Ok(Storage::Room { free, size })) if free < ROOM.min(size / PART) => {
            Cause::Still(format!("the storage of {shown} has only {} KiB of space left", free / 1024))
        }
        Some(Ok(Storage::Room { .. })) if full => Cause::Gone,
        Some(Ok(Storage::Room { .. })) => {
            Cause::Unknown(format!("{name} failed, and what was wrong with {shown} is not known"))
        }
    }
}

/// Looks at a path in a thread of its own, as a storage that does not answer holds that up for ever. Where one hangs already,
/// no other is sent after it.
fn patiently<T: Send + 'static>(path: &Path, deadline: &Deadline, look: fn(&Path) -> T) -> Option<T> {
    static SENT: Mutex<BTreeMap<PathBuf, Instant>> = Mutex::new(BTreeMap::new());
    let sent = || SENT.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        match sent().entry(path.to_owned()) {
            Entry::Vacant(place) => {
                place.insert(Instant::now());
                break;
            }
            Entry::Occupied(place) if place.get().elapsed() > ANSWER || deadline.expired() => return None,
            Entry::Occupied(_) => {}
        }
        thread::sleep(Duration::from_millis(10));
    }
    let (send, receive) = mpsc::channel();
    let own = path.to_owned();
    let begun = thread::Builder::new().name("storage".into()).spawn(move || {
        let told = look(&own);
        sent().remove(&own);
        let _ = send.send(told);
    });
    if begun.is_err() {
        sent().remove(path);
        return None;
    }
    receive.recv_timeout(deadline.remaining()).ok()
}

enum Storage {
    Device,
    ReadOnly,
    Room { free: u64, size: u64 },
}

fn storage(path: &Path) -> Result<Storage, String> {
    let meta = fs::metadata(path).map_err(|error| error.to_string())?;
    if meta.file_type().is_block_device() {
        return Ok(Storage::Device);
    }
    let told = statvfs(path).map_err(|errno| errno.desc().to_owned())?;
    if told.flags().contains(FsFlags::ST_RDONLY) {
        return Ok(Storage::ReadOnly);
    }
    let bytes = |blocks: u64| blocks.saturating_mul(told.fragment_size());
    Ok(Storage::Room { free: bytes(told.blocks_available()), size: bytes(told.blocks()) })
}

/// The file behind a disk: a path, or what QEMU writes as `json:{…}`.
fn file(text: &str) -> Option<String> {
    let Some(document) = text.strip_prefix("json:") else {
        return text.starts_with('/').then(|| text.to_owned());
    };
    let mut node: &Value = &serde_json::from_str(document).ok()?;
    for _ in 0..8 {
        if let Some(name) = node.get("filename").and_then(Value::as_str) {
            return name.starts_with('/').then(|| name.to_owned());
        }
        node = node.get("file")?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn disk(status: &str, file: &str) -> Disk {
        Disk { name: "drive-scsi0".into(), io_status: Some(status.into()), file: file.into(), ..Disk::default() }
    }

    #[test]
    fn a_storage_with_room_is_cured_and_one_that_is_gone_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::new(dir.path());
        fs::write(dir.path().join("disk.qcow2"), "x").unwrap();
        let look = |disks: &[Disk]| look(&host, disks, &Deadline::after(Duration::from_secs(20)));
        let json = r#"json:{"driver":"qcow2","file":{"driver":"file","filename":"/disk.qcow2"}}"#;
        assert_eq!(look(&[disk("nospace", "/disk.qcow2"), disk("nospace", json)]), Cause::Gone);
        assert!(matches!(look(&[disk("failed", "/disk.qcow2")]), Cause::Unknown(_)));
        assert!(matches!(look(&[disk("nospace", "rbd:pool/vm-111")]), Cause::Unknown(_)));
        assert!(matches!(look(&[]), Cause::Unknown(_)));
        let both = [disk("failed", "/disk.qcow2"), disk("nospace", "/missing.qcow2")];
        assert_eq!(look(&both), Cause::Still("/missing.qcow2: No such file or directory (os error 2)".into()));
    }

    #[test]
    fn a_storage_that_hangs_is_not_looked_at_again_and_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("fifo");
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        // Opening a fifo waits for its other end as statvfs waits for a server.
        let look = |path: &Path| fs::read_to_string(path).unwrap();
        let soon = || Deadline::after(Duration::from_millis(50));
        let begun = Instant::now();
        assert_eq!([patiently(&path, &soon(), look), patiently(&path, &soon(), look)], [None, None]);
        assert!(begun.elapsed() < Duration::from_secs(20));
        // A second one would take the place of the first, and wait for another end.
        fs::write(&path, "once").unwrap();
        fs::remove_file(&path).unwrap();
        fs::write(&path, "a file").unwrap();
        assert_eq!(patiently(&path, &Deadline::after(Duration::from_secs(60)), look).as_deref(), Some("a file"));
    }

    proptest! {
        #[test]
        fn no_name_of_a_file_makes_it_panic(text in "(json:)?\\PC*") {
            let _ = file(&text);
        }
    }
}
