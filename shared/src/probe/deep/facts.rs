//! What QEMU's answers say, question by question. One that failed makes its own figure unknown and no other.

use super::{
    answer::{self, Answer},
    questions::Question,
    shapes::{Audio, Balloon, Block, Counted, Guest, MaybeStatus, Status, Viewers},
};
use crate::{
    probe::{
        evidence::{Disk, GuestMemory},
        figure::Figure,
    },
    pve::qmp::{
        Trouble,
        message::{is_printed_as, printable},
    },
};
use serde::{Deserialize, de::IgnoredAny};
use std::time::{SystemTime, UNIX_EPOCH};

/// A guest writes its figures every few seconds where it was asked to; older ones are of another time, in seconds.
const FRESH: u64 = 60;
/// What the balloon says where the guest does not tell.
const MISSING: u64 = u64::MAX;
/// More disks than a VM can have in PVE, by far.
const MOST: usize = 512;

/// The answers so far; `None` where there was none yet.
#[derive(Debug, Default)]
pub(super) struct Facts {
    status: Option<Result<String, Trouble>>,
    blocks: Option<Result<Vec<Disk>, Trouble>>,
    counted: Option<Result<(), Trouble>>,
    balloon: Option<Result<u64, Trouble>>,
    guest: GuestMemory,
    migrating: Option<Result<bool, Trouble>>,
    saving: bool,
    vnc_clients: Option<Result<u32, Trouble>>,
    devices: Option<Result<bool, Trouble>>,
    nameless_devices: Option<Result<bool, Trouble>>,
}

impl Facts {
    /// Reads a line as the answer to a question; `false` where it is something else, such as an event.
    pub(super) fn take(&mut self, question: Question, number: u64, line: &[u8]) -> Result<bool, Trouble> {
        match question {
            Question::Capabilities => taken(line, number, |told: Result<IgnoredAny, Trouble>| told.map(drop)),
            Question::Status => note(&mut self.status, line, number, |s: Status| printable(&s.status)),
            Question::Block => note(&mut self.blocks, line, number, disks),
            Question::BlockStats => {
                let Self { blocks, counted, .. } = self;
                note(counted, line, number, |all: Vec<Counted>| count(blocks, &all))
            }
            Question::Balloon => note(&mut self.balloon, line, number, |b: Balloon| b.actual),
            Question::GuestStats => optional(line, number, |guest: Guest| self.guest = fresh(&guest, now())),
            Question::Migrate => {
                note(&mut self.migrating, line, number, |m: MaybeStatus| m.status.is_some_and(|s| is_moving(&s)))
            }
            Question::Savevm => optional(line, number, |savevm: MaybeStatus| {
                self.saving = savevm.status.is_some_and(|status| status == "active");
            }),
            Question::Vnc => note(&mut self.vnc_clients, line, number, |v: Viewers| {
                u32::try_from(v.clients.len()).unwrap_or(u32::MAX)
            }),
            Question::Devices => note(&mut self.devices, line, number, |audio: Audio| audio.0),
            Question::MoreDevices => note(&mut self.nameless_devices, line, number, |audio: Audio| audio.0),
        }
    }

    /// `query-status`.
    pub(super) fn run_state(&self, why: &Trouble) -> Figure<String> {
        figure("qmp query-status", self.status.clone(), why)
    }

    /// Disks with a medium; unknown as a whole where their counters are.
    pub(super) fn disks(&mut self, why: &Trouble) -> Figure<Vec<Disk>> {
        let counted = self.counted.take();
        let both = self.blocks.take().map(|blocks| match counted {
            Some(Err(trouble)) => Err(trouble),
            None => Err(why.clone()),
            Some(Ok(())) => blocks,
        });
        figure("qmp query-block, query-blockstats", both, why)
    }

    /// What the balloon says, and the guest through it.
    pub(super) fn guest_memory(&self, why: &Trouble) -> Figure<GuestMemory> {
        let actual = figure("qmp query-balloon, guest-stats", self.balloon.clone(), why);
        actual.map(|actual| GuestMemory { actual: Some(actual), ..self.guest.clone() })
    }

    /// Whether it migrates, or its state is being saved.
    pub(super) fn is_migrating(&self, why: &Trouble) -> Figure<bool> {
        let state = self.status.as_ref().and_then(|status| status.as_deref().ok());
        let passing = ["inmigrate", "finish-migrate", "postmigrate", "save-vm", "restore-vm", "colo"];
        if self.saving || state.is_some_and(|state| passing.contains(&state)) {
            return Figure::known("qmp query-migrate", true);
        }
        figure("qmp query-migrate", self.migrating.clone(), why)
    }

