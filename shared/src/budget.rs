//! How often something may be done without anybody being asked: counted on disk, so that neither a restart of a program nor
//! of the host gives it more. Taken before it is done: a program that dies in it has used it up.

use crate::{deadline::Deadline, host::Host, host::read_if_there, lock::Locks, state};
use anyhow::Result;
use std::{
    collections::BTreeMap,
    path::PathBuf,
    time::{SystemTime, UNIX_EPOCH},
};

/// The rolling window, in seconds.
pub const HOUR: u64 = 60 * 60;
const DAMAGED: &str = "is damaged";
/// What counts for everybody.
const ALL: &str = "*";

type Book = BTreeMap<String, Vec<u64>>;

/// One book.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    /// The name of its file, without `.json`, and of its lock.
    pub name: &'static str,
    /// So many an hour, for each id.
    pub most: usize,
}

/// Nothing is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exhausted {
    /// For so many seconds.
    pub wait: u64,
    /// Whether that is only because the book could not be read.
    pub unreadable: bool,
}

impl Budget {
    fn path(&self, host: &Host) -> PathBuf {
        host.lib_dir().join(format!("{}.json", self.name))
    }

    /// Takes one out of the budget of `id`, on disk and flushed. Returns which one of this hour it is.
    pub fn take(
        &self,
        host: &Host,
        id: &str,
        command: &str,
        deadline: &Deadline,
    ) -> Result<std::result::Result<usize, Exhausted>> {
        let path = self.path(host);
        let _locks = Locks::take(host, &[self.name.to_owned()], command, deadline)?;
        let now = now();
        let (mut book, unreadable) = match self.load(host) {
            Ok(book) => (book, false),
            // What cannot be read may have said that there is nothing left, for whomever: this hour counts as used up for
            // all of them, the next does not.
            Err(_) => (Book::from([(ALL.to_owned(), vec![now; self.most])]), true),
        };
        let allowed = self.allowed(&mut book, id, now);
        if allowed.is_ok() {
            book.entry(id.to_owned()).or_default().push(now);
        }
        // Also when nothing is left: the times may have been corrected, which has to be remembered for this to end some day.
        book.retain(|_, times| !times.is_empty());
        state::save(&path, &book)?;
        Ok(allowed.map(|count| count + 1).map_err(|wait| Exhausted { wait, unreadable }))
    }

    /// When it was taken within the last hour, in seconds of the epoch, sorted; the error says why that is not known.
    pub fn times(&self, host: &Host, id: &str) -> Result<Vec<u64>, String> {
        self.read(host).times(id)
    }

    /// The book, for many questions at once.
    pub fn read(&self, host: &Host) -> Read {
        Read { book: self.load(host), now: now(), shown: host.shown(&self.path(host)) }
    }

    fn load(&self, host: &Host) -> Result<Book, String> {
        let path = self.path(host);
        let text = read_if_there(&path).map_err(|error| format!("{}: {error}", host.shown(&path)))?;
        let Some(text) = text else { return Ok(Book::new()) };
        serde_json::from_str(&text).map_err(|_| format!("{} {DAMAGED}", host.shown(&path)))
    }

    /// How many of the last hour there are, or how long to wait when there are too many.
    fn allowed(&self, book: &mut Book, id: &str, now: u64) -> Result<usize, u64> {
        for times in book.values_mut() {
            correct(times, now);
        }
        let mut counts: Vec<u64> = [id, ALL].iter().filter_map(|key| book.get(*key)).flatten().copied().collect();
        counts.sort_unstable();
        if counts.len() < self.most {
            return Ok(counts.len());
        }
        let nth = counts.len() - self.most;
        Err(counts.get(nth).map_or(HOUR, |oldest| HOUR - (now - oldest)))
    }
}

/// A book as it was at one moment.
#[derive(Debug, Clone)]
pub struct Read {
    book: Result<Book, String>,
    now: u64,
    shown: String,
}

/// More than a clock that is set right by its server jumps, in seconds.
const JUMP: u64 = 60;

impl Read {
    /// When it was taken within the last hour, in seconds of the epoch, sorted; the error says why that is not known.
    pub fn times(&self, id: &str) -> Result<Vec<u64>, String> {
        let book = self.book.as_ref().map_err(Clone::clone)?;
        let mut times: Vec<_> = [id, ALL].into_iter().filter_map(|key| book.get(key)).flatten().copied().collect();
        correct(&mut times, self.now);
        Ok(times)
    }

    /// Why the number of times is not that of what was done, where that is so, and what to type.
    pub fn doubt(&self, id: &str) -> Option<(String, String)> {
        let shown = &self.shown;
        let book = match &self.book {
            Err(why) => {
                let damaged = why.ends_with(DAMAGED);
                let next = if damaged {
                    format!("cat {shown}; to begin anew: rm {shown}")
                } else {
                    format!("namei -l {shown}")
                };
                return Some((format!("{why}: all count as taken"), next));
            }
            Ok(book) => book,
        };
        let mut times = [id, ALL].into_iter().filter_map(|key| book.get(key)).flatten();
        times.any(|time| *time > self.now.saturating_add(JUMP)).then(|| {
            let why = format!("{shown} has times in the future (was the clock wrong?): they count as taken just now");
            (why, format!("date; if that is right now: rm {shown}"))
        })
    }
}

