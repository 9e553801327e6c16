//! PVE's book of PCI devices that VMs use or are about to: `/run/qemu-server/pci-id-reservations`. Read only.

use super::running::qemu_pid;
use crate::{
    host::{Host, read_if_there},
    pci::Address,
};
use anyhow::{Context as _, Result};

/// One line of the book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reservation {
    /// The device.
    pub address: Address,
    /// For which VM.
    pub vmid: u32,
    /// For how long.
    pub until: Until,
}

/// How long a reservation holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// Up to this second since 1970: the VM is being started.
    Time(u64),
    /// As long as this process is the VM's QEMU.
    Exit(i32),
}

impl Reservation {
    /// Whether it still holds; the file keeps what a crash left behind.
    pub fn is_current(&self, host: &Host, now: u64) -> bool {
        match self.until {
            Until::Time(end) => end > now,
            Until::Exit(pid) => qemu_pid(host, self.vmid) == Some(pid),
        }
    }

    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        let (address, vmid) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        let until = match words.next()?.split_once(':')? {
            ("time", end) => Until::Time(end.parse().ok()?),
            ("pid", pid) => Until::Exit(pid.parse().ok()?),
            _ => return None,
        };
        words.next().is_none().then_some(Self { address, vmid, until })
    }
}

/// All reservations, stale ones included; lines that PVE itself would not understand are left out.
pub fn reservations(host: &Host) -> Result<Vec<Reservation>> {
    let path = host.qemu_run().join("pci-id-reservations");
    let text = read_if_there(&path).with_context(|| host.shown(&path))?.unwrap_or_default();
    Ok(text.lines().filter_map(Reservation::parse).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fs;

    #[test]
    fn what_holds_is_told_from_what_was_left_behind() {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::new(dir.path());
        assert!(reservations(&host).unwrap().is_empty());
        fs::create_dir_all(host.qemu_run()).unwrap();
        fs::create_dir_all(host.process(4711)).unwrap();
        let book = "0000:01:00.0 111 pid:4711\n0000:01:00.1 111 pid:4712\n0000:02:00.0 112 time:100\nnonsense\n0000:03:00.0 1 x:1\n";
        fs::write(host.qemu_run().join("pci-id-reservations"), book).unwrap();
        fs::write(host.qemu_run().join("111.pid"), "4711\n").unwrap();
        fs::write(host.process(4711).join("cmdline"), "kvm\0-pidfile\0/var/run/qemu-server/111.pid\0").unwrap();
        fs::write(host.process(4711).join("stat"), "4711 (kvm) S 1").unwrap();
        let book = reservations(&host).unwrap();
        let holds: Vec<_> = book.iter().map(|r| (r.vmid, r.is_current(&host, 99))).collect();
        assert_eq!(holds, [(111, true), (111, false), (112, true)]);
        assert!(!book[2].is_current(&host, 100));
        assert_eq!(book[0].address, "0000:01:00.0".parse().unwrap());
    }

    proptest! {
        #[test]
        fn no_input_makes_it_panic(line in "(0000:01:00.0 [0-9]{0,12} (time|pid):)?\\PC*") {
            let _ = Reservation::parse(&line);
        }
    }
}
