//! What is mounted.

use super::table;
use crate::{host::Host, proc::DevNo};

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mount {
    pub(super) device: String,
    pub(super) on: String,
    pub(super) source: String,
}

/// How a line of a mount table is read.
type Reader = fn(&str) -> Option<Mount>;

/// Where mounts are told, the best first: what the first process sees, as ours may be a namespace of its own.
const TABLES: [(&str, Reader); 4] =
    [("1/mountinfo", mount), ("self/mountinfo", mount), ("mounts", plain), ("self/mounts", plain)];

/// What is mounted, or why that is not known. Something is mounted everywhere, so that a table without a line is the copy
/// of one that could not be copied.
pub(super) fn mounts(host: &Host) -> Result<Vec<Mount>, String> {
    let read = |(file, reader): &(&str, Reader)| {
        table(host, &host.proc().join(file), |text| text.lines().map(reader).collect())
    };
    let mut all = TABLES.iter().map(read);
    let first = all.next().unwrap_or_else(|| Err(String::new()));
    first.or_else(|why| all.find_map(Result::ok).ok_or(why))
}

/// `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw`, see `proc_pid_mountinfo(5)`.
fn mount(line: &str) -> Option<Mount> {
    let (head, tail) = line.split_once(" - ")?;
    let mut head = head.split(' ');
    let device = head.nth(2).filter(|device| device.parse::<DevNo>().is_ok())?;
    Some(Mount { device: device.to_owned(), on: unescaped(head.nth(1)?), source: unescaped(tail.split(' ').nth(1)?) })
}

/// `/dev/root /mnt2 ext3 rw,noatime 0 0`, see `fstab(5)`; it does not tell the number of the device.
fn plain(line: &str) -> Option<Mount> {
    let words: Vec<_> = line.split(' ').collect();
    let [source, on, _, _, "0", "0"] = words.as_slice() else { return None };
    Some(Mount { device: String::new(), on: unescaped(on), source: unescaped(source) })
}

/// The kernel writes blanks and backslashes as three octal digits.
fn unescaped(text: &str) -> String {
    let mut parts = text.split('\\');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.get(..3).and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) => plain.extend([char::from(byte)].into_iter().chain(part[3..].chars())),
            None => plain.extend(['\\'].into_iter().chain(part.chars())),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_input_makes_it_panic(text in "\\PC*", near in "[0-7\\\\é ]*") {
            let _ = (unescaped(&text), unescaped(&near));
            let _ = (mount(&text), mount(&format!("1 2 {near} - {text}")), plain(&text), plain(&near));
        }
    }
}
