//! Questions that may hang, to QEMUs and guests: each VM has threads of its own, so that one that hangs delays none. A
//! thread that has no answer by the deadline is left behind.

use super::evidence::{Guest, QemuSide};
use crate::{
    deadline::Deadline,
    host::Host,
    pve::{VmConfig, guest},
    usb::{Passed, UsbId, replug},
};
use std::{
    collections::HashMap,
    sync::mpsc::{self, Receiver, Sender},
    thread,
    time::{Duration, Instant},
};

/// How long a guest's agent may take; twice that where the whole run may take long.
const GUEST: Duration = Duration::from_secs(10);
/// A device that is just being attached says "not attached" for so long at most.
const ATTACHING: Duration = Duration::from_secs(5);
/// How often QEMU is asked meanwhile.
const TICK: Duration = Duration::from_millis(500);
/// What an answer may take from its thread to us.
const GRACE: Duration = Duration::from_millis(200);

#[derive(Debug)]
enum Answer {
    Guest(u32, Guest),
    Qemu(u32, String, Result<QemuSide, String>),
}

impl Answer {
    fn text(&self) -> String {
        match self {
            Self::Guest(vmid, Guest::Lists(ids)) if ids.is_empty() => format!("VM {vmid}: the guest lists no Coral"),
            Self::Guest(vmid, Guest::Lists(ids)) => {
                let ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
                format!("VM {vmid}: the guest lists {}", ids.join(", "))
            }
            Self::Guest(vmid, Guest::Unknown(why)) => format!("VM {vmid}: the guest: {why}"),
            Self::Guest(vmid, Guest::NoAgent | Guest::NotAsked) => format!("VM {vmid}: the guest has no agent to ask"),
            Self::Qemu(vmid, key, Ok(QemuSide { exists: false, .. })) => format!("VM {vmid}: QEMU has no {key}"),
            Self::Qemu(vmid, key, Ok(QemuSide { attached, options, .. })) => {
                let attached = attached.map_or("perhaps attached", |yes| if yes { "attached" } else { "not attached" });
                format!("VM {vmid}: QEMU has {key}, {attached}: {options}")
            }
            Self::Qemu(vmid, key, Err(why)) => format!("VM {vmid}: QEMU does not tell of {key}: {why}"),
        }
    }
}

/// Questions under way.
pub(super) struct Questions {
    host: Host,
    until: Deadline,
    sender: Sender<(Answer, Duration)>,
    receiver: Receiver<(Answer, Duration)>,
    asked: Vec<Asked>,
}

/// A VM, and which of its QEMU's devices is asked about; its guest, where there is none.
type Asked = (u32, Option<String>);

/// Hands on the answers of one thread, each when it is there.
struct Teller {
    sender: Sender<(Answer, Duration)>,
    begun: Instant,
}

impl Teller {
    fn tell(&mut self, answer: Answer) {
        // Nobody may wait for it any more.
        let _ = self.sender.send((answer, self.begun.elapsed()));
        self.begun = Instant::now();
    }
}

/// What came back.
#[derive(Default)]
pub(super) struct Answers {
    guests: HashMap<u32, Guest>,
    qemus: HashMap<(u32, String), Result<QemuSide, String>>,
    budget: Duration,
    /// Who was asked, how long it took and what came of it, in words.
    pub told: Vec<String>,
}

impl Questions {
    /// Questions that leave a quarter of the time for what is done with the answers.
    pub fn new(host: &Host, deadline: &Deadline) -> Self {
        let (sender, receiver) = mpsc::channel();
        let all = deadline.remaining();
        let until = deadline.within((all / 4 * 3).min((all / 4).clamp(GUEST, GUEST * 2) + GRACE));
        Self { host: host.clone(), until, sender, receiver, asked: Vec::new() }
    }

    /// Asks a guest what it lists.
    pub fn ask_guest(&mut self, config: &VmConfig) {
        let (host, config, until) = (self.host.clone(), config.clone(), self.until);
        self.ask(vec![(config.vmid, None)], move |teller| {
            if !config.agent_enabled {
                return teller.tell(Answer::Guest(config.vmid, Guest::NoAgent));
            }
            let listed = guest::usb_ids(&host, &config, until.remaining().saturating_sub(GRACE));
            let ids = |ids: Vec<(u16, u16)>| ids.into_iter().map(|(vendor, product)| UsbId(vendor, product));
            let guest = listed.map_or_else(Guest::Unknown, |listed| Guest::listing(ids(listed)));
            teller.tell(Answer::Guest(config.vmid, guest));
        });
    }

    /// Asks a QEMU about its devices, one after the other as its monitor takes one client at a time. One with a live
    /// handle that is not attached gets the time that attaching takes.
    pub fn ask_qemu(&mut self, lines: Vec<(Passed, bool)>) {
        let (host, until) = (self.host.clone(), self.until);
        let asked = lines.iter().map(|(passed, _)| (passed.vmid, Some(passed.usb.key.clone()))).collect();
        self.ask(asked, move |teller| {
            for (passed, live) in lines {
                let told = settled(&host, &passed, live, &until);
                teller.tell(Answer::Qemu(passed.vmid, passed.usb.key, told));
            }
        });
    }

