//! Small files of the kernel that are read again and again. To open one costs five times what reading it costs, so they are
//! kept open as long as there are descriptors for it. What a kept descriptor belongs to is certain: once the process, the
//! control group or the interface behind it has gone, it fails, whatever has the same name by then. A file of a tree that
//! stands in for a machine does not fail; there it is looked each time whether its path still leads to it.

use crate::{host::Host, tree};
use nix::{
    libc::O_NONBLOCK,
    sys::resource::{Resource, getrlimit},
};
use std::{
    borrow::Cow,
    fs::{self, File, Metadata},
    io::{self, Read},
    os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

/// Larger than any file that is read in this way.
const LONGEST: usize = 16 << 10;
/// Connections to VMs and of clients, many times over.
const OTHERS: u64 = 2048;
/// The kernel has a page of memory for each that is kept.
const MOST: u64 = 16 << 10;

/// What all of them share: the buffer, and how many may still be kept open.
#[derive(Debug)]
pub struct Pool {
    left: Arc<AtomicUsize>,
    buffer: Vec<u8>,
    is_live: bool,
}

impl Pool {
    /// Keeps half of the descriptors that the process may have, or all but as many as everything else can need.
    pub fn new(host: &Host) -> Self {
        let limit = getrlimit(Resource::RLIMIT_NOFILE).map_or(0, |(soft, _)| soft.saturating_sub(OTHERS).max(soft / 2));
        let limit = limit.min(MOST);
        let left = Arc::new(AtomicUsize::new(usize::try_from(limit).unwrap_or(0)));
        Self { left, buffer: vec![0; LONGEST], is_live: host.is_live() }
    }

    /// What the file says now.
    pub fn read(&mut self, file: &mut Reread) -> io::Result<&[u8]> {
        let length = self.length(file)?;
        Ok(&self.buffer[..length])
    }

    /// Whether what the file belonged to when it was opened is still there. Only a descriptor that was kept can tell.
    pub fn still(&mut self, file: &mut Reread) -> bool {
        let kept = file.kept.as_ref().filter(|_| self.is_live);
        let still = kept.is_some_and(|kept| kept.file.read_at(&mut self.buffer, 0).is_ok());
        if !still {
            file.kept = None;
        }
        still
    }

    fn length(&mut self, file: &mut Reread) -> io::Result<usize> {
        if file.kept.as_ref().is_some_and(|kept| kept.of_tree.is_some() && kept.is_another_at(&file.path())) {
            file.kept = None;
        }
        if let Some(kept) = &file.kept {
            match kept.file.read_at(&mut self.buffer, 0) {
                // Some attributes answer with it when there is nothing to tell: opening them anew does not help.
                Err(e) if e.kind() == io::ErrorKind::InvalidInput => return Err(e),
                Err(_) => file.kept = None,
                done => return done,
            }
        }
        let mut opened = File::options().read(true).custom_flags(O_NONBLOCK).open(tree::target(&file.path())?)?;
        let length = opened.read(&mut self.buffer);
        let worth_keeping = length.as_ref().map_or_else(|e| e.kind() == io::ErrorKind::InvalidInput, |_| true);
        if worth_keeping && let Some(place) = Place::take(&self.left) {
            // Before it is known which file it is, it is not kept.
            let file_of_tree =
                if self.is_live { Ok(None) } else { opened.metadata().map(|found| Some(Box::new(identity(&found)))) };
            file.kept = file_of_tree.ok().map(|of_tree| Kept { file: opened, of_tree, _place: place });
        }
        length
    }
}

/// One file.
#[derive(Debug)]
pub struct Reread {
    /// Shared by all of a directory: a thousand VMs have ten thousand files.
    dir: Arc<Path>,
    name: &'static str,
    kept: Option<Kept>,
}

/// A file that stays open.
#[derive(Debug)]
struct Kept {
    file: File,
    /// Which file it was, where a tree stands in for a machine.
    of_tree: Option<Box<Identity>>,
    _place: Place,
}

/// Device, inode and the time of the last change: a file on top of a layered file system is another one once it was written.
type Identity = (u64, u64, i64, i64);

fn identity(of: &Metadata) -> Identity {
    (of.dev(), of.ino(), of.ctime(), of.ctime_nsec())
}

impl Kept {
    fn is_another_at(&self, path: &Path) -> bool {
        self.of_tree.as_deref().is_some_and(|kept| fs::metadata(path).map_or(true, |now| identity(&now) != *kept))
    }
}

impl Reread {
    /// The file of this name in a directory.
    pub fn new(dir: &Arc<Path>, name: &'static str) -> Self {
        Self { dir: Arc::clone(dir), name, kept: None }
    }

    /// The file at this path.
    pub fn at(path: PathBuf) -> Self {
        Self { dir: path.into(), name: "", kept: None }
    }

    fn path(&self) -> Cow<'_, Path> {
        if self.name.is_empty() { Cow::Borrowed(&*self.dir) } else { Cow::Owned(self.dir.join(self.name)) }
    }
}

/// One descriptor of the pool, given back when it is dropped.
#[derive(Debug)]
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(left: &Arc<AtomicUsize>) -> Option<Self> {
        left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)).ok()?;
        Some(Self(left.clone()))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, process::Command};

    #[test]
    fn a_file_of_a_tree_is_always_that_of_its_path() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        let (mut pool, mut file) = (Pool::new(&Host::new(dir.path())), Reread::at(path.clone()));
        assert_eq!(pool.read(&mut file).unwrap_err().kind(), io::ErrorKind::NotFound);
        fs::write(&path, "one\n").unwrap();
        assert_eq!(pool.read(&mut file).unwrap(), b"one\n");
        fs::write(&path, "two\n").unwrap();
        assert_eq!(pool.read(&mut file).unwrap(), b"two\n");
        fs::write(dir.path().join("b"), "three\n").unwrap();
        fs::rename(dir.path().join("b"), &path).unwrap();
        assert_eq!(pool.read(&mut file).unwrap(), b"three\n");
        assert!(file.kept.is_some() && !pool.still(&mut file));
        fs::remove_file(&path).unwrap();
        assert!(pool.read(&mut file).is_err());
    }

    #[test]
    fn what_is_kept_fails_with_its_process_and_gives_its_place_back() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let host = Host::default();
        let mut pool = Pool::new(&host);
        let before = pool.left.load(Ordering::Relaxed);
        let mut file = Reread::new(&host.proc().join(child.id().to_string()).into(), "stat");
        assert!(!pool.read(&mut file).unwrap().is_empty());
        assert!(!pool.read(&mut file).unwrap().is_empty());
        assert_eq!(pool.left.load(Ordering::Relaxed), before - 1);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(pool.read(&mut file).is_err());
        assert_eq!(pool.left.load(Ordering::Relaxed), before);
    }
}
