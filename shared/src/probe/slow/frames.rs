//! How often the picture changes: screendumps one after the other, each compared with the one before.

use super::{picture, scratch::Scratch};
use crate::{
    deadline::Deadline,
    host::Host,
    probe::{evidence::Display, figure::Figure},
    pve::qmp::{Monitor, Trouble},
};
use serde_json::json;
use std::{
    fs::File,
    io::{self, Read},
    path::Path,
    thread,
    time::{Duration, Instant},
};

pub(super) const SOURCE: &str = "qmp screendump";

/// How long it is looked at.
const WINDOW: Duration = Duration::from_secs(2);
/// Between two pictures, where taking one is that quick.
const INTERVAL: Duration = Duration::from_millis(15);
/// The monitor is given back that often: PVE waits for its turn no longer than 3 s.
const SESSION: Duration = Duration::from_millis(250);
/// What happened in a longer gap, such as while somebody else was served, nobody knows.
const GAP: Duration = Duration::from_millis(60);
/// Larger than any picture: 8K.
const LARGEST: u64 = 7680 * 4320 * 3 + 64;

/// What was seen.
#[derive(Debug, Default)]
struct Seen {
    /// When a picture was taken, and whether it was another than the one before.
    pictures: Vec<(Instant, bool)>,
    last: Display,
}

/// The rate of change per second, and the picture itself.
pub(super) fn look(
    host: &Host,
    monitor: &Path,
    scratch: &Scratch,
    deadline: &Deadline,
) -> (Figure<f64>, Figure<Display>) {
    match watch(host, monitor, scratch, &deadline.within(WINDOW * 2)) {
        Ok(seen) => {
            let changed = seen.pictures.iter().any(|(_, changed)| *changed);
            let display = Display { changed, ..seen.last };
            (Figure { value: rate(&seen.pictures).map_err(Into::into), source: SOURCE }, Figure::known(SOURCE, display))
        }
        Err(why) => (Figure::unknown(SOURCE, why.clone()), Figure::unknown(SOURCE, why)),
    }
}

fn watch(host: &Host, path: &Path, scratch: &Scratch, deadline: &Deadline) -> Result<Seen, String> {
    let file = scratch.file("picture.ppm");
    let dump = json!({ "filename": file });
    let (mut now, mut before) = (Vec::new(), Vec::new());
    let mut seen = Seen::default();
    let begun = Instant::now();
    while begun.elapsed() < WINDOW {
        let mut monitor = match Monitor::open_at(host, path, deadline) {
            Ok(monitor) => monitor,
            // What was seen so far was seen.
            Err(Trouble::Busy | Trouble::Full | Trouble::NoAnswer) if !seen.pictures.is_empty() => break,
            Err(trouble) => return Err(trouble.to_string()),
        };
        let opened = Instant::now();
        while opened.elapsed() < SESSION && begun.elapsed() < WINDOW {
            let asked = Instant::now();
            monitor.execute("screendump", &dump).map_err(|trouble| trouble.to_string())?;
            let taken = Instant::now();
            read(&file, &mut now).map_err(|error| format!("the picture that QEMU wrote: {error}"))?;
            let (width, height, pixels) = picture::parse(&now).ok_or("QEMU wrote something else than a picture")?;
            seen.pictures.push((taken, !before.is_empty() && now != before));
            seen.last = Display { width, height, blank: picture::is_blank(pixels), changed: false };
            std::mem::swap(&mut now, &mut before);
            // QEMU stands still while it writes a picture: it gets as much time for its own work.
            let took = taken - asked;
            thread::sleep(INTERVAL.max(took * 2).saturating_sub(asked.elapsed()));
        }
    }
    Ok(seen)
}

fn read(file: &Path, into: &mut Vec<u8>) -> io::Result<()> {
    into.clear();
    File::open(file)?.take(LARGEST).read_to_end(into)?;
    Ok(())
}

/// Changes per second. Every change ends an interval that the change before began, so that what lies before the first and
/// after the last does not count, nor what lies in a gap.
fn rate(pictures: &[(Instant, bool)]) -> Result<f64, String> {
    let mut looked = Duration::ZERO;
    let (mut pairs, mut changes, mut intervals, mut time) = (0u32, 0u32, 0u32, Duration::ZERO);
    let mut last_change = None;
    for pair in pictures.windows(2) {
        let [(before, _), (now, changed)] = pair else { continue };
        if *now - *before > GAP {
            last_change = None;
            continue;
        }
        looked += *now - *before;
        pairs += 1;
        if *changed {
            changes += 1;
            if let Some(last) = last_change.replace(*now) {
                intervals += 1;
                time += *now - last;
            }
        }
    }
    if looked < WINDOW / 2 {
        return Err("pictures came too slowly, or the monitor was busy with another client".into());
    }
    let counted = f64::from(changes) / looked.as_secs_f64();
    // Who takes pictures less than twice as often as they change sees some of the changes as one.
    if changes * 2 > pairs {
        let each = f64::from(pairs) / looked.as_secs_f64();
        return Err(format!("at least {counted:.1}/s: only {each:.0} pictures could be taken in a second"));
    }
    Ok(if intervals > 0 { f64::from(intervals) / time.as_secs_f64() } else { counted })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pictures every `each` ms for two seconds, of something that changes every `period` ms.
    fn taken(each: u64, period: f64, gap: Option<(u64, u64)>) -> Vec<(Instant, bool)> {
        let begun = Instant::now();
        let mut before = 0;
        let times = (0..2000 / each).map(|n| n * each).filter(|at| gap.is_none_or(|(from, to)| *at < from || *at > to));
        times
            .map(|at| {
                #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
                let state = (at as f64 / period) as u64;
                (begun + Duration::from_millis(at), std::mem::replace(&mut before, state) != state)
            })
            .collect()
    }

    #[test]
    fn the_rate_of_change_is_that_of_the_picture() {
        for (each, period) in [(15, 54.925), (15, 500.0), (20, 54.925), (15, 33.3), (16, 1000.0 / 18.2)] {
            let rate = rate(&taken(each, period, None)).unwrap();
            let truth = 1000.0 / period;
            assert!((rate / truth - 1.0).abs() < 0.02, "{rate} instead of {truth}");
        }
        assert_eq!(rate(&taken(15, 1e9, None)), Ok(0.0));
    }

    #[test]
    fn a_gap_is_no_standstill() {
        let rate = rate(&taken(15, 54.925, Some((500, 1000)))).unwrap();
        assert!((rate - 18.2).abs() < 0.5, "{rate}");
    }

    #[test]
    fn what_changes_too_fast_is_told_as_a_lower_bound() {
        let why = rate(&taken(30, 40.0, None)).unwrap_err();
        assert!(why.starts_with("at least 2"), "{why}");
        assert!(rate(&taken(100, 500.0, None)).is_err());
        assert!(rate(&[]).is_err());
    }
}
