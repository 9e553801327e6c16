//! The readings of one VM, packed: a thousand VMs have an hour of them in six megabytes.

use crate::probe::verdict::Status;
use serde_json::{Map, Value};
use std::collections::VecDeque;

/// What a reading holds, by the keys of the document: percent of the VM's processors and of its memory, bytes per second
/// from the guest and to it, network errors per second, bytes per second read and written by its disks, changes of its
/// picture per second, and the milliseconds that QEMU took to answer.
pub const COLUMNS: [&str; 8] = ["cpu", "memory", "rx", "tx", "errors", "disk", "frames", "answer"];

/// One reading.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// When, in milliseconds since 1970.
    pub at: u64,
    /// How it was.
    pub status: Status,
    /// In the order of [`COLUMNS`]; `None` where it was not measured.
    pub values: [Option<f64>; COLUMNS.len()],
}

impl Point {
    /// As one object.
    pub fn json(&self) -> Value {
        let mut map = Map::new();
        map.insert("at".into(), self.at.into());
        map.insert("status".into(), self.status.word().into());
        for (name, value) in COLUMNS.iter().zip(self.values) {
            map.insert((*name).into(), value.map_or(Value::Null, number));
        }
        map.into()
    }
}

/// Whole numbers without a point.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Asked before.
fn number(value: f64) -> Value {
    if value.fract() == 0.0 && (0.0..9e15).contains(&value) { (value as u64).into() } else { value.into() }
}

/// A reading of 22 bytes: seconds of the epoch in two halves (so that no gap is left behind), and figures of which two to
/// three digits count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Packed {
    at: [u16; 2],
    status: Status,
    values: [u16; COLUMNS.len()],
}

/// No figure.
const NONE: u16 = u16::MAX;

impl Packed {
    #[allow(clippy::cast_possible_truncation)] // Halves.
    pub(super) fn new(at: u64, status: Status, values: [Option<f64>; COLUMNS.len()]) -> Self {
        let seconds = u32::try_from(at / 1000).unwrap_or(u32::MAX);
        // The upper half first, so that they are in the order of the times.
        let at = [(seconds >> 16) as u16, (seconds & 0xffff) as u16];
        Self { at, status, values: values.map(pack) }
    }

    pub(super) fn at(&self) -> u64 {
        (u64::from(self.at[0]) << 16 | u64::from(self.at[1])) * 1000
    }

    pub(super) fn status(&self) -> Status {
        self.status
    }

    pub(super) fn values(&self) -> [Option<f64>; COLUMNS.len()] {
        self.values.map(unpack)
    }

    pub(super) fn point(&self) -> Point {
        Point { at: self.at(), status: self.status, values: self.values() }
    }

    fn is_empty(&self) -> bool {
        self.values == [NONE; COLUMNS.len()]
    }
}

/// The upper half of a float without its sign, since nothing here is negative: wrong by 0.2 % at most.
#[allow(clippy::cast_possible_truncation)] // That is what this is for.
fn pack(value: Option<f64>) -> u16 {
    let Some(value) = value.map(|value| value as f32).filter(|value| value.is_finite() && *value >= 0.0) else {
        return NONE;
    };
    let bits = (value.abs().to_bits() << 1).saturating_add(0x8000) >> 16;
    // A figure beyond all measure would round to infinity.
    if bits >= 0xff00 { NONE } else { bits as u16 }
}

fn unpack(bits: u16) -> Option<f64> {
    (bits != NONE).then(|| digits(f64::from(f32::from_bits(u32::from(bits) << 15))))
}

/// Three digits: the others are made by the packing.
pub(super) fn digits(value: f64) -> f64 {
    if value <= 0.0 || !value.is_finite() {
        return 0.0;
    }
    let place = value.log10().floor() - 2.0;
    let unit = 10f64.powf(place.abs());
    if place > 0.0 { (value / unit).round() * unit } else { (value * unit).round() / unit }
}

/// The newest readings, the oldest first, always in the order of their times.
#[derive(Debug, Default)]
pub(super) struct Ring {
    packed: VecDeque<Packed>,
}

impl Ring {
    /// Adds one, and lets the oldest go beyond `most`.
    pub(super) fn push(&mut self, packed: Packed, most: usize) {
        // The clock was set back: what claims to be still to come has no place in a line of times.
        while self.packed.back().is_some_and(|last| last.at > packed.at) {
            self.packed.pop_back();
        }
        if self.repeats(&packed) {
            self.packed.pop_back();
        }
        while self.packed.len() >= most.max(1) {
            self.packed.pop_front();
        }
        let (kept, room) = (self.packed.len(), self.packed.capacity());
        if kept == room {
            // By doubling, but not beyond what will ever be kept.
            self.packed.reserve_exact(kept.max(8).min(most.max(1) - kept));
        }
        self.packed.push_back(packed);
    }

