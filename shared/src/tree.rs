//! A tree that stands in for a machine, as `--root` names it: its links mean what they mean on that machine. One that leads to
//! `/run` leads to the tree's own `run`, and nothing is read or written outside of the tree by way of it.
//!
//! The functions have the names of [`std::fs`] and do the same. On the running machine nothing is asked but whether there is
//! any tree; for a path below one, the kernel finds the place as it would for a process whose root the tree is (openat2(2)).
//! `/proc` is left as it is: its links are no files' names, and it is never written to.

use nix::{
    errno::Errno,
    fcntl::{OFlag, OpenHow, ResolveFlag, openat2},
};
use std::{
    borrow::Cow,
    fs::{self, DirBuilder, File, Metadata, ReadDir},
    io::{self, ErrorKind},
    os::{
        fd::AsRawFd,
        unix::fs::{DirBuilderExt, OpenOptionsExt},
    },
    path::{Path, PathBuf},
    sync::OnceLock,
};

/// A tree, and the next one. They only grow more, and no lock is held to look at them: a process that is forked while another
/// thread plants one may look, too.
struct Tree {
    root: PathBuf,
    next: Trees,
}
type Trees = OnceLock<Box<Tree>>;
static TREES: Trees = OnceLock::new();

fn trees() -> impl Iterator<Item = &'static PathBuf> {
    std::iter::successors(TREES.get(), |tree| tree.next.get()).map(|tree| &tree.root)
}

/// How often the kernel is asked again when something was renamed meanwhile: it cannot tell then that `..` stayed inside.
const TRIES: usize = 1000;

/// From now on, what lies below `root` is a tree, also where the path is spelled from `/` on.
pub(crate) fn plant(root: &Path) {
    for root in [Some(root.to_owned()), std::path::absolute(root).ok()].into_iter().flatten() {
        let mut place = &TREES;
        loop {
            let tree = place.get_or_init(|| Box::new(Tree { root: root.clone(), next: OnceLock::new() }));
            if tree.root == root {
                break;
            }
            place = &tree.next;
        }
    }
}

/// The tree that a path is below, and the path inside of it.
fn split(path: &Path) -> Option<(&'static PathBuf, &Path)> {
    let below = trees().filter_map(|tree| Some((tree, path.strip_prefix(tree).ok()?)));
    below.min_by_key(|(_, rest)| rest.as_os_str().len())
}

/// The place that a path leads to, through all links.
pub fn target(path: &Path) -> io::Result<Cow<'_, Path>> {
    match split(path) {
        Some((tree, rest)) if !rest.starts_with("proc") => find(tree, rest).map(Cow::Owned),
        _ => Ok(Cow::Borrowed(path)),
    }
}

/// The place of a path's last name, which may be a link or nothing yet: for what makes, replaces or removes it.
pub fn entry(path: &Path) -> io::Result<Cow<'_, Path>> {
    let Some((_, rest)) = split(path) else { return Ok(Cow::Borrowed(path)) };
    match (path.parent(), path.file_name()) {
        (Some(dir), Some(name)) if !rest.as_os_str().is_empty() => Ok(Cow::Owned(target(dir)?.join(name))),
        _ => target(path),
    }
}

fn find(tree: &Path, rest: &Path) -> io::Result<PathBuf> {
    let plainly = |error: io::Error| {
        // A link may spell the tree in full, and the kernel may be older than 5.6.
        let (real, tree) = (fs::canonicalize(tree.join(rest)), fs::canonicalize(tree));
        real.ok().filter(|real| tree.is_ok_and(|tree| real.starts_with(tree))).ok_or(error)
    };
    match resolve(tree, rest) {
        Err(error) if matches!(error.raw_os_error(), Some(nix::libc::ENOENT | nix::libc::ENOSYS)) => plainly(error),
        found => found,
    }
}

fn resolve(tree: &Path, rest: &Path) -> io::Result<PathBuf> {
    let root = File::options().read(true).custom_flags(OFlag::O_PATH.bits()).open(tree)?;
    let rest = if rest.as_os_str().is_empty() { Path::new(".") } else { rest };
    let how = OpenHow::new().flags(OFlag::O_PATH | OFlag::O_CLOEXEC).resolve(ResolveFlag::RESOLVE_IN_ROOT);
    let mut tries = (0..TRIES).map(|_| openat2(&root, rest, how));
    let found = tries.find(|found| !matches!(found, Err(Errno::EAGAIN))).unwrap_or(Err(Errno::EAGAIN))?;
    fs::read_link(format!("/proc/self/fd/{}", found.as_raw_fd()))
}

/// The path to connect to: the one that was given, which may be as long as a socket's can be, where that leads to the same
/// place.
pub(crate) fn socket(path: &Path) -> io::Result<Cow<'_, Path>> {
    match target(path)? {
        Cow::Owned(place) if fs::canonicalize(path).is_ok_and(|plain| plain == place) => Ok(Cow::Borrowed(path)),
        found => Ok(found),
    }
}

/// [`fs::metadata`].
pub fn metadata(path: &Path) -> io::Result<Metadata> {
    fs::metadata(target(path)?)
}

/// [`fs::symlink_metadata`].
pub fn symlink_metadata(path: &Path) -> io::Result<Metadata> {
    fs::symlink_metadata(entry(path)?)
}

/// [`fs::read_link`].
pub fn read_link(path: &Path) -> io::Result<PathBuf> {
    fs::read_link(entry(path)?)
}

