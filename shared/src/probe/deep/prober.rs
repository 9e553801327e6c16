//! Many VMs in flight: one thread, one epoll, no call that waits for any of them.

mod listen;
mod silence;

use super::{
    flight::{Flight, Target, Way},
    link::Link,
    session::Session,
};
use crate::{
    host::Host,
    probe::{
        evidence::{Deep, Qmp, Vnc},
        instance::Endpoint,
    },
    pve::{
        self,
        qmp::{Clients, Trouble, wire},
    },
};
use anyhow::{Context as _, Result};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use std::time::{Duration, Instant};

/// Between two attempts at a socket whose queue is full.
const PAUSE: Duration = Duration::from_millis(200);

/// Asks many VMs at the same time.
#[derive(Debug)]
pub struct Prober {
    host: Host,
    epoll: Epoll,
    flights: Vec<Option<Flight>>,
    free: Vec<usize>,
    done: Vec<(String, Deep)>,
    buffer: Vec<u8>,
    events: Vec<EpollEvent>,
    /// Nothing has to be done before, unless something comes.
    due: Option<Instant>,
    looked: Instant,
    /// When it wanted to be back.
    back: Instant,
    list: Option<(Instant, Option<Clients>)>,
}

/// Which of a VM's two sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Qmp,
    Vnc,
}

impl Prober {
    /// One without anything to do.
    pub fn new(host: &Host) -> Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).context("epoll_create1")?;
        Ok(Self {
            host: host.clone(),
            epoll,
            flights: Vec::new(),
            free: Vec::new(),
            done: Vec::new(),
            buffer: vec![0; 64 << 10],
            events: vec![EpollEvent::empty(); 64],
            due: None,
            looked: Instant::now(),
            back: Instant::now(),
            list: None,
        })
    }

    /// Begins to ask a VM, which has `answer` to do so. The result comes by [`Self::poll`].
    pub fn begin(&mut self, target: Target, answer: Duration) {
        let mut flight = Flight::new(target, answer);
        let at = self.free.pop().unwrap_or_else(|| {
            self.flights.push(None);
            self.flights.len() - 1
        });
        self.advance(at, &mut flight);
        self.keep(at, flight);
    }

    /// How many VMs are being asked; those that are done and not fetched yet count as well.
    pub fn in_flight(&self) -> usize {
        self.flights.len() - self.free.len() + self.done.len()
    }

    fn keep(&mut self, at: usize, flight: Flight) {
        if flight.is_over() {
            self.done.push(flight.conclude());
            self.free.push(at);
            return;
        }
        let due = flight.due();
        self.due = Some(self.due.map_or(due, |other| other.min(due)));
        self.flights[at] = Some(flight);
    }

    /// Reads what came.
    fn hear(&mut self, flight: &mut Flight, side: Side) {
        let way = if side == Side::Qmp { &mut flight.qmp } else { &mut flight.vnc };
        let Way::Open(link) = way else { return };
        let heard = link.receive(&mut self.buffer);
        if side == Side::Qmp {
            if heard.as_ref().is_ok_and(|bytes| !bytes.is_empty()) {
                flight.heard = Instant::now();
                flight.spoke = true;
            }
            match heard.and_then(|bytes| flight.session.take(link, bytes)) {
                Ok(false) => {}
                Ok(true) => end_qmp(flight, Qmp::Ok, None),
                Err(Trouble::Closed) if !flight.session.greeted => *way = again(Trouble::Closed),
                Err(trouble) => end_qmp(flight, Qmp::Unknown(trouble.to_string()), Some(trouble)),
            }
            return;
        }
        match heard {
            Ok(bytes) => match flight.banner.take(bytes) {
                None => {}
                Some(Ok(banner)) => end_vnc(flight, Vnc::Banner(banner)),
                Some(Err(words)) => end_vnc(flight, Vnc::Unknown(words)),
            },
            Err(Trouble::Refused) => end_vnc(flight, Vnc::Refused),
            Err(Trouble::Closed) if flight.banner.is_empty() => *way = again(Trouble::Closed),
            Err(trouble) => end_vnc(flight, Vnc::Unknown(vnc_words(&trouble))),
        }
    }

    /// Does what is due by the clock, and what follows from what came.
    fn advance(&mut self, at: usize, flight: &mut Flight) {
        let now = Instant::now();
        if is_due(&flight.qmp, now) {
            match flight.target.qmp.clone() {
                None => flight.qmp = Way::Over,
                Some(path) => {
                    flight.qmp = self.dial(at, Side::Qmp, &Endpoint::Unix(path), flight.target.pid);
                    if let Way::Again(_, trouble) = &flight.qmp {
                        let trouble = trouble.clone();
                        match trouble {
                            Trouble::Full | Trouble::Closed => {}
                            Trouble::Absent => end_qmp(flight, Qmp::Absent, Some(trouble)),
                            Trouble::Refused => end_qmp(flight, Qmp::Refused, Some(trouble)),
                            _ => end_qmp(flight, Qmp::Unknown(trouble.to_string()), Some(trouble)),
                        }
                    }
                }
            }
        }
        let later = matches!(flight.vnc, Way::Later);
        // Whoever is asked when his time is over already has no chance to answer.
        if now < flight.deadline && ((later && flight.vnc_due() <= now) || (!later && is_due(&flight.vnc, now))) {
            match flight.target.vnc.clone() {
                None => flight.vnc = Way::Over,
                Some(endpoint) => {
                    flight.counted_ourselves = matches!(flight.qmp, Way::Open(_));
                    flight.vnc = self.dial(at, Side::Vnc, &endpoint, flight.target.pid);
                    if let Way::Again(_, trouble) = &flight.vnc {
                        match trouble.clone() {
                            Trouble::Full => {}
                            Trouble::Absent => end_vnc(flight, Vnc::Absent),
                            Trouble::Refused => end_vnc(flight, Vnc::Refused),
                            Trouble::Stranger(who) => end_vnc(flight, Vnc::Stranger(who)),
                            trouble => end_vnc(flight, Vnc::Unknown(vnc_words(&trouble))),
                        }
                    }
                }
            }
        }
        if flight.deadline <= now {
            self.give_up(flight);
        }
    }

    /// Connects; whatever came in the way is in [`Way::Again`], for the caller to judge.
    fn dial(&self, at: usize, side: Side, endpoint: &Endpoint, known: Option<i32>) -> Way {
        let link = match Link::dial(endpoint) {
            Ok(link) => link,
            Err(trouble) => return again(trouble),
        };
        if let Some(who) = self.stranger(&link, endpoint, known) {
            return again(Trouble::Stranger(who));
        }
        if side == Side::Qmp
            && let Err(trouble) = Session::begin(&link)
        {
            return again(trouble);
        }
        let event = EpollEvent::new(EpollFlags::EPOLLIN, data(at, side));
        match self.epoll.add(&link.fd, event) {
            Ok(()) => Way::Open(link),
            Err(errno) => again(Trouble::System(errno.desc().to_owned())),
        }
    }

    /// Who answers in the place of QEMU. Only another one than was known before is looked at: it may be a new QEMU.
    fn stranger(&self, link: &Link, endpoint: &Endpoint, known: Option<i32>) -> Option<String> {
        let Endpoint::Unix(path) = endpoint else { return None };
        let peer = wire::process(&link.fd).filter(|peer| Some(*peer) != known)?;
        pve::stranger(&self.host, path, peer)
    }
}