    /// Whether the last one only repeats what is before it and after it: a VM that is off is two readings, from and until.
    fn repeats(&self, next: &Packed) -> bool {
        let same = |one: &Packed| one.is_empty() && one.status == next.status;
        next.is_empty() && self.packed.iter().rev().take(2).filter(|one| same(one)).count() == 2
    }

    pub(super) fn last(&self) -> Option<&Packed> {
        self.packed.back()
    }

    pub(super) fn points(&self) -> impl Iterator<Item = Point> {
        self.packed.iter().map(Packed::point)
    }

    /// What came after `since`, as one: the worst status, and the mean of each figure.
    pub(super) fn mean(&self, since: u64) -> Option<Packed> {
        let new = || self.packed.iter().rev().take_while(|one| one.at() > since);
        let last = *self.packed.back().filter(|one| one.at() > since)?;
        let status = new().map(Packed::status).max().unwrap_or_default();
        let mut sums = [(0.0, 0u32); COLUMNS.len()];
        for one in new() {
            for (sum, value) in sums.iter_mut().zip(one.values()) {
                *sum = value.map_or(*sum, |value| (sum.0 + value, sum.1 + 1));
            }
        }
        let values = sums.map(|(sum, count)| (count > 0).then(|| sum / f64::from(count)));
        Some(Packed::new(last.at(), status, values))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(seconds: u64, cpu: Option<f64>, status: Status) -> Packed {
        let mut values = [None; COLUMNS.len()];
        values[0] = cpu;
        Packed::new(seconds * 1000, status, values)
    }

    fn times(ring: &Ring) -> Vec<u64> {
        ring.points().map(|point| point.at / 1000).collect()
    }

    #[test]
    fn a_reading_has_24_bytes() {
        assert_eq!(size_of::<Packed>(), 22);
    }

    #[test]
    fn a_vm_that_is_off_is_two_readings_until_it_is_on_again() {
        let mut ring = Ring::default();
        for seconds in 1..50 {
            ring.push(at(seconds, None, Status::Stopped), 240);
        }
        assert_eq!(times(&ring), [1, 49]);
        ring.push(at(50, Some(3.0), Status::Healthy), 240);
        ring.push(at(51, Some(3.0), Status::Healthy), 240);
        ring.push(at(52, Some(3.0), Status::Healthy), 240);
        assert_eq!(times(&ring), [1, 49, 50, 51, 52]);
    }

    #[test]
    fn what_is_still_to_come_is_dropped_when_the_clock_is_set_back() {
        let mut ring = Ring::default();
        for seconds in [10, 20, 30, 15, 25] {
            ring.push(at(seconds, Some(1.0), Status::Healthy), 240);
        }
        assert_eq!(times(&ring), [10, 15, 25]);
    }

    #[test]
    fn a_mean_leaves_out_what_was_not_measured_and_keeps_the_worst_status() {
        let mut ring = Ring::default();
        ring.push(at(1, Some(90.0), Status::Unhealthy), 240);
        ring.push(at(20, Some(10.0), Status::Degraded), 240);
        ring.push(at(30, None, Status::Healthy), 240);
        ring.push(at(40, Some(20.0), Status::Healthy), 240);
        let mean = ring.mean(10_000).unwrap().point();
        assert_eq!(
            (mean.at, mean.status, mean.values[0], mean.values[1]),
            (40_000, Status::Degraded, Some(15.0), None)
        );
        assert_eq!(ring.mean(40_000), None);
    }

    proptest! {
        #[test]
        fn a_figure_comes_back_within_a_hundredth(value in prop_oneof![0.0..1e-6f64, 0.0..1.0f64, 1.0..1e12f64]) {
            let back = unpack(pack(Some(value))).unwrap();
            prop_assert!((back - value).abs() <= value * 0.01 + 1e-30, "{value} {back}");
        }

        #[test]
        fn no_figure_makes_it_panic(value in any::<f64>()) {
            let back = unpack(pack(Some(value)));
            prop_assert!(back.is_none_or(|back| back.is_finite() && back >= 0.0), "{value} {back:?}");
        }

        #[test]
        fn a_ring_is_in_order_and_bounded(times in proptest::collection::vec(0u64..100, 0..100), most in 1usize..20) {
            let mut ring = Ring::default();
            for seconds in times {
                ring.push(at(seconds, Some(1.0), Status::Healthy), most);
            }
            let times = super::tests::times(&ring);
            prop_assert!(times.len() <= most && times.is_sorted(), "{times:?}");
        }
    }
}
