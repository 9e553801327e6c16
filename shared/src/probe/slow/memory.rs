//! How much memory a process has to itself, with its share of what it shares. The kernel walks all of its pages for that: some
//! 15 ms for each GiB.

use crate::host::{Host, read_text};

pub(super) const SOURCE: &str = "/proc/PID/smaps_rollup";

/// In bytes.
pub(super) fn own(host: &Host, pid: i32) -> Result<u64, String> {
    let text = read_text(&host.process(pid).join("smaps_rollup")).map_err(|error| error.to_string())?;
    pss(&text).ok_or_else(|| "it has no line Pss".to_owned())
}

fn pss(text: &str) -> Option<u64> {
    let kib: u64 = text.lines().find_map(|line| line.strip_prefix("Pss:"))?.trim().strip_suffix(" kB")?.parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_is_read_and_none_made_up() {
        assert_eq!(
            pss("00400000-7ff0 ---p 0 00:00 0 [rollup]\nRss:  9 kB\nPss:      2048 kB\nPss_Dirty: 1 kB\n"),
            Some(2 << 20)
        );
        for text in ["", "Pss: 1\n", "Pss: x kB\n", "Pss: 99999999999999999 kB\n"] {
            assert_eq!(pss(text), None);
        }
    }

    #[test]
    fn a_live_process_has_some() {
        let own = own(&Host::default(), i32::try_from(std::process::id()).unwrap());
        assert!(own.unwrap() > 100 << 10);
    }
}
