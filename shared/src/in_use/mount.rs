//! What is mounted.

use crate::host::{Host, read_text};

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mount {
    pub(super) device: String,
    pub(super) on: String,
    pub(super) source: String,
}

/// What the first process sees mounted, as ours may be a namespace of its own.
pub(super) fn mounts(host: &Host) -> Vec<Mount> {
    let read = |who| read_text(&host.proc().join(who).join("mountinfo"));
    let table = read("1").or_else(|_| read("self")).unwrap_or_default();
    table.lines().filter_map(mount).collect()
}

/// `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw`, see `proc_pid_mountinfo(5)`.
fn mount(line: &str) -> Option<Mount> {
    let (head, tail) = line.split_once(" - ")?;
    let mut head = head.split(' ');
    Some(Mount {
        device: head.nth(2)?.to_owned(),
        on: unescaped(head.nth(1)?),
        source: unescaped(tail.split(' ').nth(1)?),
    })
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
            let _ = (mount(&text), mount(&format!("1 2 {near} - {text}")));
        }
    }
}