/// [`fs::canonicalize`].
pub fn canonicalize(path: &Path) -> io::Result<PathBuf> {
    fs::canonicalize(target(path)?)
}

/// [`fs::read_dir`].
pub fn read_dir(path: &Path) -> io::Result<ReadDir> {
    fs::read_dir(target(path)?)
}

/// Whether it is there.
pub fn exists(path: &Path) -> bool {
    metadata(path).is_ok()
}

/// Whether it is a directory.
pub fn is_dir(path: &Path) -> bool {
    metadata(path).is_ok_and(|meta| meta.is_dir())
}

/// Whether it is a regular file.
pub fn is_file(path: &Path) -> bool {
    metadata(path).is_ok_and(|meta| meta.is_file())
}

/// Makes a directory with all that are missing above it.
pub fn create_dirs(dir: &Path, mode: u32) -> io::Result<()> {
    if split(dir).is_none() {
        return DirBuilder::new().recursive(true).mode(mode).create(dir);
    }
    let (mut missing, mut above) = (Vec::new(), dir);
    let mut here = loop {
        match (target(above), above.parent(), above.file_name()) {
            (Ok(found), ..) => break found.into_owned(),
            (Err(error), Some(parent), Some(name)) if error.kind() == ErrorKind::NotFound => {
                missing.push(name);
                above = parent;
            }
            (Err(error), ..) => return Err(error),
        }
    };
    for name in missing.into_iter().rev() {
        here.push(name);
        let made = DirBuilder::new().mode(mode).create(&here);
        match (made, fs::symlink_metadata(&here)) {
            // Somebody else was quicker.
            (Err(_), Ok(meta)) if meta.is_dir() => {}
            (Err(_), Ok(meta)) if meta.is_symlink() => {
                let what = format!("{} is a link that leads nowhere inside of the tree", here.display());
                return Err(io::Error::other(what));
            }
            (made, _) => made?,
        }
    }
    Ok(())
}

/// A tree with these files, for tests.
#[cfg(test)]
pub(crate) fn planted(files: &[(&str, &str)]) -> (tempfile::TempDir, crate::host::Host) {
    let dir = tempfile::tempdir().unwrap();
    let host = crate::host::Host::new(dir.path());
    for (path, text) in files {
        let path = host.at(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    (dir, host)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Host;
    use std::os::unix::fs::symlink;

    /// A tree, and beside it what a link out of the tree leads to.
    fn ground() -> (tempfile::TempDir, Host, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let (tree, outside) = (dir.path().join("tree"), dir.path().join("outside"));
        fs::create_dir_all(tree.join("sys/devices/a")).unwrap();
        fs::create_dir_all(&outside).unwrap();
        fs::write(tree.join("sys/devices/a/vendor"), "0x10de\n").unwrap();
        fs::write(outside.join("vendor"), "0xffff\n").unwrap();
        (dir, Host::new(&tree), outside)
    }

    #[test]
    fn links_mean_what_they_mean_on_that_machine() {
        let (_dir, host, outside) = ground();
        let read = |path: &str| crate::host::read_text(&host.at(path)).map_err(|e| e.kind());
        symlink("/sys/devices/a", host.at("absolute")).unwrap();
        symlink("../../../../../../../../sys/devices/a", host.at("climbing")).unwrap();
        symlink(host.at("sys/devices/a"), host.at("in-full")).unwrap();
        for path in ["absolute", "climbing", "in-full"] {
            assert_eq!(read(&format!("{path}/vendor")).as_deref(), Ok("0x10de\n"), "{path}");
            assert!(is_dir(&host.at(path)) && crate::host::names(&host.at(path)) == ["vendor"], "{path}");
            assert_eq!(canonicalize(&host.at(path)).unwrap(), fs::canonicalize(host.at("sys/devices/a")).unwrap());
        }
        symlink(&outside, host.at("out")).unwrap();
        symlink(outside.join("vendor"), host.at("file-out")).unwrap();
        for path in ["out", "out/vendor", "file-out"] {
            assert_eq!(read(path), Err(ErrorKind::NotFound), "{path}");
            assert!(!exists(&host.at(path)), "{path}");
        }
        assert_eq!(read_link(&host.at("file-out")).unwrap(), outside.join("vendor"));
        // The running machine's are its own.
        assert_eq!(target(&outside.join("vendor")).unwrap(), outside.join("vendor"));
        assert!(matches!(target(Path::new("/etc")).unwrap(), Cow::Borrowed(_)));
    }

    #[test]
    fn nothing_is_made_outside() {
        let (_dir, host, outside) = ground();
        symlink(&outside, host.at("run")).unwrap();
        symlink("/run", host.at("loop")).unwrap();
        for path in ["run/pve-hooks/lock", "run/x", "loop/x"] {
            assert!(create_dirs(&host.at(path), 0o755).is_err(), "{path}");
            assert!(crate::state::replace(&host.at(path), b"x").is_err(), "{path}");
            assert!(crate::state::append_line(&host.at(path), &1, 10).is_err(), "{path}");
        }
        crate::state::remove(&host.at("run/vendor")).unwrap();
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);
        assert_eq!(fs::read_to_string(outside.join("vendor")).unwrap(), "0xffff\n");
        // What leads to another place of the tree serves.
        symlink("/srv/lib", host.at("lib")).unwrap();
        create_dirs(&host.at("srv/lib"), 0o755).unwrap();
        crate::state::replace(&host.at("lib/a/b"), b"x").unwrap();
        assert_eq!(fs::read(host.at("srv/lib/a/b")).unwrap(), b"x");
    }
}
