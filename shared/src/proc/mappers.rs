//! Who has a device mapped. A mapping outlives the descriptor that it was made from, so `/proc/*/fd` does not show it.

use super::{
    DevNo,
    openers::{DIRECTORY, Openers, Wanted, gone},
    process,
};
use crate::host::{Host, read_file};
use nix::{dir::Dir, errno::Errno, sys::stat::Mode};
use std::{ffi::CString, io, os::fd::AsFd};

/// Who has one of these devices mapped, other than this process.
///
/// It costs more than [`super::openers`], and reading `/proc/PID/maps` waits for a process that holds its own address
/// space locked: ask for openers first. The device column there is the filesystem's, not the device's, so each shared
/// mapping of a device node is looked at by its link in `map_files`, and by its path where that cannot be read.
/// The mapped registers of a VFIO device show as `anon_inode:[vfio-device]`, which does not say whose they are.
pub fn mappers(host: &Host, devices: &[(DevNo, String)]) -> Openers {
    let wanted = Wanted::new(devices);
    let mut answer = Openers::default();
    let pids = process::pids(host);
    answer.unreadable = usize::from(pids.is_empty());
    for pid in pids.into_iter().filter(|pid| process::own(host) != Some(*pid)) {
        match read_file(&host.process(pid).join("maps")) {
            Ok(maps) => wanted.report(host, pid, mapped(host, pid, &maps, &wanted), &mut answer),
            Err(e) => answer.unreadable += usize::from(!vanished(&e)),
        }
    }
    answer
}

fn vanished(error: &io::Error) -> bool {
    error.raw_os_error().is_some_and(|e| gone(Errno::from_raw(e)))
}

fn mapped(host: &Host, pid: i32, maps: &[u8], wanted: &Wanted<'_>) -> Vec<usize> {
    let mut hits = Vec::new();
    let mut links = None;
    for (range, path) in maps.split(|b| *b == b'\n').filter_map(device_mapping) {
        if let Some(hit) = wanted.labelled(path) {
            hits.push(hit);
        } else if host.is_live() {
            let dir = links
                .get_or_insert_with(|| Dir::open(&host.process(pid).join("map_files"), DIRECTORY, Mode::empty()).ok());
            let found = dir.as_ref().and_then(|d| wanted.find(d.as_fd(), &range, true).ok().flatten());
            hits.extend(found);
        }
    }
    hits
}

/// The range and path of a line that may be a mapped device node: shared and with a path. The filesystem may be any, as
/// a container's nodes may be on its disk.
fn device_mapping(line: &[u8]) -> Option<(CString, &[u8])> {
    let mut words = line.splitn(6, |b| *b == b' ');
    let (range, access) = (words.next()?, words.next()?);
    let path = words.nth(3)?.trim_ascii();
    if !path.starts_with(b"/") || access.get(3) != Some(&b's') {
        return None;
    }
    // maps pads addresses to eight digits, the names in map_files are not padded (fs/proc/base.c).
    let (from, to) = std::str::from_utf8(range).ok()?.split_once('-')?;
    let [from, to] = [from, to].map(|s| u64::from_str_radix(s, 16));
    Some((CString::new(format!("{:x}-{:x}", from.ok()?, to.ok()?)).ok()?, path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fs;

    #[test]
    fn only_shared_mappings_with_a_path_count() {
        let yes = b"00400000-00410000 rw-s 00000000 00:06 412                        /dev/nvidia0";
        let (range, path) = device_mapping(yes).unwrap();
        assert_eq!((range.to_str().unwrap(), path), ("400000-410000", &b"/dev/nvidia0"[..]));
        for no in [
            "7f00-7f01 r--p 00000000 00:06 412 /dev/nvidia0",
            "7f00-7f01 rw-s 00000000 00:0f 412 anon_inode:[vfio-device]",
            "7f00-7f01 rw-s 00000000 00:06 412 ",
            "",
        ] {
            assert_eq!(device_mapping(no.as_bytes()), None, "{no}");
        }
    }

    #[test]
    fn a_fake_process_is_found_by_the_path() {
        let root = tempfile::tempdir().unwrap();
        let process = root.path().join("proc/77");
        fs::create_dir_all(&process).unwrap();
        fs::write(process.join("maps"), "7f00-7f01 rw-s 00000000 00:06 412    /dev/dri/card0\n").unwrap();
        let wanted = [(DevNo { major: 226, minor: 0 }, "/dev/dri/card0".to_owned())];
        let answer = mappers(&Host::new(root.path()), &wanted);
        assert_eq!((answer.found.len(), answer.found[0].pid, answer.unreadable), (1, 77, 0));
    }

    proptest! {
        #[test]
        fn no_line_makes_it_panic(line in any::<Vec<u8>>()) {
            let _ = device_mapping(&line);
        }

        #[test]
        fn no_near_miss_makes_it_panic(line in "[0-9a-f]{0,20}-?[0-9a-f]{0,20} rw-s 0 00:[0-9]* [0-9]* +/[ -~]*") {
            let _ = device_mapping(line.as_bytes());
        }
    }
}
