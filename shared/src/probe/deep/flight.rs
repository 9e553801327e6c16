//! One VM that is being asked.

use super::{banner::Banner, link::Link, session::Session};
use crate::{
    probe::{
        evidence::{Deep, Qmp, Vnc},
        figure::Figure,
        instance::Endpoint,
    },
    pve::qmp::Trouble,
};
use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

/// Who is asked, and where.
#[derive(Debug, Clone)]
pub struct Target {
    /// By what the answer is known.
    pub id: String,
    /// QEMU's monitor, where there is one to be asked.
    pub qmp: Option<PathBuf>,
    /// QEMU's VNC server, where there is one to be asked.
    pub vnc: Option<Endpoint>,
    /// QEMU's process, where it is known.
    pub pid: Option<i32>,
}

/// A connection's way.
#[derive(Debug)]
pub(super) enum Way {
    /// Its time has not come.
    Later,
    /// The queue was full or the other side hung up before it said anything: to be tried again then.
    Again(Instant, Trouble),
    /// It is open.
    Open(Link),
    /// It is over.
    Over,
}

/// A VM that is being asked.
#[derive(Debug)]
pub(super) struct Flight {
    pub(super) target: Target,
    pub(super) begun: Instant,
    pub(super) deadline: Instant,
    /// How much later that may become.
    spare: Duration,
    pub(super) qmp: Way,
    pub(super) vnc: Way,
    /// When the monitor was heard last.
    pub(super) heard: Instant,
    /// Whether it has said anything at all.
    pub(super) spoke: bool,
    pub(super) session: Session,
    pub(super) banner: Banner,
    /// Why the monitor has not answered all; `None` where it has.
    pub(super) trouble: Option<Trouble>,
    pub(super) qmp_is: Qmp,
    pub(super) vnc_is: Vnc,
    /// Whether our own look at its VNC server may be among those that the monitor counted.
    pub(super) counted_ourselves: bool,
}

impl Flight {
    pub(super) fn new(target: Target, answer: Duration) -> Self {
        let begun = Instant::now();
        Self {
            target,
            begun,
            deadline: begun + answer,
            spare: answer,
            qmp: Way::Later,
            vnc: Way::Later,
            heard: begun,
            spoke: false,
            session: Session::default(),
            banner: Banner::default(),
            trouble: None,
            qmp_is: Qmp::NotAsked,
            vnc_is: Vnc::NotAsked,
            counted_ourselves: false,
        }
    }

    /// The VNC server is asked when the monitor has answered, because the monitor would count us among those who look. One
    /// that does not answer gets half of the time for itself.
    pub(super) fn vnc_due(&self) -> Instant {
        if matches!(self.qmp, Way::Over) { self.begun } else { self.begun + (self.deadline - self.begun) / 2 }
    }

    /// It lost so much of its time, and not by its own fault.
    pub(super) fn extend(&mut self, lost: Duration) {
        let lost = lost.min(self.spare);
        self.spare -= lost;
        self.deadline += lost;
    }

    /// When something has to be done although nothing comes.
    pub(super) fn due(&self) -> Instant {
        let again = [&self.qmp, &self.vnc].into_iter().filter_map(|way| match way {
            Way::Again(at, _) => Some(*at),
            _ => None,
        });
        let vnc = matches!(self.vnc, Way::Later).then(|| self.vnc_due());
        again.chain(vnc).fold(self.deadline, Instant::min)
    }

    /// Whether the monitor was heard in the last third of its time: then it is slow rather than hung.
    pub(super) fn is_talking(&self) -> bool {
        self.session.greeted && self.deadline.saturating_duration_since(self.heard) < (self.deadline - self.begun) / 3
    }

    pub(super) fn is_over(&self) -> bool {
        matches!((&self.qmp, &self.vnc), (Way::Over, Way::Over))
    }

    /// All that is known.
    pub(super) fn conclude(mut self) -> (String, Deep) {
        let why = self.trouble.take().unwrap_or(Trouble::NoAnswer);
        let facts = &mut self.session.facts;
        let mut vnc_clients = facts.viewers(&why);
        if self.counted_ourselves && vnc_clients.get().is_some() {
            vnc_clients = Figure::unknown(vnc_clients.source, "it was asked while its VNC server was looked at");
        }
        let mut deep = Deep {
            at: crate::clock::millis(),
            took: crate::clock::in_millis(self.begun.elapsed()),
            answered: self.session.greeted.then_some(self.session.answered),
            run_state: facts.run_state(&why),
            guest_memory: facts.guest_memory(&why),
            migrating: facts.is_migrating(&why),
            disks: facts.disks(&why),
            unplugged: Figure::unknown("qmp", "QEMU does not tell"),
            vnc: self.vnc_is,
            vnc_clients,
            audio_device: facts.has_audio(&why),
            qmp: self.qmp_is,
        };
        if deep.qmp == Qmp::NotAsked {
            nobody_asked(&mut deep);
        }
        (self.target.id, deep)
    }
}

/// One that was never asked, and why.
pub(super) fn unasked(target: Target, why: &str) -> (String, Deep) {
    let mut flight = Flight::new(target, Duration::ZERO);
    if flight.target.qmp.is_some() {
        flight.qmp_is = Qmp::Unknown(why.to_owned());
    }
    if flight.target.vnc.is_some() {
        flight.vnc_is = Vnc::Unknown(why.to_owned());
    }
    flight.trouble = Some(Trouble::System(why.to_owned()));
    flight.conclude()
}

fn nobody_asked(deep: &mut Deep) {
    const WHY: &str = "the source names no monitor";
    deep.run_state.value = Err(WHY.into());
    deep.guest_memory.value = Err(WHY.into());
    deep.migrating.value = Err(WHY.into());
    deep.disks.value = Err(WHY.into());
    deep.vnc_clients.value = Err(WHY.into());
    deep.audio_device.value = Err(WHY.into());
    deep.unplugged.value = Err(WHY.into());
}
