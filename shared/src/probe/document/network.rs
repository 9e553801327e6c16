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

const SOURCE: &str = "/proc/net/dev";

/// Cards, taps, bridges.
pub fn network(evidence: &Evidence, now: u64) -> Value {
    let mut block = Block::new("network", evidence, now);
    let fast = evidence.fast.as_ref().map(|fast| (&fast.nics, fast.at));
    let (nics, at) = match fast {
        Some((Figure { value: Ok(nics), .. }, at)) => (nics.as_slice(), at),
        Some((_, at)) => (&[][..], at),
        None => (&[][..], 0),
    };
    // A card without its cable is expected to be down.
    let expected: Vec<_> = nics.iter().filter(|nic| !nic.link_down).collect();
    let flags: [(&str, &str, fn(&NicReading) -> Option<bool>); 2] = [
        ("tap_up", "interface flags", |nic| match nic.present.get() {
            Some(false) => Some(false),
            _ => nic.up.get().copied(),
        }),
        ("bridge_up", "bridge ports", |nic| nic.path.get().map(|path| *path == Path::Whole)),
    ];
    for (key, source, of) in flags {
        let told = if fast.is_none_or(|(figure, _)| figure.value.is_err()) {
            block.told("fast", fast, |_| None::<()>)
        } else if expected.is_empty() {
            Told::unknown(source, Some(at), "no network card is expected to be up")
        } else {
            all(expected.iter().map(|nic| of(nic)))
                .map_or_else(|| Told::unknown(source, Some(at), &why(&expected)), |up| Told::known(up, source, at))
        };
        block.put(key, Kind::Flag, told);
    }
    let counters: [(&str, fn(&Counters) -> u64); 8] = [
        ("tx_packets", |c| c.tx_packets),
        ("rx_packets", |c| c.rx_packets),
        ("tx_errors", |c| c.tx_errors),
        ("rx_errors", |c| c.rx_errors),
        ("tx_bytes", |c| c.tx_bytes),
        ("rx_bytes", |c| c.rx_bytes),
        ("tx_dropped", |c| c.tx_dropped),
        ("rx_dropped", |c| c.rx_dropped),
    ];
    for (key, of) in counters {
        let sum = block.told("fast", fast, |nics| {
            let known: Option<Vec<_>> = nics.iter().map(|nic| nic.counters.get().map(of)).collect();
            known.filter(|known| !known.is_empty()).map(|known| known.into_iter().fold(0u64, u64::saturating_add))
        });
        block.put(key, Kind::Number, sum);
    }
    let rates: [(&str, fn(&Rates) -> f64); 4] = [
        ("rx_bytes_per_second", |r| r.rx_bytes),
        ("tx_bytes_per_second", |r| r.tx_bytes),
        ("errors_per_second", |r| r.errors),
        ("dropped_per_second", |r| r.dropped),
    ];
    for (key, of) in rates {
        let sum = block.told("fast", fast, |nics| {
            let known: Option<Vec<_>> = nics.iter().map(|nic| nic.rates.get().map(of)).collect();
            known.filter(|known| !known.is_empty()).map(|known| (known.iter().sum::<f64>() * 100.0).round() / 100.0)
        });
        block.put(key, Kind::Own, sum);
    }
    block.plain("nics", nics.iter().take(64).map(nic).collect::<Vec<_>>().into());
    block.done()
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
fn why(nics: &[&NicReading]) -> String {
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
