//! A control group: the processor time, memory and pressure of a VM, or of a container.

use super::machine::text;
use crate::{
    config::probe::Settings,
    host::Host,
    probe::{evidence::Pressure, figure::Figure},
    reread::{Pool, Reread},
    tree,
};
use std::{
    borrow::Cow,
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::Arc,
};

pub(super) const CPU: &str = "cgroup cpu.stat";
const MEMORY: &str = "cgroup memory.current";
const PRESSURE: &str = "cgroup *.pressure";
/// Where PVE puts a VM.
const PVE: &str = crate::config::defaults::CGROUP;

type Average = Result<f64, Cow<'static, str>>;

/// The files of one group.
#[derive(Debug)]
pub(super) struct Group {
    cpu: Reread,
    memory: Reread,
    memory_stat: Reread,
    /// There are layouts that have processor times here, and memory elsewhere.
    no_memory: bool,
    pressure: [Reread; 3],
    averages: Option<[Average; 3]>,
    turn: usize,
    most_cpu: Reread,
    most_memory: Reread,
}

impl Group {
    pub fn new(dir: &Path) -> Self {
        let dir: Arc<Path> = dir.into();
        let file = |name| Reread::new(&dir, name);
        Self {
            cpu: file("cpu.stat"),
            memory: file("memory.current"),
            memory_stat: file("memory.stat"),
            no_memory: false,
            pressure: ["cpu.pressure", "memory.pressure", "io.pressure"].map(file),
            averages: None,
            turn: 0,
            most_cpu: file("cpu.max"),
            most_memory: file("memory.max"),
        }
    }

    /// Microseconds of processor time; an error where there is no such group.
    pub fn used(&mut self, pool: &mut Pool) -> Figure<u64> {
        Figure { value: text(pool.read(&mut self.cpu), |text| number(text, "usage_usec")), source: CPU }
    }

    /// Bytes of memory without the page cache. Shared memory counts as cache, and may be the guest's.
    pub fn memory(&mut self, pool: &mut Pool) -> Figure<u64> {
        if self.no_memory {
            return Figure::unknown(MEMORY, "the group has no such file");
        }
        let current = pool.read(&mut self.memory);
        self.no_memory = current.as_ref().is_err_and(|error| error.kind() == ErrorKind::NotFound);
        let value = text(current, |text| text.trim().parse::<u64>().ok()).and_then(|current| {
            let cache = text(pool.read(&mut self.memory_stat), |text| {
                Some(number(text, "file")?.saturating_sub(number(text, "shmem").unwrap_or(0)))
            });
            cache.map(|cache| current.saturating_sub(cache))
        });
        Figure { value, source: MEMORY }
    }

    /// How much its tasks wait. A kernel may have been told not to count that. These are averages over a minute: after the
    /// first round, one of the three files is read in each.
    pub fn pressure(&mut self, pool: &mut Pool) -> Figure<Pressure> {
        let first = self.averages.is_none();
        let averages =
            self.averages.get_or_insert_with(|| self.pressure.each_mut().map(|file| text(pool.read(file), average)));
        if !first {
            self.turn = (self.turn + 1) % averages.len();
            averages[self.turn] = text(pool.read(&mut self.pressure[self.turn]), average);
        }
        if let [Err(reason), Err(_), Err(_)] = averages {
            return Figure::unknown(PRESSURE, reason.clone());
        }
        let [cpu, memory, io] = averages.each_ref().map(|average| average.as_ref().ok().copied());
        Figure::known(PRESSURE, Pressure { cpu, memory, io })
    }

    /// How many processors it may use; `None` where there is no limit.
    pub fn most_processors(&mut self, pool: &mut Pool) -> Option<f64> {
        text(pool.read(&mut self.most_cpu), quota).ok()
    }

    /// How much memory it may use; `None` where there is no limit.
    pub fn most_memory(&mut self, pool: &mut Pool) -> Option<u64> {
        text(pool.read(&mut self.most_memory), |text| text.trim().parse().ok()).ok().filter(|most| *most > 0)
    }
}

/// Where control groups of the second version are, and which is a VM's.
#[derive(Debug)]
pub(super) struct Groups {
    root: PathBuf,
    template: String,
}

impl Groups {
    pub fn new(host: &Host, settings: &Settings) -> Self {
        // Beside those of the first version they are mounted one level further down.
        let (all, unified) = (host.cgroups(), host.cgroups().join("unified"));
        let is_root = |dir: &PathBuf| tree::exists(&dir.join("cgroup.controllers"));
        let root = if !is_root(&all) && is_root(&unified) { unified } else { all };
        let template = settings.cgroup.as_deref().unwrap_or(PVE).trim_matches('/').to_owned();
        Self { root, template }
    }

    pub fn of_vm(&self, vmid: u32) -> Group {
        Group::new(&self.root.join(self.template.replace("{vmid}", &vmid.to_string())))
    }

    /// The group that this process is in, which is that of its container. A container may see its own as the root.
    pub fn own(&self, host: &Host) -> Group {
        let own = crate::host::read_text(&host.proc().join("self/cgroup")).unwrap_or_default();
        let path = own.lines().find_map(|line| line.strip_prefix("0::/")).unwrap_or_default();
        let dir = self.root.join(path);
        let is_there = !path.split('/').any(|part| part == "..") && tree::exists(&dir.join("cpu.stat"));
        Group::new(if is_there { &dir } else { &self.root })
    }
}

/// `usage_usec 1234`, one to a line.
fn number(text: &str, key: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '))?.trim().parse().ok()
}

/// `some avg10=0.00 avg60=0.12 avg300=0.05 total=1234`.
fn average(text: &str) -> Option<f64> {
    let some = text.lines().find_map(|line| line.strip_prefix("some "))?;
    let average: f64 = some.split(' ').find_map(|word| word.strip_prefix("avg60="))?.parse().ok()?;
    average.is_finite().then_some(average)
}

/// `200000 100000`: so many microseconds in so many.
#[allow(clippy::cast_precision_loss)]
fn quota(text: &str) -> Option<f64> {
    let (quota, period) = text.trim().split_once(' ')?;
    let (quota, period): (u64, u64) = (quota.parse().ok()?, period.parse().ok()?);
    (quota > 0 && period > 0).then(|| quota as f64 / period as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_files_of_a_group_are_understood() {
        assert_eq!(number("usage_usec 12\nuser_usec 3\n", "usage_usec"), Some(12));
        assert_eq!(number("anon 1\nfile_mapped 5\nfile 7\n", "file"), Some(7));
        assert_eq!(
            average("some avg10=1.00 avg60=2.50 avg300=0.00 total=9\nfull avg10=0 avg60=9 total=0\n"),
            Some(2.5)
        );
        assert_eq!((quota("200000 100000\n"), quota("max 100000\n"), quota("1 0")), (Some(2.0), None, None));
    }

    proptest! {
        #[test]
        fn no_input_makes_it_panic(text in "\\PC*", near in "(some |file |usage_usec )?(avg60=)?[0-9.]{0,25}( [0-9]*)?\n?") {
            for text in [text, near] {
                let _ = (number(&text, "file"), average(&text), quota(&text));
            }
        }
    }
}
