//! The kernel's log: all that is left of it, or the errors about a device from a moment on.

use crate::{deadline::Deadline, host::Host};
use nix::{
    errno::Errno,
    libc,
    unistd::{Whence, lseek},
};
use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom},
    os::unix::fs::OpenOptionsExt,
};

/// The kernel's log, read from the moment that this was opened.
#[derive(Debug)]
pub struct KernelLog {
    file: File,
    lost: bool,
}

/// Larger than any record: the kernel refuses a read that the next one does not fit into
/// (`PRINTK_MESSAGE_MAX`, 2048; 8192 in older kernels).
const RECORD: usize = 16 << 10;

/// `KERN_ERR`; the lower, the worse.
const ERROR: u32 = 3;

impl KernelLog {
    /// Begins to listen; `None` where the log cannot be read, and whether there were errors stays unknown.
    pub fn open_at_end(host: &Host) -> Option<Self> {
        let mut file = open(host)?;
        file.seek(SeekFrom::End(0)).ok()?;
        Some(Self { file, lost: false })
    }

    /// The errors since the log was opened, or since they were last asked for, that name one of these texts: the
    /// addresses of a device's functions.
    pub fn errors_about(&mut self, needles: &[String]) -> Vec<String> {
        errors(&String::from_utf8_lossy(&self.news()), needles)
    }

    /// Whether messages were overwritten before they were read: what was in them is unknown.
    pub fn lost_some(&self) -> bool {
        self.lost
    }

    fn news(&mut self) -> Vec<u8> {
        let (all, lost) = records(&mut self.file, usize::MAX, None);
        self.lost |= lost;
        all
    }
}

/// The log as `dmesg` shows it, which begins where somebody cleared it; at most `size` bytes of it and no longer than the
/// deadline, `None` where it cannot be read.
pub fn whole(host: &Host, size: usize, deadline: &Deadline) -> Option<String> {
    let mut file = open(host)?;
    match lseek(&file, 0, Whence::SeekData) {
        // What stands in for the log in another tree is empty.
        Err(Errno::ENXIO) | Ok(_) => {}
        Err(_) => return None,
    }
    Some(String::from_utf8_lossy(&records(&mut file, size, Some(deadline)).0).into_owned())
}

fn open(host: &Host) -> Option<File> {
    OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(crate::tree::target(&host.kernel_log()).ok()?)
        .ok()
}

/// The records from where the file stands, and whether some were lost.
fn records(file: &mut File, size: usize, deadline: Option<&Deadline>) -> (Vec<u8>, bool) {
    let mut all = Vec::new();
    let mut lost = false;
    let mut record = vec![0; RECORD];
    while all.len() < size && deadline.is_none_or(|deadline| !deadline.expired()) {
        match file.read(&mut record) {
            Ok(0) => break,
            Ok(n) => all.extend_from_slice(&record[..n]),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            // The next record was overwritten; the read after this starts with the oldest that is left.
            Err(e) if e.raw_os_error() == Some(libc::EPIPE) => lost = true,
            Err(e) => {
                lost |= e.kind() != io::ErrorKind::WouldBlock;
                break;
            }
        }
    }
    (all, lost)
}

/// Picks the messages. A record is `priority,sequence,time,flags;message`, then lines that begin with a space and name
/// the device (Documentation/ABI/testing/dev-kmsg).
fn errors(log: &str, needles: &[String]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut told = true;
    let mut current = None;
    for line in log.lines() {
        if !line.starts_with(' ') {
            current = message(line);
            told = false;
        }
        if let Some(message) = current
            && !told
            && needles.iter().any(|needle| line.contains(needle.as_str()))
        {
            found.push(message.to_owned());
            told = true;
        }
    }
    found
}

fn message(line: &str) -> Option<&str> {
    let (head, message) = line.split_once(';')?;
    // The upper bits are the facility.
    let level = head.split(',').next()?.parse::<u32>().ok()? & 7;
    (level <= ERROR).then_some(message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::{fs, io::Write};

    const GPU: &str = "0000:01:00.0";

    #[test]
    fn only_new_errors_about_the_device_are_told() {
        let root = tempfile::tempdir().unwrap();
        let host = Host::new(root.path());
        assert!(KernelLog::open_at_end(&host).is_none());
        fs::create_dir_all(root.path().join("dev")).unwrap();
        fs::write(host.kernel_log(), "3,1,1,-;nvidia 0000:01:00.0: old\n").unwrap();
        let mut log = KernelLog::open_at_end(&host).unwrap();
        let mut file = OpenOptions::new().append(true).open(host.kernel_log()).unwrap();
        let news = "6,2,1,-;nvidia 0000:01:00.0: information\n3,3,1,-;nvidia 0000:02:00.0: another\n\
            3,4,1,-;nvidia 0000:01:00.0: failed\n SUBSYSTEM=pci\n DEVICE=+pci:0000:01:00.0\n\
            11,5,1,-;probe failed with -5\n SUBSYSTEM=pci\n DEVICE=+pci:0000:01:00.0\n";
        file.write_all(news.as_bytes()).unwrap();
        let needles = [GPU.to_owned()];
        assert_eq!(log.errors_about(&needles), ["nvidia 0000:01:00.0: failed", "probe failed with -5"]);
        assert!(log.errors_about(&needles).is_empty());
        assert!(!log.lost_some());
    }

    #[test]
    fn the_real_log_does_not_block() {
        if let Some(mut log) = KernelLog::open_at_end(&Host::default()) {
            assert!(log.errors_about(&["no such device".to_owned()]).is_empty());
        }
    }

    proptest! {
        #[test]
        fn no_log_makes_it_panic(text in any::<String>(), near in "[0-9,;\n :.a]*") {
            let needles = [GPU.to_owned(), String::new()];
            let _ = (errors(&text, &needles), errors(&near, &needles));
        }
    }
}
