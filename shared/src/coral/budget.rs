//! How often a VM may be rebooted without anybody being asked: counted on disk, so that neither a restart of this program
//! nor of the host gives it more.

use super::history::now;
use crate::{fault::Fault, lock::Locks, session::Session, state};
use anyhow::Result;
use std::collections::BTreeMap;

/// So many reboots …
pub const MOST: usize = 3;
/// … in so many seconds.
const HOUR: u64 = 60 * 60;

type Book = BTreeMap<u32, Vec<u64>>;

/// Takes one reboot out of a VM's budget, before it is done: a program that dies in it has used it up. Returns which one
/// of this hour it is.
pub fn take(session: &Session, vmid: u32) -> Result<usize> {
    let host = &session.host;
    let path = host.lib_dir().join("coral-reboots.json");
    let _locks = Locks::take(host, &["coral-reboots".into()], "coral-check: reboot", &session.lock_deadline())?;
    let time = now();
    let mut book: Book = match state::load(&path) {
        Some(book) => book,
        None if !path.exists() => Book::new(),
        // What cannot be read may have said that there is nothing left: this hour counts as used up, the next does not.
        None => Book::from([(vmid, vec![time; MOST])]),
    };
    let times = book.entry(vmid).or_default();
    let allowed = allowed(times, time);
    if let Ok(count) = allowed {
        times.push(time);
        state::save(&path, &book)?;
        return Ok(count + 1);
    }
    // The times may have been corrected, which has to be remembered for this to end some day.
    state::save(&path, &book)?;
    let left = allowed.unwrap_err();
    let minutes = left.div_ceil(60);
    Fault::refused(format!(
        "VM {vmid} was rebooted {MOST} times within the hour already; the next time in {minutes} minutes"
    ))
    .next(format!("qm reboot {vmid}"))
    .fail()
}

/// How many reboots of the last hour there are, or how long to wait when there are too many. Those that the clock says to be
/// still to come were made before it was set back: they count from now on, so that they neither vanish nor stay for ever.
fn allowed(times: &mut Vec<u64>, now: u64) -> Result<usize, u64> {
    for time in times.iter_mut() {
        *time = (*time).min(now);
    }
    times.retain(|time| now - *time < HOUR);
    times.sort_unstable();
    if times.len() < MOST {
        return Ok(times.len());
    }
    Err(HOUR - (now - times[times.len() - MOST]))
}

/// How many reboots of the last hour are on the books.
pub fn used(host: &crate::host::Host, vmid: u32) -> usize {
    let book: Book = state::load(&host.lib_dir().join("coral-reboots.json")).unwrap_or_default();
    let time = now();
    book.get(&vmid).map_or(0, |times| times.iter().filter(|at| time.saturating_sub(**at) < HOUR).count())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::Config, deadline::Deadline, fault::Code, host::Host, log::Log, report::Output};
    use proptest::prelude::*;
    use std::{fs, time::Duration};

    fn session(host: Host) -> Session {
        let deadline = Deadline::after(Duration::from_secs(20));
        Session::new(host, Config::default(), deadline, Log::new("test", -1), Output::new(false))
    }

    #[test]
    fn the_fourth_in_an_hour_is_refused_by_whatever_process() {
        let dir = tempfile::tempdir().unwrap();
        for n in 1..=MOST {
            assert_eq!(take(&session(Host::new(dir.path())), 275).unwrap(), n);
        }
        let error = take(&session(Host::new(dir.path())), 275).unwrap_err();
        assert_eq!(Fault::code_of(&error), Code::Refused);
        assert_eq!(take(&session(Host::new(dir.path())), 276).unwrap(), 1);
        assert_eq!(used(&Host::new(dir.path()), 275), MOST);
    }

    #[test]
    fn a_book_that_cannot_be_read_gives_nothing_for_an_hour() {
        let dir = tempfile::tempdir().unwrap();
        let session = session(Host::new(dir.path()));
        let path = session.host.lib_dir().join("coral-reboots.json");
        fs::create_dir_all(session.host.lib_dir()).unwrap();
        fs::write(&path, "{\"275\":[1,").unwrap();
        assert!(take(&session, 275).is_err());
        // It can be read again, and says when that ends.
        let book: Book = state::load(&path).unwrap();
        assert_eq!(book[&275].len(), MOST);
    }

    #[test]
    fn a_clock_that_is_set_back_neither_resets_nor_blocks_for_ever() {
        let mut times = vec![9_000_000, 9_000_001, 9_000_002];
        assert_eq!(allowed(&mut times, 1000), Err(HOUR));
        assert_eq!(allowed(&mut times, 1000 + HOUR - 1), Err(1));
        assert_eq!(allowed(&mut times, 1000 + HOUR), Ok(0));
    }

    proptest! {
        #[test]
        fn there_are_never_more_than_that_in_any_hour(steps in proptest::collection::vec(0u64..2000, 0..60)) {
            let (mut times, mut made, mut clock) = (Vec::new(), Vec::new(), 0);
            for step in steps {
                clock += step;
                if allowed(&mut times, clock).is_ok() {
                    times.push(clock);
                    made.push(clock);
                }
            }
            prop_assert!(made.windows(MOST + 1).all(|w| w[MOST] - w[0] >= HOUR), "{made:?}");
        }

        #[test]
        fn no_clock_makes_it_panic(mut times in any::<Vec<u64>>(), now in any::<u64>()) {
            let _ = allowed(&mut times, now);
        }
    }
}
