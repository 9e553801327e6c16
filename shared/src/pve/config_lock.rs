//! Who holds PVE's lock on a VM's configuration: told by the kernel, without ever taking the lock.

use crate::{
    host::{Host, read_text},
    tree,
};
use nix::sys::stat::{major, minor};
use std::{os::unix::fs::MetadataExt, path::Path};

/// The process that holds `/var/lock/qemu-server/lock-VMID.conf`. It may have left the lock to a child of its.
pub fn locked_by(host: &Host, vmid: u32) -> Option<i32> {
    let file = tree::metadata(&host.qemu_lock().join(format!("lock-{vmid}.conf"))).ok()?;
    // lock_get_status in fs/locks.c: "%02x:%02x:%lu", the device in hex and the inode in decimal.
    let place = format!("{:02x}:{:02x}:{}", major(file.dev()), minor(file.dev()), file.ino());
    held(&host.proc_locks(), &place)
}

/// Who holds the lock on a file. A longer list is read in pieces, and one that is held is missed when another one above it
/// goes meanwhile.
fn held(locks: &Path, place: &str) -> Option<i32> {
    let look = || read_text(locks).ok()?.lines().find_map(|line| holder(line, place));
    (0..LOOKS).find_map(|_| look())
}

/// How often it has to be missing before nobody holds it.
const LOOKS: u8 = 3;

/// `1: FLOCK  ADVISORY  WRITE 4711 00:1b:1234 0 EOF`; who merely waits has `->` behind the number.
fn holder(line: &str, place: &str) -> Option<i32> {
    let mut words = line.split_ascii_whitespace().skip(1);
    let is_flock = words.next() == Some("FLOCK");
    let pid = words.nth(2)?.parse().ok()?;
    (is_flock && words.next() == Some(place)).then_some(pid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use fs2::FileExt;
    use proptest::prelude::*;
    use std::{
        fs,
        sync::atomic::{AtomicBool, Ordering},
        thread,
    };

    #[test]
    fn the_holder_is_found_and_not_who_waits() {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::new(dir.path());
        fs::create_dir_all(host.qemu_lock()).unwrap();
        fs::create_dir_all(host.proc()).unwrap();
        assert_eq!(locked_by(&host, 111), None);
        let path = host.qemu_lock().join("lock-111.conf");
        fs::write(&path, "").unwrap();
        let file = fs::metadata(&path).unwrap();
        let place = format!("{:02x}:{:02x}:{}", major(file.dev()), minor(file.dev()), file.ino());
        let other = format!("1: FLOCK  ADVISORY  WRITE 1 {place}9 0 EOF\n2: POSIX  ADVISORY  WRITE 2 {place} 0 EOF\n");
        fs::write(host.proc_locks(), &other).unwrap();
        assert_eq!(locked_by(&host, 111), None);
        let held = format!(
            "{other}3: FLOCK  ADVISORY  WRITE 4711 {place} 0 EOF\n3: -> FLOCK  ADVISORY  WRITE 5 {place} 0 EOF\n"
        );
        fs::write(host.proc_locks(), held).unwrap();
        assert_eq!(locked_by(&host, 111), Some(4711));
    }

    #[test]
    fn the_running_kernel_is_understood() {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::new(dir.path());
        fs::create_dir_all(host.qemu_lock()).unwrap();
        fs::create_dir_all(host.proc()).unwrap();
        let file = fs::File::create(host.qemu_lock().join("lock-7.conf")).unwrap();
        file.lock_exclusive().unwrap();
        let locks = fs::read_to_string("/proc/locks").unwrap();
        fs::write(host.proc_locks(), &locks).unwrap();
        // Some sandboxes show no locks, and btrfs shows another device here than stat does.
        let inode = file.metadata().unwrap();
        let place = format!(" {:02x}:{:02x}:{} ", major(inode.dev()), minor(inode.dev()), inode.ino());
        let expected = locks.contains(&place).then(|| std::process::id().try_into().unwrap());
        assert_eq!(locked_by(&host, 7), expected);
    }

    /// Every look in small pieces misses it once in some hundred times.
    #[test]
    fn one_that_is_held_is_seen_while_others_come_and_go() {
        let dir = tempfile::tempdir().unwrap();
        let file = fs::File::create(dir.path().join("held")).unwrap();
        file.lock_exclusive().unwrap();
        // As the kernel spells it, which on some file systems is not what stat says.
        let inode = format!(":{}", file.metadata().unwrap().ino());
        let locks = read_text(Path::new("/proc/locks")).unwrap_or_default();
        let Some(place) = locks.split_whitespace().find(|word| word.ends_with(&inode)) else {
            eprintln!("SKIPPED: this sandbox shows no locks");
            return;
        };
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            for name in ["a", "b"] {
                let (other, over) = (fs::File::create(dir.path().join(name)).unwrap(), &over);
                scope.spawn(move || {
                    while !over.load(Ordering::Relaxed) {
                        other.lock_exclusive().unwrap();
                        other.unlock().unwrap();
                    }
                });
            }
            let missed = (0..3000).filter(|_| held(Path::new("/proc/locks"), place).is_none()).count();
            over.store(true, Ordering::Relaxed);
            assert_eq!(missed, 0);
        });
    }

    proptest! {
        #[test]
        fn no_input_makes_it_panic(line in "([0-9]: )?(FLOCK )?\\PC*") {
            let _ = holder(&line, "00:1b:1");
        }
    }
}
