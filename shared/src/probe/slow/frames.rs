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
    os::unix::fs::OpenOptionsExt,
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

/// QEMU may be in a guest's hands by now: what it put there is a file of a size that a picture has, or it is not looked at.
fn read(file: &Path, into: &mut Vec<u8>) -> io::Result<()> {
    into.clear();
    let flags = nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK;
    let picture = File::options().read(true).custom_flags(flags).open(file)?;
    let meta = picture.metadata()?;
    if !meta.is_file() || meta.len() > LARGEST {
        return Err(io::Error::other("it is no file, or too large for a picture"));
    }
    picture.take(LARGEST).read_to_end(into)?;
    Ok(())
}

/// A stretch without gaps.
#[derive(Debug, Default)]
struct Stretch {
    /// How long it is, in seconds.
    length: f64,
    /// When the picture changed, in seconds from its beginning.
    changes: Vec<f64>,
}

/// Changes per second.
fn rate(pictures: &[(Instant, bool)]) -> Result<f64, String> {
    let stretches = stretches(pictures);
    let looked: f64 = stretches.iter().map(|stretch| stretch.length).sum();
    let changes = count(stretches.iter().map(|stretch| stretch.changes.len()).sum());
    if looked < WINDOW.as_secs_f64() / 2.0 {
        return Err("pictures came too slowly, or the monitor was busy with another client".into());
    }
    let counted = changes / looked;
    // Who takes pictures less than twice as often as they change sees some of the changes as one.
    let taken = count(pictures.len());
    if changes * 2.0 > taken {
        return Err(format!("at least {counted:.1}/s: only {:.0} pictures could be taken in a second", taken / looked));
    }
    Ok(beat(&stretches, looked / changes).unwrap_or(counted))
}

fn stretches(pictures: &[(Instant, bool)]) -> Vec<Stretch> {
    let mut stretches = vec![Stretch::default()];
    for pair in pictures.windows(2) {
        let [(before, _), (now, changed)] = pair else { continue };
        let step = *now - *before;
        match stretches.last_mut() {
            Some(stretch) if step <= GAP => {
                stretch.length += step.as_secs_f64();
                if *changed {
                    stretch.changes.push(stretch.length);
                }
            }
            _ => stretches.push(Stretch::default()),
        }
    }
    stretches
}

/// The rate of what changes steadily, such as a film: to count it errs by one change, and a few dozen are all that there is.
/// So a line is laid through the times of the changes (least squares). `None` where they come unsteadily.
fn beat(stretches: &[Stretch], mean: f64) -> Option<f64> {
    let (mut squares, mut products) = (0.0, 0.0);
    for Stretch { length, changes } in stretches {
        let ends = changes.iter().copied().chain([*length]);
        let steady = ends.scan(0.0, |last, at| Some(at - std::mem::replace(last, at))).all(|step| step < mean * 2.0);
        if !steady {
            return None;
        }
        let middle = (count(changes.len()) - 1.0) / 2.0;
        let average = changes.iter().sum::<f64>() / count(changes.len().max(1));
        for (n, at) in (0..).map(f64::from).zip(changes) {
            squares += (n - middle).powi(2);
            products += (n - middle) * (at - average);
        }
    }
    // Two points make any line.
    (squares >= 2.0 && products > 0.0).then(|| squares / products)
}

fn count(n: usize) -> f64 {
    f64::from(u32::try_from(n).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_file_is_no_picture_and_holds_nobody_up() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::write(at("picture"), "P6 1 1 255 abc").unwrap();
        nix::unistd::mkfifo(&at("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        std::os::unix::fs::symlink(at("picture"), at("link")).unwrap();
        let huge = File::create(at("huge")).unwrap();
        huge.set_len(LARGEST + 1).unwrap();
        let mut bytes = Vec::new();
        for name in ["fifo", "link", "huge", "."] {
            assert!(read(&at(name), &mut bytes).is_err(), "{name}");
        }
        read(&at("picture"), &mut bytes).unwrap();
        assert_eq!(bytes, b"P6 1 1 255 abc");
    }

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
    fn what_comes_in_a_burst_is_counted_over_the_whole_time() {
        let begun = Instant::now();
        let pictures: Vec<_> =
            (0..134u32).map(|n| (begun + Duration::from_millis(15) * n, (10..40).contains(&n) && n % 3 == 0)).collect();
        let rate = rate(&pictures).unwrap();
        assert!((rate - 5.0).abs() < 0.2, "{rate}");
    }

    #[test]
    fn what_changes_too_fast_is_told_as_a_lower_bound() {
        let why = rate(&taken(30, 40.0, None)).unwrap_err();
        assert!(why.starts_with("at least 2"), "{why}");
        assert!(rate(&taken(100, 500.0, None)).is_err());
        assert!(rate(&[]).is_err());
    }
}
