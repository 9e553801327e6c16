//! Evidence for tests: a VM with which all is well, to be spoiled.

use crate::{
    config::probe::Origin,
    probe::{
        evidence::{Deep, Disk, Evidence, Fast, NicReading, Path, Process, ProcessState, Qmp, Vnc},
        figure::Figure,
        instance::{Endpoint, Hardware, Instance, Nic, Power},
    },
};
use std::sync::Arc;

/// When everything was measured.
pub const NOW: u64 = 1_700_000_000_000;

/// A figure of which nothing is known.
pub fn unknown<T>() -> Figure<T> {
    Figure::unknown("test", "nobody looked")
}

/// VM 111 of this host, with one card and a display.
pub fn instance() -> Instance {
    let nic = Nic { key: "net0".into(), tap: "tap111i0".into(), bridge: Some("vmbr0".into()), ..Nic::default() };
    Instance {
        vmid: Some(111),
        power: Power::Running,
        hardware: Some(Hardware { nics: vec![nic], display: true, ..Hardware::default() }),
        qmp: Some("/run/qemu-server/111.qmp".into()),
        vnc: Some(Endpoint::Unix("/run/qemu-server/111.vnc".into())),
        seen_at: NOW,
        ..Instance::new("111", Origin::Pve)
    }
}

/// What the host's files say of it.
pub fn fast() -> Fast {
    Fast {
        at: NOW,
        process: Figure::known("test", Process { pid: 4711, state: ProcessState::Alive }),
        cpu: Figure::known("test", 12.0),
        memory: unknown(),
        memory_percent: Figure::known("test", 101.0),
        pressure: unknown(),
        host_cpu: unknown(),
        host_memory: unknown(),
        load_average: unknown(),
        nics: Figure::known("test", vec![nic("net0", "tap111i0")]),
        sound: unknown(),
    }
}

/// A card that is plugged in as it should be.
pub fn nic(key: &str, tap: &str) -> NicReading {
    NicReading {
        key: key.into(),
        tap: tap.into(),
        bridge: Some("vmbr0".into()),
        link_down: false,
        present: Figure::known("test", true),
        up: Figure::known("test", true),
        path: Figure::known("test", Path::Whole),
        counters: unknown(),
        rates: unknown(),
    }
}

/// What QEMU says.
pub fn deep(state: &str) -> Deep {
    Deep {
        at: NOW,
        took: 2000,
        qmp: Qmp::Ok,
        answered: Some(11),
        run_state: Figure::known("test", state.into()),
        disks: unknown(),
        guest_memory: unknown(),
        migrating: Figure::known("test", false),
        unplugged: unknown(),
        vnc: Vnc::Banner("RFB 003.008".into()),
        vnc_clients: unknown(),
        audio_device: unknown(),
    }
}

/// A disk with this status, and its file.
pub fn disk(status: &str, file: &str) -> Disk {
    Disk { name: "drive-scsi0".into(), io_status: Some(status.into()), file: file.into(), ..Disk::default() }
}

/// All of it, after `spoil` was at it.
pub fn evidence(spoil: impl FnOnce(&mut Instance, &mut Fast, &mut Deep)) -> Evidence {
    let (mut instance, mut fast, mut deep) = (instance(), fast(), deep("running"));
    spoil(&mut instance, &mut fast, &mut deep);
    let mut evidence = Evidence::new(Arc::new(instance));
    evidence.fast = Some(Arc::new(fast));
    evidence.deep = Some(Arc::new(deep));
    evidence
}
