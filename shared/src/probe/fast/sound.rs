//! The sound server and sound cards of a container.

use crate::{
    command,
    host::{Host, read_text},
    probe::{evidence::Sound, figure::Figure},
    proc,
    reread::Pool,
};
use std::time::{Duration, Instant};

use super::process::Watched;

const SOURCE: &str = "/proc, pactl";
/// Programs are asked, and processes looked for, no more often than this.
const EVERY: Duration = Duration::from_secs(30);
/// `pactl` answers within 20 ms, or waits for a server that hangs.
const PATIENCE: Duration = Duration::from_secs(1);

/// What was found out, from round to round.
#[derive(Debug, Default)]
pub(super) struct Ear {
    server: Option<Watched>,
    /// Whether one was ever seen: then there ought to be one.
    seen: bool,
    sinks: Option<u32>,
    looked: Option<Instant>,
}

impl Ear {
    /// `expected` when QEMU was told to use a sound server.
    pub fn read(&mut self, host: &Host, pool: &mut Pool, expected: bool, now: Instant) -> Figure<Sound> {
        let ended = self.server.as_mut().is_some_and(|server| server.read(pool).is_none());
        if ended {
            (self.server, self.sinks) = (None, None);
        }
        if ended || self.looked.is_none_or(|looked| now.saturating_duration_since(looked) >= EVERY) {
            self.looked = Some(now);
            if self.server.is_none() {
                self.server = find(host, pool);
            }
            self.seen |= self.server.is_some();
            self.sinks = if self.server.is_some() { sinks(host) } else { None };
        }
        let running = self.server.is_some();
        let alsa_cards = read_text(&host.sound_cards()).map_or(0, |text| cards(&text));
        let backend = match alsa_cards {
            _ if running => "pulse",
            0 => "none",
            _ => "alsa",
        };
        let server_running = (running || expected || self.seen).then_some(running);
        Figure::known(SOURCE, Sound { server_running, sinks: self.sinks, alsa_cards, backend })
    }
}

fn find(host: &Host, pool: &mut Pool) -> Option<Watched> {
    proc::pids(host).into_iter().find_map(|pid| {
        let (watched, stat) = Watched::new(host, pool, pid)?;
        matches!(stat.name.as_str(), "pulseaudio" | "pipewire-pulse").then_some(watched)
    })
}

/// How many sinks it has; `None` where it cannot be asked.
fn sinks(host: &Host) -> Option<u32> {
    if !host.is_live() {
        return None;
    }
    let output = command::run(&["pactl", "list", "short", "sinks"], PATIENCE).ok()?;
    let lines = output.stdout.lines().filter(|line| !line.trim().is_empty()).count();
    output.status.success().then(|| u32::try_from(lines).ok())?
}

/// ` 0 [PCH            ]: HDA-Intel - HDA Intel PCH`, and a second line for each; or `--- no soundcards ---`.
fn cards(text: &str) -> u32 {
    let is_card = |line: &&str| line.split_once('[').is_some_and(|(n, _)| n.trim().parse::<u32>().is_ok());
    u32::try_from(text.lines().filter(is_card).count()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fs;

    #[test]
    fn cards_are_counted_once() {
        let text = " 0 [PCH            ]: HDA-Intel - HDA Intel PCH\n                      HDA at 0xf7 [irq 3]\n \
             1 [NVidia         ]: HDA-Intel - HDA NVidia\n";
        assert_eq!((cards(text), cards("--- no soundcards ---\n")), (2, 0));
    }

    #[test]
    fn a_server_that_was_never_there_is_no_failure_and_one_that_ended_is() {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::new(dir.path());
        let mut pool = Pool::new(&host);
        let start = Instant::now();
        let mut ear = Ear::default();
        let mut running = |after: u64, expected| {
            let sound = ear.read(&host, &mut pool, expected, start + Duration::from_secs(after));
            sound.get().unwrap().server_running
        };
        assert_eq!((running(0, false), running(1, true)), (None, Some(false)));
        fs::create_dir_all(host.process(9)).unwrap();
        let stat = "9 (pulseaudio) S 1 1 1 0 0 0 0 0 0 0 1 1 0 0 20 0 1 0 77 0";
        fs::write(host.process(9).join("stat"), stat).unwrap();
        assert_eq!((running(2, true), running(30, false)), (Some(false), Some(true)));
        fs::remove_file(host.process(9).join("stat")).unwrap();
        assert_eq!(running(31, false), Some(false));
    }

    proptest! {
        #[test]
        fn no_list_makes_it_panic(text in "\\PC*") {
            let _ = cards(&text);
        }
    }
}
