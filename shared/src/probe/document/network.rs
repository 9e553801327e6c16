//! The block of the network cards.

use super::{
    block::{Block, Kind, Told},
    clean, maybe,
};
use crate::probe::{
    evidence::{Counters, Evidence, NicReading, Path, Rates},
    figure::Figure,
};
use serde_json::{Value, json};

/// How a figure is had of its like.
type Of<T, V> = fn(&T) -> V;

const SOURCE: &str = "/proc/net/dev";
const COUNTERS: [(&str, Of<Counters, u64>); 8] = [
    ("tx_packets", |c| c.tx_packets),
    ("rx_packets", |c| c.rx_packets),
    ("tx_errors", |c| c.tx_errors),
    ("rx_errors", |c| c.rx_errors),
    ("tx_bytes", |c| c.tx_bytes),
    ("rx_bytes", |c| c.rx_bytes),
    ("tx_dropped", |c| c.tx_dropped),
    ("rx_dropped", |c| c.rx_dropped),
];
const RATES: [(&str, Of<Rates, f64>); 4] = [
    ("rx_bytes_per_second", |r| r.rx_bytes),
    ("tx_bytes_per_second", |r| r.tx_bytes),
    ("errors_per_second", |r| r.errors),
    ("dropped_per_second", |r| r.dropped),
];

/// Cards, taps, bridges.
pub fn network(evidence: &Evidence, now: u64) -> Value {
    let mut block = Block::new("network", evidence, now);
    let fast = evidence.fast.as_ref().map(|fast| (&fast.nics, fast.at));
    // A card without its cable is expected to be down.
    let tap = |nic: &NicReading| match nic.present.get() {
        _ if nic.link_down => None,
        Some(false) => Some(Some(false)),
        _ => Some(nic.up.get().copied()),
    };
    let bridge = |nic: &NicReading| {
        let expected = !nic.link_down && nic.bridge.is_some();
        expected.then(|| nic.path.get().map(|path| *path == Path::Whole))
    };
    let up = flag(&block, fast, "interface flags", tap);
    block.put("tap_up", Kind::Flag, up);
    let up = flag(&block, fast, "bridge ports", bridge);
    block.put("bridge_up", Kind::Flag, up);
    for (key, of) in COUNTERS {
        let sum = block.told("fast", fast, |nics| {
            let known: Option<Vec<_>> = nics.iter().map(|nic| nic.counters.get().map(of)).collect();
            known.filter(|known| !known.is_empty()).map(|known| known.into_iter().fold(0u64, u64::saturating_add))
        });
        block.put(key, Kind::Number, sum);
    }
    for (key, of) in RATES {
        let sum = block.told("fast", fast, |nics| {
            let known: Option<Vec<_>> = nics.iter().map(|nic| nic.rates.get().map(of)).collect();
            known.filter(|known| !known.is_empty()).map(|known| (known.iter().sum::<f64>() * 100.0).round() / 100.0)
        });
        block.put(key, Kind::Own, sum);
    }
    let nics = fast.and_then(|(nics, _)| nics.get()).map_or(&[][..], Vec::as_slice);
    block.plain("nics", nics.iter().take(64).map(nic).collect::<Vec<_>>().into());
    block.done()
}

/// A flag of all cards of which something is expected: `of` gives `None` for the others, `Some(None)` for not known.
fn flag(
    block: &Block<'_>,
    fast: Option<(&Figure<Vec<NicReading>>, u64)>,
    source: &'static str,
    of: impl Fn(&NicReading) -> Option<Option<bool>>,
) -> Told {
    let Some((Figure { value: Ok(nics), .. }, at)) = fast else { return block.told("fast", fast, |_| None::<()>) };
    let flags: Vec<_> = nics.iter().filter_map(of).collect();
    if flags.is_empty() {
        return Told::unknown(source, Some(at), "of no network card it is expected");
    }
    all(flags.into_iter()).map_or_else(|| Told::unknown(source, Some(at), &why(nics)), |up| Told::known(up, source, at))
}

/// False as soon as one is known not to be; true only if all are known to be.
fn all(flags: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut result = Some(true);
    for flag in flags {
        match flag {
            Some(false) => return Some(false),
            None => result = None,
            Some(true) => {}
        }
    }
    result
}

/// Why something is not known of some card.
fn why(nics: &[NicReading]) -> String {
    let reason = nics.iter().find_map(|nic| {
        let reason = nic.path.reason().or(nic.up.reason()).or(nic.present.reason())?;
        Some(format!("{}: {reason}", nic.tap))
    });
    reason.unwrap_or_else(|| format!("{SOURCE} does not tell"))
}

/// One card.
fn nic(nic: &NicReading) -> Value {
    let path = match nic.path.get() {
        None => Value::Null,
        Some(Path::Whole) => "whole".into(),
        Some(Path::NoPort { interface, bridge }) => clean(&format!("{interface} is no port of {bridge}")).into(),
        Some(Path::Down(name)) => clean(&format!("{name} is down")).into(),
        Some(Path::Missing(name)) => clean(&format!("{name} is missing")).into(),
    };
    json!({
        "key": clean(&nic.key), "tap": clean(&nic.tap), "bridge": maybe(nic.bridge.as_deref()),
        "link_down": nic.link_down, "present": nic.present.get(), "up": nic.up.get(), "path": path,
    })
}