    fn ask(&mut self, asked: Vec<Asked>, question: impl FnOnce(&mut Teller) + Send + 'static) {
        let mut teller = Teller { sender: self.sender.clone(), begun: Instant::now() };
        // Where no thread can be had, there is no answer.
        let _ = thread::Builder::new().spawn(move || question(&mut teller));
        self.asked.extend(asked);
    }

    /// Waits for the answers, no longer than they may take.
    pub fn answers(self) -> Answers {
        let Self { until, sender, receiver, asked, .. } = self;
        let mut answers = Answers { budget: until.budget(), ..Answers::default() };
        // The channel ends with the last thread that could still answer.
        drop(sender);
        while let Ok((answer, took)) = receiver.recv_timeout(until.remaining()) {
            answers.told.push(format!("{}, after {} ms", answer.text(), took.as_millis()));
            match answer {
                Answer::Guest(vmid, guest) => drop(answers.guests.insert(vmid, guest)),
                Answer::Qemu(vmid, key, told) => drop(answers.qemus.insert((vmid, key), told)),
            }
        }
        let late: Vec<_> = asked.into_iter().filter_map(|asked| answers.missing(asked)).collect();
        answers.told.extend(late.iter().map(Answer::text));
        answers.told.sort_unstable();
        answers
    }
}

fn settled(host: &Host, passed: &Passed, live: bool, until: &Deadline) -> Result<QemuSide, String> {
    let begun = Instant::now();
    loop {
        let told = replug::ask(host, passed, until)?;
        let waits = live && told.exists && told.attached == Some(false) && begun.elapsed() < ATTACHING;
        if !waits || until.remaining() < 2 * TICK {
            return Ok(QemuSide { exists: told.exists, attached: told.attached, options: told.options });
        }
        thread::sleep(TICK);
    }
}

impl Answers {
    fn late(&self) -> String {
        format!("no answer within {:.1} s", self.budget.as_secs_f32())
    }

    /// What stands for an answer that did not come in time.
    fn missing(&self, (vmid, key): Asked) -> Option<Answer> {
        let Some(key) = key else {
            return (!self.guests.contains_key(&vmid)).then(|| Answer::Guest(vmid, self.guest(vmid)));
        };
        let late = Answer::Qemu(vmid, key.clone(), Err(self.late()));
        (!self.qemus.contains_key(&(vmid, key))).then_some(late)
    }

    /// What a guest lists.
    pub fn guest(&self, vmid: u32) -> Guest {
        self.guests.get(&vmid).cloned().unwrap_or_else(|| Guest::Unknown(self.late()))
    }

    /// What a QEMU says of one of its devices.
    pub fn qemu(&self, vmid: u32, key: &str) -> Result<QemuSide, String> {
        self.qemus.get(&(vmid, key.to_owned())).cloned().unwrap_or_else(|| Err(self.late()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_answer_counts_when_it_is_there_and_who_gave_none_is_told() {
        const HOUR: Duration = Duration::from_secs(3600);
        let mut questions = Questions::new(&Host::new("/nonexistent"), &Deadline::after(Duration::from_secs(2)));
        let budget = questions.until.budget();
        assert!(budget <= Duration::from_millis(1500) && budget > Duration::from_secs(1), "{budget:?}");
        let keys = ["usb0", "usb1", "usb2"];
        let said = |key: &str| Answer::Qemu(275, key.into(), Err("x".into()));
        let (told, both) = mpsc::channel();
        let (never, hold) = mpsc::channel::<()>();
        questions.ask(keys.map(|key| (275, Some(key.to_owned()))).into(), move |teller| {
            // Each has a time of its own.
            teller.begun -= HOUR;
            teller.tell(said("usb0"));
            teller.tell(said("usb1"));
            told.send(()).unwrap();
            let _ = hold.recv();
        });
        let (never_either, hold) = mpsc::channel::<()>();
        questions.ask(vec![(276, None)], move |_| {
            let _ = hold.recv();
        });
        both.recv().unwrap();
        questions.until = Deadline::after(Duration::from_millis(200));
        let answers = questions.answers();
        drop((never, never_either));
        let late = || "no answer within 0.2 s".to_owned();
        let qemu = |key| answers.qemu(275, key);
        assert_eq!(keys.map(qemu), [Err("x".into()), Err("x".into()), Err(late())]);
        assert_eq!(answers.guest(276), Guest::Unknown(late()));
        let told = &answers.told;
        assert_eq!(told.len(), 4, "{told:?}");
        let after = |n: usize| told[n].rsplit_once(", after ")?.1.strip_suffix(" ms")?.parse::<u128>().ok();
        assert!(after(0) >= Some(HOUR.as_millis()) && after(1) < Some(HOUR.as_millis()), "{told:?}");
        assert_eq!(told[2], format!("VM 275: QEMU does not tell of usb2: {}", late()));
        assert_eq!(told[3], format!("VM 276: the guest: {}", late()));
    }
}
