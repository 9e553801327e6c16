//! One process, as `/proc` tells of it.

use crate::host::{Host, read_file};
use std::{fs, path::Path};

/// What is needed of `/proc/PID/stat`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stat {
    /// The name of the program, at most 15 characters.
    pub name: String,
    /// The state's letter: `D` is the sleep that no signal ends.
    pub state: char,
    /// The processor time that all of its threads took, in clock ticks.
    pub ticks: u64,
    /// How many threads it has.
    pub threads: u32,
    /// When it started, in clock ticks since the boot: with the pid, this names a process for good.
    pub start_time: u64,
}

impl Stat {
    /// Parses the line. The name is in parentheses and may itself contain spaces and parentheses.
    pub fn parse(text: &str) -> Option<Self> {
        let (head, tail) = text.rsplit_once(')')?;
        let name = head.split_once('(')?.1.to_owned();
        let fields: Vec<_> = tail.split_ascii_whitespace().collect();
        // The first of these is field 3 of proc_pid_stat(5).
        let field = |n: usize| fields.get(n - 3).copied();
        Some(Self {
            name,
            state: field(3)?.chars().next()?,
            ticks: field(14)?.parse::<u64>().ok()?.checked_add(field(15)?.parse().ok()?)?,
            threads: field(20)?.parse().ok()?,
            start_time: field(22)?.parse().ok()?,
        })
    }

    pub(super) fn read(dir: &Path) -> Option<Self> {
        Self::parse(&String::from_utf8_lossy(&read_file(&dir.join("stat")).ok()?))
    }

    /// Whether it has ended and only waits for its parent to notice.
    pub fn is_dead(&self) -> bool {
        matches!(self.state, 'Z' | 'X' | 'x')
    }
}

/// All processes, in ascending order.
pub fn pids(host: &Host) -> Vec<i32> {
    let Ok(entries) = fs::read_dir(host.proc()) else { return Vec::new() };
    let mut pids: Vec<i32> =
        entries.filter_map(|e| e.ok()?.file_name().to_str()?.parse().ok()).filter(|pid| *pid > 0).collect();
    pids.sort_unstable();
    pids
}

/// Why nothing can be told of processes, if so: none is to be seen, not even this one. Who uses a device is not known then.
pub fn unseen(host: &Host) -> Option<String> {
    pids(host).is_empty().then(|| "no process is to be seen in /proc".into())
}

/// Whether a pid of this host is this very process.
pub(super) fn own(host: &Host) -> Option<i32> {
    host.is_live().then(|| i32::try_from(std::process::id()).ok()).flatten()
}

/// What `/proc/PID/stat` says; `None` where the process is gone.
pub fn stat(host: &Host, pid: i32) -> Option<Stat> {
    Stat::read(&host.process(pid))
}

/// The letter of a process's state.
pub fn state(host: &Host, pid: i32) -> Option<char> {
    Some(stat(host, pid)?.state)
}

/// How often a process gave up the processor to wait for something.
pub fn voluntary_switches(host: &Host, pid: i32) -> Option<u64> {
    let status = read_file(&host.process(pid).join("status")).ok()?;
    let text = String::from_utf8_lossy(&status);
    text.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:")?.trim().parse().ok())
}

/// When a process started, in clock ticks since the boot.
pub fn start_time(host: &Host, pid: i32) -> Option<u64> {
    Some(stat(host, pid)?.start_time)
}

/// Whether the process that once had this pid and start time still runs. A zombie does not.
pub fn is_alive(host: &Host, pid: i32, start_time: u64) -> bool {
    stat(host, pid).is_some_and(|s| s.start_time == start_time && !s.is_dead())
}

/// A process's name and the beginning of its command line, for messages: `kvm: /usr/bin/kvm -id 111`. Control
/// characters are left out, as anybody may choose a command line.
pub fn command(host: &Host, pid: i32) -> String {
    let dir = host.process(pid);
    let read = |file| read_file(&dir.join(file)).unwrap_or_default();
    describe(&read("comm"), &read("cmdline"))
}

const SHORT: usize = 80;

fn describe(comm: &[u8], cmdline: &[u8]) -> String {
    let name = printable(comm.trim_ascii_end());
    let line = printable(cmdline.get(..4 * SHORT).unwrap_or(cmdline)).trim().to_owned();
    let mut text = match line.split(' ').next().unwrap_or_default().rsplit('/').next() {
        None | Some("") => name,
        Some(program) if program == name || name.is_empty() => line,
        Some(_) => format!("{name}: {line}"),
    };
    if let Some((cut, _)) = text.char_indices().nth(SHORT) {
        text.truncate(cut);
        text.push('…');
    }
    text
}

fn printable(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LINE: &str = "4711 (a) b (c)) D 1 4711 4711 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 9 0 12345 67 89";

    #[test]
    fn the_name_may_contain_anything() {
        let stat = Stat::parse(LINE).unwrap();
        assert_eq!(stat, Stat { name: "a) b (c)".into(), state: 'D', ticks: 11, threads: 9, start_time: 12345 });
    }

    #[test]
    fn another_process_with_the_same_pid_is_not_the_one_we_knew() {
        let root = tempfile::tempdir().unwrap();
        let host = Host::new(root.path());
        fs::create_dir_all(host.process(4711)).unwrap();
        fs::write(host.process(4711).join("stat"), LINE).unwrap();
        assert!(is_alive(&host, 4711, 12345));
        assert!(!is_alive(&host, 4711, 12346));
        assert!(!is_alive(&host, 4712, 12345));
        fs::write(host.process(4711).join("stat"), LINE.replace(" D ", " Z ")).unwrap();
        assert!(!is_alive(&host, 4711, 12345));
        assert_eq!(pids(&host), [4711]);
    }

    #[test]
    fn this_process_is_alive() {
        let host = Host::default();
        let pid = i32::try_from(std::process::id()).unwrap();
        assert!(is_alive(&host, pid, start_time(&host, pid).unwrap()));
        assert!(matches!(state(&host, pid), Some('R' | 'S')));
    }

    #[test]
    fn commands_are_told_once_and_shortened() {
        assert_eq!(describe(b"sleep\n", b"/bin/sleep\x0030\0"), "/bin/sleep 30");
        assert_eq!(describe(b"CPU 0/KVM\n", b"/usr/bin/kvm\0-id\x00111\0"), "CPU 0/KVM: /usr/bin/kvm -id 111");
        assert_eq!(describe(b"kworker/0:1\n", b""), "kworker/0:1");
        assert_eq!(describe(b"x\n", &[b'x'; 500]).chars().count(), SHORT + 1);
        assert_eq!(describe(b"a\x1b[0m\n", b""), "a [0m");
    }

    proptest! {
        #[test]
        fn no_input_makes_it_panic(text in "\\PC*", a in any::<Vec<u8>>(), b in any::<Vec<u8>>()) {
            let _ = Stat::parse(&text);
            let _ = Stat::parse(&format!("1 ({text}) {text}"));
            let _ = describe(&a, &b);
        }
    }
}
