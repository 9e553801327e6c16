//! Processes that the kernel keeps in a write to sysfs: an unbind whose device is in use, a bind behind it, a rescan.

use super::process::{self, Stat};
use crate::host::{Host, names};
use std::{
    fs::{self, File},
    os::unix::fs::FileExt,
    path::Path,
};

/// A process in uninterruptible sleep within write(2) to one of the attributes that move devices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockedWriter {
    /// The process.
    pub pid: i32,
    /// Its name and command line, shortened.
    pub command: String,
    /// The attribute, as the kernel spells its path: `/sys/bus/pci/drivers/nvidia/unbind`.
    pub file: String,
    /// What it writes, where that can be read: `0000:01:00.0`.
    pub text: Option<String>,
}

impl BlockedWriter {
    /// Whether the write is about this device: it is in the path or in the text.
    pub fn title(&self) -> String {
        let text = self.text.as_deref().map(|text| format!(" of {:?}", text.trim())).unwrap_or_default();
        format!("pid {} ({}) hangs in a write{text} to {}", self.pid, self.command, self.file)
    }

    /// Whether it is about a PCI function.
    pub fn is_about(&self, address: &str) -> bool {
        self.file.contains(address) || self.text.as_deref().is_some_and(|t| t.contains(address))
    }
}

const ATTRIBUTES: [&str; 9] =
    ["bind", "unbind", "reset", "remove", "driver_override", "remove_id", "new_id", "drivers_probe", "rescan"];

// write and pwrite64, whose first three arguments are the same.
#[cfg(target_arch = "x86_64")]
const WRITES: [u64; 2] = [1, 18];
#[cfg(not(target_arch = "x86_64"))]
const WRITES: [u64; 2] = [64, 68];

/// All of them that can be seen: it takes root to look into another user's system call. Threads are looked at too,
/// as a program may write from one that is not its first.
pub fn blocked_writers(host: &Host) -> Vec<BlockedWriter> {
    process::pids(host).into_iter().filter_map(|pid| blocked_writer(host, pid)).collect()
}

fn blocked_writer(host: &Host, pid: i32) -> Option<BlockedWriter> {
    let dir = host.process(pid);
    let stat = Stat::read(&dir)?;
    let by_thread = || {
        let tasks = dir.join("task");
        let mut threads = names(&tasks).into_iter().map(|t| tasks.join(t));
        threads.find_map(|t| (Stat::read(&t)?.state == 'D').then(|| write_of(&t)).flatten())
    };
    let first = (stat.state == 'D').then(|| write_of(&dir)).flatten();
    let (file, text) = first.or_else(|| (stat.threads > 1).then(by_thread).flatten())?;
    Some(BlockedWriter { pid, command: process::command(host, pid), file, text })
}

fn write_of(task: &Path) -> Option<(String, Option<String>)> {
    let call = Call::parse(&fs::read_to_string(task.join("syscall")).ok()?)?;
    let file = fs::read_link(task.join("fd").join(call.fd.to_string())).ok()?;
    let file = file.to_str()?.to_owned();
    let (dir, attribute) = file.rsplit_once('/')?;
    let moves = dir.starts_with("/sys/") && ATTRIBUTES.contains(&attribute);
    moves.then(|| (file, text_at(task, &call)))
}

fn text_at(task: &Path, call: &Call) -> Option<String> {
    // No address or id is longer.
    let mut bytes = vec![0; usize::try_from(call.length.min(128)).ok()?];
    let read = File::open(task.join("mem")).ok()?.read_at(&mut bytes, call.buffer).ok()?;
    let text = String::from_utf8_lossy(&bytes[..read]);
    let text: String = text.trim_end_matches(['\n', '\0']).chars().filter(|c| !c.is_control()).collect();
    (!text.is_empty()).then_some(text)
}

/// The arguments of a write that is under way.
#[derive(Debug, PartialEq, Eq)]
struct Call {
    fd: u64,
    buffer: u64,
    length: u64,
}

impl Call {
    /// Parses `/proc/PID/syscall`: the number in decimal, then the arguments in hexadecimal.
    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_ascii_whitespace();
        let number: u64 = words.next()?.parse().ok()?;
        let mut argument = || u64::from_str_radix(words.next()?.strip_prefix("0x")?, 16).ok();
        let call = Self { fd: argument()?, buffer: argument()?, length: argument()? };
        WRITES.contains(&number).then_some(call)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::os::unix::fs::symlink;

    const UNBIND: &str = "/sys/bus/pci/drivers/nvidia/unbind";

    fn tree(state: char, call: &str, file: &str) -> (tempfile::TempDir, Host) {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("proc/4711");
        fs::create_dir_all(dir.join("fd")).unwrap();
        fs::write(dir.join("stat"), format!("4711 (sh) {state} 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 5")).unwrap();
        fs::write(dir.join("comm"), "sh\n").unwrap();
        fs::write(dir.join("syscall"), call).unwrap();
        fs::write(dir.join("mem"), "....0000:01:00.0\n").unwrap();
        symlink(file, dir.join("fd/5")).unwrap();
        let host = Host::new(root.path());
        (root, host)
    }

    #[test]
    fn a_hung_unbind_is_told_with_its_device() {
        let call = format!("{} 0x5 0x4 0xd 0x0 0x0 0x0 0x7ffc 0x7f\n", WRITES[0]);
        let (_root, host) = tree('D', &call, UNBIND);
        let writers = blocked_writers(&host);
        let text = Some("0000:01:00.0".to_owned());
        assert_eq!(writers, [BlockedWriter { pid: 4711, command: "sh".into(), file: UNBIND.into(), text }]);
        assert!(writers[0].is_about("0000:01:00.0"));
        assert!(!writers[0].is_about("0000:02:00.0"));
    }

    #[test]
    fn others_are_not() {
        let call = format!("{} 0x5 0x4 0xd 0x0 0x0 0x0 0x7ffc 0x7f\n", WRITES[0]);
        for (state, call, file) in [
            ('S', call.as_str(), UNBIND),
            ('D', "0 0x5 0x4 0xd 0x0 0x0 0x0 0x7ffc 0x7f\n", UNBIND),
            ('D', "running\n", UNBIND),
            ('D', &call, "/var/lib/unbind"),
            ('D', &call, "/sys/class/net/eth0/mtu"),
        ] {
            let (_root, host) = tree(state, call, file);
            assert_eq!(blocked_writers(&host), [], "{state} {call} {file}");
        }
    }

    proptest! {
        #[test]
        fn no_input_makes_it_panic(text in "\\PC*", n in any::<u64>(), a in any::<u64>()) {
            let _ = Call::parse(&text);
            prop_assert_eq!(Call::parse(&format!("{n} {a:#x} {a:#x} 0x")), None);
        }
    }
}