fn end_qmp(flight: &mut Flight, is: Qmp, trouble: Option<Trouble>) {
    flight.qmp = Way::Over;
    flight.qmp_is = is;
    flight.trouble = trouble;
}

fn end_vnc(flight: &mut Flight, is: Vnc) {
    flight.vnc = Way::Over;
    flight.vnc_is = is;
}

fn again(trouble: Trouble) -> Way {
    Way::Again(Instant::now() + PAUSE, trouble)
}

fn is_due(way: &Way, now: Instant) -> bool {
    match way {
        Way::Later => true,
        Way::Again(at, _) => *at <= now,
        Way::Open(_) | Way::Over => false,
    }
}

/// The words of a trouble without those that name the monitor.
fn vnc_words(trouble: &Trouble) -> String {
    match trouble {
        Trouble::Closed => "it hung up in the middle of its banner".into(),
        Trouble::System(words) | Trouble::Garbage(words) => words.clone(),
        other => other.to_string(),
    }
}

fn data(at: usize, side: Side) -> u64 {
    (at as u64) << 1 | u64::from(side == Side::Vnc)
}

fn address(data: u64) -> (usize, Side) {
    (usize::try_from(data >> 1).unwrap_or(usize::MAX), if data & 1 == 1 { Side::Vnc } else { Side::Qmp })
}
