//! The time is over: what it means that no answer came.

use super::{
    super::{
        flight::{Flight, Target, Way},
        questions::ORDER,
    },
    Prober, end_qmp, end_vnc,
};
use crate::{
    probe::evidence::{Qmp, Vnc},
    proc,
    pve::qmp::{Clients, Trouble},
};
use std::{
    path::Path,
    time::{Duration, Instant},
};

/// How long the kernel's list of sockets is good for.
const LIST_AGE: Duration = Duration::from_millis(500);

impl Prober {
    /// The time is over: says what the silence means.
    pub(super) fn give_up(&mut self, flight: &mut Flight) {
        match std::mem::replace(&mut flight.qmp, Way::Over) {
            Way::Over => {}
            Way::Again(_, Trouble::Closed) => {
                end_qmp(flight, Qmp::Unknown(Trouble::Closed.to_string()), Some(Trouble::Closed));
            }
            _ if flight.session.greeted => match flight.session.strange.take() {
                // It does answer, and not what it was asked: QEMU does no such thing.
                Some(line) => {
                    let words = format!("it greets, and then says what it was not asked: {line}");
                    end_qmp(flight, Qmp::Unknown(words.clone()), Some(Trouble::Garbage(words)));
                }
                None if flight.is_talking() => {
                    let (answered, all) = (flight.session.answered, ORDER.len());
                    let words = format!("it is slow: {answered} of {all} questions were answered in time");
                    end_qmp(flight, Qmp::Unknown(words), Some(Trouble::NoAnswer));
                }
                None => end_qmp(flight, Qmp::Hung, Some(Trouble::NoAnswer)),
            },
            // However much of it was read in time: who speaks does not hang.
            _ if flight.spoke => {
                let words = "it speaks, and not a line of its greeting came in time".to_owned();
                end_qmp(flight, Qmp::Unknown(words.clone()), Some(Trouble::Garbage(words)));
            }
            _ => {
                let (qmp, trouble) = self.silence(&flight.target);
                end_qmp(flight, qmp, Some(trouble));
            }
        }
        match std::mem::replace(&mut flight.vnc, Way::Over) {
            Way::Over => {}
            Way::Open(link) if link.is_connected() => end_vnc(flight, Vnc::Silent),
            Way::Again(_, Trouble::Full) => end_vnc(flight, Vnc::Silent),
            Way::Open(_) => end_vnc(flight, Vnc::Unknown("no connection by the deadline".into())),
            Way::Later => end_vnc(flight, Vnc::Unknown("no time was left to ask it".into())),
            Way::Again(..) => end_vnc(flight, Vnc::Unknown("it hung up without a word".into())),
        }
    }

    /// A monitor that says nothing serves somebody else, or hangs.
    fn silence(&mut self, target: &Target) -> (Qmp, Trouble) {
        let path = target.qmp.as_deref().unwrap_or(Path::new(""));
        if self.list.as_ref().is_none_or(|(read, _)| read.elapsed() > LIST_AGE) {
            self.list = Some((Instant::now(), Clients::read(&self.host)));
        }
        match self.list.as_ref().and_then(|(_, list)| list.as_ref()) {
            // Ours is among them: where nobody waits it is the one that was accepted, and nobody else is served.
            Some(clients) if clients.are_served_at(path) && clients.wait_at(path) => (Qmp::Busy, Trouble::Busy),
            Some(clients) if clients.know(path) => (Qmp::Hung, Trouble::NoAnswer),
            // Halted processes answer nobody, wherever their sockets are listed.
            _ if target.pid.and_then(|pid| proc::state(&self.host, pid)).is_some_and(|s| matches!(s, 'T' | 't')) => {
                (Qmp::Hung, Trouble::NoAnswer)
            }
            _ => {
                let words = "it says nothing, and the list of sockets does not tell whether it serves somebody else";
                (Qmp::Unknown(words.into()), Trouble::NoAnswer)
            }
        }
    }
}