/// Those that the clock says to be still to come were made before it was set back: they count from now on, so that they
/// neither vanish nor stay for ever.
fn correct(times: &mut Vec<u64>, now: u64) {
    for time in times.iter_mut() {
        *time = (*time).min(now);
    }
    times.retain(|time| now - *time < HOUR);
    times.sort_unstable();
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::{fs, time::Duration};

    const THREE: Budget = Budget { name: "test", most: 3 };

    fn take(host: &Host, id: &str) -> Result<usize, Exhausted> {
        THREE.take(host, id, "test", &Deadline::after(Duration::from_secs(20))).unwrap()
    }

    #[test]
    fn the_fourth_in_an_hour_is_refused_by_whatever_process() {
        let dir = tempfile::tempdir().unwrap();
        for n in 1..=3 {
            assert_eq!(take(&Host::new(dir.path()), "275"), Ok(n));
        }
        let left = take(&Host::new(dir.path()), "275").unwrap_err();
        assert!(!left.unreadable && left.wait > HOUR - 20, "{left:?}");
        assert_eq!(take(&Host::new(dir.path()), "276"), Ok(1));
        assert_eq!(THREE.times(&Host::new(dir.path()), "275").unwrap().len(), 3);
    }

    #[test]
    fn a_book_that_cannot_be_read_gives_nobody_anything_for_an_hour() {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::new(dir.path());
        fs::create_dir_all(host.lib_dir()).unwrap();
        fs::write(host.lib_dir().join("test.json"), "{\"275\":[1,").unwrap();
        assert!(THREE.times(&host, "275").is_err());
        assert!(take(&host, "275").unwrap_err().unreadable);
        // It can be read again, and says when that ends.
        assert_eq!(THREE.times(&host, "276").unwrap().len(), 3);
        assert!(!take(&host, "276").unwrap_err().unreadable);
    }

    #[test]
    fn a_clock_that_is_set_back_neither_resets_nor_blocks_for_ever() {
        let mut book = Book::from([("275".to_owned(), vec![9_000_000, 9_000_001, 9_000_002])]);
        assert_eq!(THREE.allowed(&mut book, "275", 1000), Err(HOUR));
        assert_eq!(THREE.allowed(&mut book, "275", 1000 + HOUR - 1), Err(1));
        assert_eq!(THREE.allowed(&mut book, "275", 1000 + HOUR), Ok(0));
    }

    #[test]
    fn a_book_whose_number_says_nothing_tells_why_and_what_to_type() {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::new(dir.path());
        let doubt = || THREE.read(&host).doubt("275");
        assert_eq!(doubt(), None);
        fs::create_dir_all(host.lib_dir()).unwrap();
        let write = |text: &str| fs::write(host.lib_dir().join("test.json"), text).unwrap();
        write(&format!("{{\"275\":[{}]}}", now()));
        assert_eq!(doubt(), None);
        let ahead = now() + 24 * HOUR;
        write(&format!("{{\"275\":[{ahead},{ahead},{ahead}]}}"));
        let (why, next) = doubt().unwrap();
        assert!(why.contains("/var/lib/pve-hooks/test.json has times in the future"), "{why}");
        assert_eq!(next, "date; if that is right now: rm /var/lib/pve-hooks/test.json");
        assert_eq!(THREE.read(&host).doubt("276"), None);
        write("[");
        assert!(doubt().unwrap().0.contains("is damaged"));
        fs::remove_dir_all(host.lib_dir()).unwrap();
        fs::write(host.lib_dir(), "").unwrap();
        assert!(doubt().unwrap().0.contains("Not a directory"), "{:?}", doubt());
    }

    proptest! {
        #[test]
        fn there_are_never_more_than_that_in_any_hour(steps in proptest::collection::vec(0u64..2000, 0..60)) {
            let (mut book, mut made, mut clock) = (Book::new(), Vec::new(), 0);
            for step in steps {
                clock += step;
                if THREE.allowed(&mut book, "a", clock).is_ok() {
                    book.entry("a".into()).or_default().push(clock);
                    made.push(clock);
                }
            }
            prop_assert!(made.windows(4).all(|w| w[3] - w[0] >= HOUR), "{made:?}");
        }

        #[test]
        fn no_clock_makes_it_panic(own in any::<Vec<u64>>(), all in any::<Vec<u64>>(), now in any::<u64>()) {
            let mut book = Book::from([("a".to_owned(), own), (ALL.to_owned(), all)]);
            let _ = THREE.allowed(&mut book, "a", now);
        }
    }
}
