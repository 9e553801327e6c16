//! What a network interface is used for.

use crate::{
    host::{Host, names, read_text},
    sysfs::{self, link_name},
};
use std::collections::BTreeSet;

/// What needs an interface: the default route, a bridge or bond, what is stacked on it.
pub(super) fn uses(host: &Host, name: &str, uses: &mut Vec<String>) {
    let dir = host.net_class().join(name);
    let routed = default_routes(host);
    let mut tell = |carrier: &str| {
        if routed.contains(carrier) {
            uses.push(format!("the default route goes through {carrier}"));
        }
    };
    tell(name);
    let master = link_name(&dir.join("master"));
    if let Some(master) = &master {
        tell(master);
        uses.push(format!("{name} belongs to {master}"));
    }
    for upper in names(&dir).iter().filter_map(|n| n.strip_prefix("upper_")) {
        if master.as_deref() != Some(upper) {
            uses.push(format!("{name} carries {upper}"));
        }
    }
}

/// Whether an interface is up, in a sentence: also where nothing else is known to need it.
pub(super) fn up(host: &Host, name: &str) -> Option<String> {
    let flags = sysfs::read(&host.net_class().join(name).join("flags")).ok()?;
    // IFF_UP
    let up = u32::from_str_radix(flags.trim_start_matches("0x"), 16).is_ok_and(|f| f & 1 != 0);
    up.then(|| format!("{name} is up"))
}

/// Why it cannot be known whether an interface is in use, if so.
pub(super) fn unknown(host: &Host, name: &str) -> Option<String> {
    let file = host.net_class().join(name).join("flags");
    let routes = host.proc().join("net/route");
    let why = match sysfs::read(&file) {
        Ok(text) if u32::from_str_radix(text.trim_start_matches("0x"), 16).is_ok() => {
            // A tree that stands in for a host may do without.
            let error = read_text(&routes).err().filter(|_| host.is_live())?;
            let what = format!("whether the default route goes through {name} is not known");
            return Some(format!("{what}: cannot read {}: {error}", host.shown(&routes)));
        }
        Ok(_) => "it is no number".to_owned(),
        Err(error) => error.to_string(),
    };
    Some(format!("whether {name} is up is not known: cannot read {}: {why}", host.shown(&file)))
}

fn default_routes(host: &Host) -> BTreeSet<String> {
    let read = |file| read_text(&host.proc().join("net").join(file)).unwrap_or_default();
    let (v4, v6) = (read("route"), read("ipv6_route"));
    let v4 = v4.lines().filter_map(default_of_v4);
    v4.chain(v6.lines().filter_map(default_of_v6)).map(str::to_owned).collect()
}

/// `eth0 00000000 0101A8C0 0003 0 0 0 00000000 …`: interface, destination, gateway, flags, …, mask
fn default_of_v4(line: &str) -> Option<&str> {
    let words: Vec<_> = line.split_ascii_whitespace().collect();
    (words.get(1) == Some(&"00000000") && words.get(7) == Some(&"00000000")).then(|| words[0])
}

/// Destination, its length, …, interface. The kernel keeps an unreachable default of its own on `lo`.
fn default_of_v6(line: &str) -> Option<&str> {
    let words: Vec<_> = line.split_ascii_whitespace().collect();
    let anywhere = words.first()?.bytes().all(|b| b == b'0') && words.get(1) == Some(&"00");
    words.last().copied().filter(|name| anywhere && *name != "lo")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn routes_to_anywhere_are_told_from_others() {
        assert_eq!(default_of_v4("eth0\t0001A8C0\t0\t1\t0\t0\t0\t00FFFFFF"), None);
        let anywhere = "0".repeat(32);
        let v6 = |interface: &str| format!("{anywhere} 00 {anywhere} 00 fe80 00000400 1 0 00000003 {interface}");
        assert_eq!(default_of_v6(&v6("vmbr0")), Some("vmbr0"));
        assert_eq!(default_of_v6(&v6("lo")), None);
    }

    proptest! {
        #[test]
        fn no_input_makes_it_panic(text in "\\PC*", near in "[0-7\\\\é ]*") {
            let _ = (default_of_v4(&text), default_of_v6(&text), default_of_v6(&near));
        }
    }
}
