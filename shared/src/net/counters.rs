//! `/proc/net/dev`: every interface and its counters in one read, twenty times cheaper than asking sysfs for each.

use crate::host::Host;
use nix::libc::O_NONBLOCK;
use std::{
    collections::HashMap,
    fs::File,
    io::{self, Read},
    os::unix::fs::OpenOptionsExt,
};

/// 10,000 interfaces take about a megabyte.
const LARGEST: u64 = 16 << 20;

/// As the host counts: what it receives from the interface, and what it sends into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Bytes received; of a tap, those that the guest sent.
    pub rx_bytes: u64,
    /// Packets received.
    pub rx_packets: u64,
    /// Receive errors.
    pub rx_errors: u64,
    /// Receive drops.
    pub rx_dropped: u64,
    /// Bytes sent; of a tap, those that the guest gets.
    pub tx_bytes: u64,
    /// Packets sent.
    pub tx_packets: u64,
    /// Transmit errors.
    pub tx_errors: u64,
    /// Transmit drops.
    pub tx_dropped: u64,
}

impl Counters {
    /// The numbers behind the name. There are eight for each direction, of which the first four are the same in both
    /// (`dev_seq_printf_stats` in `net/core/net-procfs.c`).
    fn parse(numbers: &str) -> Option<Self> {
        let mut words = numbers.split_ascii_whitespace().map(|word| word.parse().ok());
        let mut next = || words.next()?;
        let (rx_bytes, rx_packets, rx_errors, rx_dropped) = (next()?, next()?, next()?, next()?);
        for _ in 0..4 {
            let _: u64 = next()?;
        }
        let (tx_bytes, tx_packets, tx_errors, tx_dropped) = (next()?, next()?, next()?, next()?);
        Some(Self { rx_bytes, rx_packets, rx_errors, rx_dropped, tx_bytes, tx_packets, tx_errors, tx_dropped })
    }

    /// Whether none of them went back since `earlier`: those of an interface that was made anew begin at 0.
    pub fn follows(&self, earlier: &Self) -> bool {
        let all = |c: &Self| {
            [c.rx_bytes, c.rx_packets, c.rx_errors, c.rx_dropped, c.tx_bytes, c.tx_packets, c.tx_errors, c.tx_dropped]
        };
        all(self).iter().zip(all(earlier)).all(|(now, then)| *now >= then)
    }
}

/// All interfaces at one moment.
#[derive(Debug)]
pub struct Table<'a>(HashMap<&'a str, &'a str>);

impl<'a> Table<'a> {
    /// Takes the file apart.
    pub fn parse(text: &'a str) -> Self {
        // Two lines of headings have no colon. Spaces fill up short names.
        Self(text.lines().filter_map(|line| line.split_once(':')).map(|(name, rest)| (name.trim(), rest)).collect())
    }

    /// Whether there is such an interface.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Its counters.
    pub fn counters(&self, name: &str) -> Option<Counters> {
        Counters::parse(self.0.get(name)?)
    }
}

/// Reads the file into `buffer`, which is used again from round to round.
pub fn read_table<'a>(host: &Host, buffer: &'a mut Vec<u8>) -> io::Result<Table<'a>> {
    buffer.clear();
    File::options().read(true).custom_flags(O_NONBLOCK).open(host.net_counters())?.take(LARGEST).read_to_end(buffer)?;
    let text = std::str::from_utf8(buffer).map_err(io::Error::other)?;
    Ok(Table::parse(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TEXT: &str = "Inter-|   Receive                                                |  Transmit\n \
        face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n    \
        lo:       0       0    0    0    0     0          0         0        0       0    0    0    0     0       0          0\n\
        tap111i0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n\
        fwpr111p0:18446744073709551615 2 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n\
        short: 1 2 3\n";

    #[test]
    fn names_and_counters_are_found() {
        let table = Table::parse(TEXT);
        let counters = table.counters("tap111i0").unwrap();
        assert_eq!((counters.rx_bytes, counters.rx_packets, counters.rx_errors, counters.rx_dropped), (1, 2, 3, 4));
        assert_eq!((counters.tx_bytes, counters.tx_packets, counters.tx_errors, counters.tx_dropped), (9, 10, 11, 12));
        // A name of 15 characters leaves no space behind the colon.
        assert_eq!(table.counters("fwpr111p0").unwrap().rx_bytes, u64::MAX);
        assert!(table.has("lo") && table.has("short") && !table.has("tap111i1") && !table.has("face |bytes"));
        assert_eq!(table.counters("short"), None);
    }

    #[test]
    fn counters_that_began_anew_do_not_follow() {
        let (old, new) =
            (Counters { rx_bytes: 5, ..Counters::default() }, Counters { tx_bytes: 9, ..Counters::default() });
        assert!(old.follows(&Counters::default()) && old.follows(&old) && !new.follows(&old));
    }

    #[test]
    fn this_machine_has_its_loopback() {
        let mut buffer = Vec::new();
        let table = read_table(&Host::default(), &mut buffer).unwrap();
        assert!(table.counters("lo").is_some());
    }

    proptest! {
        #[test]
        fn no_input_makes_it_panic(text in "\\PC*", near in "(tap: ?([0-9]{1,22} ){0,17}\n){0,3}") {
            let _ = Table::parse(&text).counters("");
            let _ = Table::parse(&near).counters("tap");
        }
    }
}
