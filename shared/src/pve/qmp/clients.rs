//! Who is served at which socket: what the kernel's list of Unix sockets tells when QEMU itself is silent.

use crate::host::{Host, read_file};
use std::{collections::HashSet, ffi::OsStr, os::unix::ffi::OsStrExt, path::Path};

/// The sockets of one reading of `/proc/net/unix`.
#[derive(Debug, Default)]
pub(crate) struct Clients {
    served: HashSet<Box<[u8]>>,
    waiting: HashSet<Box<[u8]>>,
    listening: HashSet<Box<[u8]>>,
}

/// What a line says of the path that it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    /// Somebody listens at it.
    Listener,
    /// A client waits to be accepted.
    Waiting,
    /// A client is served.
    Served,
}

impl Clients {
    /// Reads the list; `None` where that is not possible.
    pub(crate) fn read(host: &Host) -> Option<Self> {
        Some(Self::parse(&read_file(&host.proc_unix_sockets()).ok()?))
    }

    fn parse(list: &[u8]) -> Self {
        let mut clients = Self::default();
        for line in list.split(|byte| *byte == b'\n') {
            if let Some((seen, path)) = understand(line) {
                let place = match seen {
                    Seen::Listener => &mut clients.listening,
                    Seen::Waiting => &mut clients.waiting,
                    Seen::Served => &mut clients.served,
                };
                if !place.contains(path) {
                    place.insert(path.into());
                }
            }
        }
        clients
    }

    /// Whether a client is served at a socket.
    pub(crate) fn are_served_at(&self, path: &Path) -> bool {
        named(&self.served, path)
    }

    /// Whether a client waits there to be accepted.
    pub(crate) fn wait_at(&self, path: &Path) -> bool {
        named(&self.waiting, path)
    }

    /// Whether the list tells of that socket at all. It does not where the listener lives in another network namespace or
    /// was given another spelling of the path, and then nothing can be concluded from it.
    pub(crate) fn know(&self, path: &Path) -> bool {
        named(&self.listening, path)
    }
}

/// PVE tells QEMU `/var/run` where it means `/run`.
fn named(places: &HashSet<Box<[u8]>>, path: &Path) -> bool {
    let path = path.as_os_str().as_bytes();
    places.contains(path) || places.contains(&[b"/var", path].concat()[..])
}

/// `0000000000000000: 00000003 00000000 00000000 0001 03 12345 /var/run/qemu-server/275.qmp`: references, state, path as QEMU
/// was told it. A connection that QEMU has not accepted yet, such as ours, has no file and is listed as connecting, 02
/// (`unix_seq_show` in `net/unix/af_unix.c`). Beside its file and the kernel's table, the client refers to one that is
/// served: a client that gave up while QEMU hung does not, and is no reason to wait.
fn understand(line: &[u8]) -> Option<(Seen, &[u8])> {
    let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let mut word = || words.next();
    let [_, references, _, flags, _, state, _, path] =
        [word()?, word()?, word()?, word()?, word()?, word()?, word()?, word()?];
    let references = u32::from_str_radix(OsStr::from_bytes(references).to_str()?, 16).ok()?;
    match (state, flags) {
        (b"03", _) if references > 2 => Some((Seen::Served, path)),
        (b"02", _) => Some((Seen::Waiting, path)),
        (b"01", b"00010000") => Some((Seen::Listener, path)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn list(state: &str, flags: &str, path: &str) -> Clients {
        Clients::parse(
            format!("Num RefCount\n0000000000000000: 00000003 00000000 {flags} 0001 {state} 12345 {path}\n").as_bytes(),
        )
    }

    #[test]
    fn a_line_of_the_kernels_list_is_understood() {
        let path = Path::new("/run/qemu-server/275.qmp");
        for spelled in ["/run/qemu-server/275.qmp", "/var/run/qemu-server/275.qmp"] {
            let told = |state, flags| {
                let clients = list(state, flags, spelled);
                [clients.are_served_at(path), clients.wait_at(path), clients.know(path)]
            };
            assert_eq!(told("03", "00000000"), [true, false, false]);
            assert_eq!(told("02", "00000000"), [false, true, false]);
            assert_eq!(told("01", "00010000"), [false, false, true]);
            assert_eq!(told("01", "00000000"), [false; 3]);
        }
        for other in ["/run/qemu-server/1275.qmp", "", "275.qmp"] {
            assert!(!list("03", "00000000", other).are_served_at(path), "{other}");
        }
        let gave_up = b"0000000000000000: 00000002 00000000 00000000 0001 03 12345 /run/qemu-server/275.qmp";
        assert!(!Clients::parse(gave_up).are_served_at(path));
    }

    proptest! {
        #[test]
        fn no_list_makes_it_panic(bytes in any::<Vec<u8>>(), near in "(0* )?0000000[0-9] 0 0001?0000 1 0[123] 1 \\PC*") {
            let _ = (Clients::parse(&bytes), Clients::parse(near.as_bytes()));
        }
    }
}
