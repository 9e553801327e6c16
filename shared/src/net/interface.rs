//! One interface, as sysfs tells of it.

use crate::{
    host::Host,
    reread::{Pool, Reread},
    sysfs, tree,
};
use std::{
    io::{self, ErrorKind},
    mem,
    path::Path,
    sync::Arc,
};

/// `IFF_UP`.
const UP: u64 = 1;
/// `IFNAMSIZ`, which counts the byte that ends the name.
const LONGEST: usize = 15;

/// Whether an interface carries anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// It is up, and somebody is at its other end.
    Up,
    /// It is up, with nobody at its other end.
    NoCarrier,
    /// It is down.
    Down,
}

/// An interface that is looked at again and again.
#[derive(Debug)]
pub struct Interface {
    name: String,
    dir: Arc<Path>,
    carrier: Reread,
    /// What only a port of a bridge has, and only as long as it is this very port.
    port: Reread,
    master: Option<String>,
    is_port: bool,
}

impl Interface {
    /// The interface of this name, whether it exists or not.
    pub fn new(host: &Host, name: &str) -> Self {
        // A name that no interface can have must not lead elsewhere in the tree.
        let dir: Arc<Path> = host.net_class().join(if is_name(name) { name } else { "?" }).into();
        let file = |path| Reread::new(&dir, path);
        let (carrier, port) = (file("carrier"), file("brport/state"));
        Self { name: name.to_owned(), carrier, port, dir, master: None, is_port: false }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is up. A healthy tap says `unknown` for its `operstate`, so that is not asked; `carrier` says all of it:
    /// to read it from an interface that is down is `EINVAL`.
    pub fn link(&mut self, pool: &mut Pool) -> io::Result<Link> {
        match pool.read(&mut self.carrier) {
            Ok(b"1\n" | b"1") => Ok(Link::Up),
            Ok(b"0\n" | b"0") => Ok(Link::NoCarrier),
            Err(e) if e.kind() == ErrorKind::InvalidInput => Ok(Link::Down),
            // A copied tree has no carrier of what was down.
            Ok(_) => self.by_flags().ok_or_else(|| io::Error::other("its carrier cannot be read")),
            Err(e) => self.by_flags().ok_or(e),
        }
    }

    fn by_flags(&self) -> Option<Link> {
        (sysfs::read_number(&self.dir.join("flags"))? & UP == 0).then_some(Link::Down)
    }

    /// What it is a port of: a bridge, a bond, `ovs-system`. To follow the link costs five times what it costs to ask a port
    /// whether it is still the same.
    pub fn master(&mut self, pool: &mut Pool) -> io::Result<Option<&str>> {
        if !pool.still(&mut self.port) {
            let (before, was_port) = (self.master.take(), mem::take(&mut self.is_port));
            let mut now = self.read_master()?;
            if now.is_some() && (was_port || now != before) {
                self.is_port = pool.read(&mut self.port).is_ok();
                // It may have become a port of something else before that was opened.
                now = self.read_master()?;
            }
            self.master = now;
        }
        Ok(self.master.as_deref())
    }

    fn read_master(&self) -> io::Result<Option<String>> {
        match tree::read_link(&self.dir.join("master")) {
            Ok(to) => Ok(to.file_name().map(|name| name.to_string_lossy().into_owned())),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }
}

/// Whether the kernel's own bridge is behind this name, rather than Open vSwitch or no bridge at all.
pub fn is_bridge(host: &Host, name: &str) -> bool {
    is_name(name) && tree::is_dir(&host.net_class().join(name).join("bridge"))
}

/// Whether an interface can have this name (`dev_valid_name` in `net/core/dev.c`).
pub fn is_name(name: &str) -> bool {
    let fits = !name.is_empty() && name.len() <= LONGEST && !matches!(name, "." | "..");
    fits && !name.chars().any(|c| matches!(c, '/' | ':') || c.is_whitespace() || c.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_tree_tells_what_an_interface_does() {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::new(dir.path());
        let mut pool = Pool::new(&host);
        for (name, carrier, flags, expected) in [
            ("tap1i0", Some("1\n"), "0x1103\n", Some(Link::Up)),
            ("tap2i0", Some("0\n"), "0x1103\n", Some(Link::NoCarrier)),
            ("tap3i0", None, "0x1002\n", Some(Link::Down)),
            ("tap4i0", Some(""), "0x1002\n", Some(Link::Down)),
            ("tap5i0", None, "0x1103\n", None),
        ] {
            let place = host.net_class().join(name);
            fs::create_dir_all(&place).unwrap();
            carrier.inspect(|text| fs::write(place.join("carrier"), text).unwrap());
            fs::write(place.join("flags"), flags).unwrap();
            assert_eq!(Interface::new(&host, name).link(&mut pool).ok(), expected, "{name}");
        }
        assert!(Interface::new(&host, "tap6i0").link(&mut pool).is_err());
        symlink("../vmbr0", host.net_class().join("tap1i0/master")).unwrap();
        assert_eq!(Interface::new(&host, "tap1i0").master(&mut pool).unwrap(), Some("vmbr0"));
        assert_eq!(Interface::new(&host, "tap2i0").master(&mut pool).unwrap(), None);
    }

    #[test]
    fn a_name_leads_nowhere_else() {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::new(dir.path());
        fs::create_dir_all(host.net_class()).unwrap();
        fs::write(host.at("sys/class/carrier"), "1\n").unwrap();
        let mut pool = Pool::new(&host);
        assert!(Interface::new(&host, "..").link(&mut pool).is_err());
        for (name, good) in [("vmbr0", true), ("eno1.5", true), ("a/b", false), ("", false), ("a b", false)] {
            assert_eq!(is_name(name), good, "{name}");
        }
    }

    proptest! {
        #[test]
        fn no_name_makes_it_panic(name in "\\PC*") {
            let host = Host::new("/nonexistent");
            let _ = Interface::new(&host, &name).link(&mut Pool::new(&host));
        }
    }
}
