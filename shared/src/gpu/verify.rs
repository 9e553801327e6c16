//! Whether a GPU that came back works: nothing is believed that was not read back.

use super::{
    baseline::Baseline,
    observe::Observation,
    operation::Operation,
    policy::WantedDrivers,
    record::Record,
    unit::Unit,
    verdict::{State, judge},
};
use crate::{
    fault::Fault,
    kernel_log::KernelLog,
    modules::is_vfio,
    pci::{Address, Device},
    session::Session,
};
use anyhow::Result;
use std::{cell::RefCell, thread, time::Duration};

/// Sound cards and DRM nodes may appear a moment after the bind has returned. Where a codec does not answer at once, the kernel
/// alone tries other ways for five seconds.
const SETTLING: Duration = Duration::from_secs(10);
/// How long a sound card is waited for where nobody knows whether there was one.
const HOPE: Duration = Duration::from_secs(2);
/// How often a card that is on its way is looked for.
const TICK: Duration = Duration::from_millis(5);
const HD_AUDIO: u32 = 0x0403;
/// Kernel messages after which a driver that is bound does not drive.
const FATAL: [&str; 4] =
    ["RmInitAdapter failed", "fallen off the bus", "failed with error -", "Fatal error during GPU init"];

/// Whether a driver is bound that has not made its sound card yet.
fn sound_is_coming(session: &Session, address: Address) -> bool {
    let device = Device::new(&session.host, address);
    let driven = device.driver().is_some_and(|driver| !is_vfio(&driver));
    session.host.is_live() && driven && !device.dir().join("sound").exists()
}

/// Watches one return.
pub struct Verifier {
    log: RefCell<Option<KernelLog>>,
    needles: Vec<String>,
    /// Functions that had a sound card.
    with_sound: Vec<Address>,
    /// Functions whose past is unknown: a sound card may appear.
    perhaps_sound: Vec<Address>,
}

impl Verifier {
    /// Begins to watch the kernel's log.
    pub fn new(session: &Session, unit: &Unit, record: &Record) -> Self {
        let baseline = Baseline::load(&session.host, unit);
        let had_sound = |address: &Address| {
            let original = record.originals.get(address).filter(|original| original.driver.is_some());
            let before = baseline.as_ref().and_then(|b| b.functions.get(address));
            original.map(|original| original.sound).or_else(|| before.map(|f| !f.sound.is_empty()))
        };
        let (mut with_sound, mut perhaps_sound) = (Vec::new(), Vec::new());
        for address in &unit.functions {
            match had_sound(address) {
                Some(true) => with_sound.push(*address),
                None if Device::new(&session.host, *address).class() >> 8 == HD_AUDIO => perhaps_sound.push(*address),
                _ => {}
            }
        }
        Self {
            log: RefCell::new(KernelLog::open_at_end(&session.host)),
            needles: unit.functions.iter().map(ToString::to_string).collect(),
            with_sound,
            perhaps_sound,
        }
    }

    /// What is not as it has to be.
    pub fn problems(&self, seen: &Observation, wanted: &WantedDrivers) -> Vec<String> {
        let (state, mut problems) = judge(seen);
        for f in &seen.functions {
            let want = wanted.get(&f.address).and_then(|w| w.as_ref()?.driver.as_deref());
            if let Some(want) = want.filter(|want| f.driver.as_deref() != Some(want)) {
                let have = f.driver.as_deref().unwrap_or("no driver");
                problems.push(format!("{} is on {have} instead of {want}", f.address));
            }
            if self.with_sound.contains(&f.address) && f.sound.is_empty() {
                problems.push(format!("{} had a sound card and has none now", f.address));
            }
        }
        if state != State::Host && problems.is_empty() {
            problems.push(format!("the GPU is {}", state.word()));
        }
        problems
    }

    /// Waits until all is well, or says what is not.
    pub fn wait(&self, op: &mut Operation, wanted: &WantedDrivers) -> Result<Observation> {
        let deadline = op.deadline.within(SETTLING);
        let hopeful = op.deadline.within(HOPE);
        let mut pause = Duration::from_millis(2);
        // A card that was there is waited for by its directory alone: looking at everything takes time from the driver's
        // worker, which is just making it.
        while self.with_sound.iter().any(|address| sound_is_coming(op.session, *address)) && !deadline.expired() {
            thread::sleep(TICK.min(deadline.remaining()));
        }
        loop {
            let seen = op.observe()?;
            let problems = self.problems(&seen, wanted);
            let silent = |address: &Address| seen.function(*address).is_some_and(|f| f.sound.is_empty());
            if problems.is_empty() && (hopeful.expired() || !self.perhaps_sound.iter().any(silent)) {
                return self.kernel_errors(op).map(|()| seen);
            }
            // Only what appears late is worth waiting for; a wrong driver stays wrong.
            let late =
                seen.functions.iter().all(|f| f.driver.is_some() || f.driverless) && judge(&seen).0 != State::Lost;
            if !problems.is_empty() && (!late || deadline.expired()) {
                return Fault::problem(format!("{}: {}", op.unit.address, problems.join("; ")))
                    .next(format!("gpu-bind doctor {}", op.unit.address))
                    .fail();
            }
            thread::sleep(pause.min(deadline.remaining()));
            pause = (pause * 2).min(Duration::from_millis(100));
        }
    }

    fn kernel_errors(&self, op: &Operation) -> Result<()> {
        let mut log = self.log.borrow_mut();
        let Some(log) = log.as_mut() else { return Ok(()) };
        let lines = log.errors_about(&self.needles);
        for line in &lines {
            op.session.log.warn(&format!("the kernel says: {line}"));
        }
        match lines.iter().find(|line| FATAL.iter().any(|text| line.contains(text))) {
            Some(line) => Fault::problem(format!("{}: the kernel says: {line}", op.unit.address))
                .next(format!("gpu-bind doctor {}", op.unit.address))
                .fail(),
            None => Ok(()),
        }
    }
}
