//! The host as a whole, once for all VMs of a round.

use super::rate::Rate;
use crate::{
    host::Host,
    probe::figure::Figure,
    reread::{Pool, Reread},
};
use std::{borrow::Cow, io, str, time::Instant};

const TIMES: &str = "/proc/stat";
const MEMORY: &str = "/proc/meminfo";
const LOAD: &str = "/proc/loadavg";

/// The files that tell of it.
#[derive(Debug)]
pub(super) struct Machine {
    times: Reread,
    memory: Reread,
    load: Reread,
    busy: Rate,
}

/// What they told.
#[derive(Debug, Clone)]
pub(super) struct Reading {
    pub cpu: Figure<f64>,
    pub memory: Figure<f64>,
    /// Bytes of memory.
    pub total: Option<u64>,
    pub load: Figure<f64>,
    pub processors: Option<u32>,
}

impl Machine {
    pub fn new(host: &Host) -> Self {
        Self {
            times: Reread::at(host.processor_times()),
            memory: Reread::at(host.memory_info()),
            load: Reread::at(host.load_average()),
            busy: Rate::default(),
        }
    }

    pub fn read(&mut self, pool: &mut Pool, now: Instant) -> Reading {
        let times = text(pool.read(&mut self.times), Times::parse);
        let processors = times.as_ref().ok().map(|times| times.processors);
        let cpu = match times {
            // In ticks of all processors: they are as many as passed, so no clock is needed.
            Ok(times) => self.busy.share(TIMES, times.busy, times.all, now),
            Err(reason) => Figure::unknown(TIMES, reason),
        };
        let memory = text(pool.read(&mut self.memory), Memory::parse);
        let total = memory.as_ref().ok().map(|memory| memory.total);
        let value = memory.map(|memory| memory.percent());
        let load = text(pool.read(&mut self.load), |text| text.split(' ').next()?.parse().ok());
        Reading {
            cpu,
            memory: Figure { value, source: MEMORY },
            total,
            load: Figure { value: load, source: LOAD },
            processors,
        }
    }
}

/// What a parser makes of a file, or why there is nothing.
pub(super) fn text<T>(read: io::Result<&[u8]>, parse: impl FnOnce(&str) -> Option<T>) -> Result<T, Cow<'static, str>> {
    let bytes = read.map_err(|error| Cow::from(error.to_string()))?;
    str::from_utf8(bytes).ok().and_then(parse).ok_or(Cow::Borrowed("it says something else than expected"))
}

#[derive(Debug, PartialEq)]
struct Times {
    busy: u64,
    all: u64,
    processors: u32,
}

impl Times {
    /// The first lines: `cpu  user nice system idle iowait irq softirq steal guest guest_nice`, then one for each processor.
    /// What guests took is part of `user` and `nice` already.
    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let words = lines.next()?.strip_prefix("cpu ")?.split_ascii_whitespace();
        let mut times = [0_u64; 8];
        for (time, word) in times.iter_mut().zip(words) {
            *time = word.parse().ok()?;
        }
        let all = times.iter().fold(0_u64, |sum, time| sum.saturating_add(*time));
        let idle = times[3].saturating_add(times[4]);
        let processors = lines.take_while(|line| line.starts_with("cpu")).count();
        Some(Self { busy: all.saturating_sub(idle), all, processors: u32::try_from(processors).ok()?.max(1) })
    }
}

#[derive(Debug, PartialEq)]
struct Memory {
    total: u64,
    available: u64,
}

impl Memory {
    fn parse(text: &str) -> Option<Self> {
        let kilobytes = |key: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(key))?;
            line.trim().strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1024)
        };
        let total = kilobytes("MemTotal:").filter(|total| *total > 0)?;
        Some(Self { total, available: kilobytes("MemAvailable:")?.min(total) })
    }

    #[allow(clippy::cast_precision_loss)]
    fn percent(&self) -> f64 {
        (self.total - self.available) as f64 * 100.0 / self.total as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_waits_for_a_disk_is_idle() {
        let times = Times::parse("cpu  10 1 5 80 4 0 1 2 7 0\ncpu0 5 0 0 0\ncpu1 5 0 0 0\nintr 9\n").unwrap();
        assert_eq!(times, Times { busy: 19, all: 103, processors: 2 });
    }

    #[test]
    fn memory_that_can_be_had_is_free() {
        let memory = Memory::parse("MemTotal:       1000 kB\nMemFree: 1 kB\nMemAvailable:    250 kB\n").unwrap();
        assert!((memory.percent() - 75.0).abs() < 1e-9);
        assert_eq!(Memory::parse("MemTotal: 0 kB\nMemAvailable: 0 kB\n"), None);
    }

    proptest! {
        #[test]
        fn no_input_makes_it_panic(text in "\\PC*", near in "(cpu|MemTotal:|MemAvailable:) ?([0-9]{0,22} ){0,10}(kB)?\n") {
            let _ = (Times::parse(&text), Times::parse(&near), Memory::parse(&text), Memory::parse(&near));
        }
    }
}