    /// How many people look at it.
    pub(super) fn viewers(&self, why: &Trouble) -> Figure<u32> {
        figure("qmp query-vnc", self.vnc_clients.clone(), why)
    }

    /// Whether it has an audio device.
    pub(super) fn has_audio(&self, why: &Trouble) -> Figure<bool> {
        let both = match (&self.devices, &self.nameless_devices) {
            (Some(Ok(true)), _) | (_, Some(Ok(true))) => Some(Ok(true)),
            (Some(Err(trouble)), _) | (_, Some(Err(trouble))) => Some(Err(trouble.clone())),
            (Some(Ok(false)), Some(Ok(false))) => Some(Ok(false)),
            _ => None,
        };
        figure("qmp qom-list /machine/peripheral", both, why)
    }
}

fn figure<T>(source: &'static str, told: Option<Result<T, Trouble>>, why: &Trouble) -> Figure<T> {
    match told {
        Some(Ok(value)) => Figure::known(source, value),
        Some(Err(trouble)) => Figure::unknown(source, trouble.to_string()),
        None => Figure::unknown(source, why.to_string()),
    }
}

/// Hands the answer on; `false` where the line is none.
fn taken<'a, T: Deserialize<'a>>(
    line: &'a [u8],
    number: u64,
    then: impl FnOnce(Result<T, Trouble>) -> Result<(), Trouble>,
) -> Result<bool, Trouble> {
    match answer::read(line, number)? {
        Answer::Value(value) => then(Ok(value))?,
        Answer::None(trouble) => then(Err(trouble))?,
        Answer::Other => return Ok(false),
    }
    Ok(true)
}

fn note<'a, T: Deserialize<'a>, U>(
    place: &mut Option<Result<U, Trouble>>,
    line: &'a [u8],
    number: u64,
    change: impl FnOnce(T) -> U,
) -> Result<bool, Trouble> {
    taken(line, number, |told: Result<T, Trouble>| {
        *place = Some(told.map(change));
        Ok(())
    })
}

/// What not every QEMU and every VM has: an error says nothing.
fn optional<'a, T: Deserialize<'a>>(line: &'a [u8], number: u64, then: impl FnOnce(T)) -> Result<bool, Trouble> {
    taken(line, number, |told: Result<T, Trouble>| {
        if let Ok(value) = told {
            then(value);
        }
        Ok(())
    })
}

/// Drives without a medium are no disks.
fn disks(blocks: Vec<Block>) -> Vec<Disk> {
    let with_medium =
        blocks.into_iter().filter_map(|block| Some((block.inserted?, block.device, block.qdev, block.io_status)));
    with_medium
        .take(MOST)
        .map(|(inserted, device, qdev, io_status)| Disk {
            name: printable(name(&device, &qdev)),
            io_status: io_status.map(|status| printable(&status.0)),
            file: printable(&inserted.file),
            ..Disk::default()
        })
        .collect()
}

/// Where disks are block devices of their own (`-blockdev`), only the device that has them has a name: `scsi0`, or
/// `/machine/peripheral/virtio0/virtio-backend`.
fn name<'a>(device: &'a str, qdev: &'a str) -> &'a str {
    if !device.is_empty() {
        return device;
    }
    qdev.strip_prefix("/machine/peripheral/").unwrap_or(qdev).trim_end_matches("/virtio-backend")
}

fn count(disks: &mut Option<Result<Vec<Disk>, Trouble>>, all: &[Counted]) {
    let Some(Ok(disks)) = disks else { return };
    for disk in disks {
        let of_it = |counted: &&Counted| is_printed_as(name(&counted.device, &counted.qdev), &disk.name);
        if let Some(Counted { stats, .. }) = all.iter().find(of_it) {
            disk.read_bytes = stats.rd_bytes;
            disk.written_bytes = stats.wr_bytes;
            disk.failed_reads = stats.failed_rd_operations;
            disk.failed_writes = stats.failed_wr_operations;
        }
    }
}

fn fresh(guest: &Guest, now: u64) -> GuestMemory {
    if guest.last_update == 0 || now.saturating_sub(guest.last_update) > FRESH {
        return GuestMemory::default();
    }
    let told = |figure: Option<u64>| figure.filter(|bytes| *bytes != MISSING);
    GuestMemory {
        actual: None,
        total: told(guest.stats.total),
        free: told(guest.stats.free),
        available: told(guest.stats.available),
    }
}

/// `MigrationStatus` has states of having ended, and all the others.
fn is_moving(status: &str) -> bool {
    !matches!(status, "none" | "completed" | "failed" | "cancelled")
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

#[cfg(test)]
mod tests;
