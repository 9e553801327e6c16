//! What a recovery is about to do, written down before it does it. Who finds such a record without anybody at work tells of
//! an interrupted recovery, and finishes what would leave the VM worse than it was: a VM that was stopped is started, a
//! machine that was reset goes on. Everything else is looked at anew by the next round, and costs a new attempt.

use super::{
    AskedBy, Ended, act,
    audit::{self, Entry},
    file_name, lock_name,
    plan::{Action, Plan},
    shown,
};
use crate::{
    config::probe::Origin,
    deadline::Deadline,
    fault::Fault,
    host::{Host, names},
    lock::{self, Locks},
    probe::{classify::clean, instance::Instance, now},
    pve::{self, config_lock},
    session::Session,
    state,
};
use anyhow::Result;
use serde::{Deserialize, Serialize};
use std::{path::PathBuf, thread, time::Duration};

/// What was begun longer ago than this (in milliseconds) is nobody's business any more: people have seen to it.
const OLD: u64 = 60 * 60 * 1000;
/// How long a `qm` that outlived its caller may go on.
const STILL: Duration = Duration::from_secs(90);
const TICK: Duration = Duration::from_millis(200);

/// The record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// The instance.
    pub id: String,
    /// Its number.
    pub vmid: Option<u32>,
    /// Its monitor.
    pub qmp: Option<PathBuf>,
    /// The boot in which it was written.
    pub boot: String,
    /// When it began, in milliseconds since 1970.
    pub at: u64,
    /// Who wanted it.
    pub asked_by: AskedBy,
    /// Which one of its hour it is.
    pub nth: usize,
    /// The symptoms.
    pub cause: Vec<String>,
    /// The evidence, in sentences.
    pub evidence: Vec<String>,
    /// The steps.
    pub steps: Vec<Planned>,
    /// How many of them were begun.
    pub begun: usize,
}

/// A step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planned {
    /// The command.
    pub command: String,
    /// What has to be done if nothing comes after it.
    pub finish: Finish,
}

/// What must not stay undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Finish {
    /// Nothing.
    Nothing,
    /// The VM is to be started.
    Start,
    /// The machine is to go on.
    Resume,
}

impl Finish {
    fn of(action: &Action) -> Self {
        match action {
            Action::Stop(_) | Action::Start(_) => Self::Start,
            Action::Reset | Action::Resume => Self::Resume,
            Action::Run(_) | Action::Continue => Self::Nothing,
        }
    }
}

impl Intent {
    /// Of a recovery that is about to begin.
    pub(super) fn new(session: &Session, instance: &Instance, plan: &Plan, asked_by: AskedBy, nth: usize) -> Self {
        let step = |step: &super::Step| Planned { command: step.shown.clone(), finish: Finish::of(&step.action) };
        Self {
            id: instance.id.clone(),
            vmid: instance.vmid,
            qmp: instance.qmp.clone(),
            boot: session.host.boot_id(),
            at: now(),
            asked_by,
            nth,
            cause: plan.treats.iter().map(|problem| problem.symptom.to_string()).collect(),
            evidence: plan.treats.iter().map(|problem| problem.text.clone()).collect(),
            steps: plan.steps.iter().map(step).collect(),
            begun: 0,
        }
    }

    /// Writes down that one more step begins.
    pub(super) fn begin(&mut self, session: &Session, step: usize) -> Result<()> {
        self.begun = step + 1;
        self.save(session)
    }

    pub(super) fn save(&self, session: &Session) -> Result<()> {
        state::save(&path(&session.host, &self.id), self)
    }

    /// What is told of it in the audit.
    pub(super) fn entry(&self, outcome: Ended, detail: String, after: Option<String>) -> Entry {
        Entry {
            at: self.at,
            id: self.id.clone(),
            asked_by: self.asked_by,
            nth: self.nth,
            cause: self.cause.clone(),
            evidence: self.evidence.clone(),
            commands: self.begun_commands(),
            outcome,
            detail,
            after,
            millis: now().saturating_sub(self.at),
        }
    }

    pub(super) fn begun_commands(&self) -> Vec<String> {
        self.steps.iter().take(self.begun).map(|step| step.command.clone()).collect()
    }
}

/// It has ended, and the audit says so.
pub(super) fn remove(session: &Session, id: &str) {
    if let Err(error) = state::remove(&path(&session.host, id)) {
        session.log.warn(&format!("{error:#}"));
    }
}

fn directory(host: &Host) -> PathBuf {
    host.run_dir().join("probe-recover")
}

fn path(host: &Host, id: &str) -> PathBuf {
    directory(host).join(format!("{}.json", file_name(id)))
}

/// What a recovery that was killed left undone, in a sentence; `None` where there is nothing, or it is still under way.
pub fn unfinished(host: &Host, id: &str) -> Option<String> {
    let intent: Intent = state::load(&path(host, id)).filter(|intent: &Intent| intent.id == id)?;
    let open = lock::holder(host, &lock_name(id)).is_none() && !audit::has_ended(host, id, intent.at);
    let done = intent.begun_commands().join("; ");
    open.then(|| format!("a recovery was interrupted; done of it: {}", if done.is_empty() { "nothing" } else { &done }))
}

/// Tells of every recovery that was interrupted, and finishes what must not stay undone. To be called before anything else
/// is done about a VM; those that are under way are left alone.
pub fn heal(session: &Session) -> Vec<Entry> {
    if session.dry_run || (session.host.is_live() && !nix::unistd::geteuid().is_root()) {
        return Vec::new();
    }
    let files = names(&directory(&session.host));
    let found = files.iter().filter_map(|name| state::load::<Intent>(&directory(&session.host).join(name)));
    let one = |intent: Intent| {
        let now = Deadline::after(Duration::ZERO);
        let _lock = Locks::take(&session.host, &[lock_name(&intent.id)], "heal a recovery", &now).ok()?;
        heal_one(session, &intent.id)
    };
    found.filter_map(one).collect()
}

/// The same for one instance, whose lock the caller has.
pub(super) fn heal_one(session: &Session, id: &str) -> Option<Entry> {
    let intent: Intent = state::load(&path(&session.host, id)).filter(|intent: &Intent| intent.id == id)?;
    if audit::has_ended(&session.host, id, intent.at) {
        remove(session, id);
        return None;
    }
    let done = finish(session, &intent);
    let detail = match &done {
        Ok(Some(what)) => format!("the program died in it; {what}"),
        Ok(None) => "the program died in it".to_owned(),
        Err(error) => format!("the program died in it, and to finish it failed: {error:#}"),
    };
    let entry = intent.entry(Ended::Interrupted, detail, None);
    audit::append(session, &entry);
    session.log.change(&format!("{}: recovery interrupted: {}", shown(id), entry.detail));
    remove(session, id);
    Some(entry)
}

fn finish(session: &Session, intent: &Intent) -> Result<Option<String>> {
    let last = intent.begun.checked_sub(1).and_then(|last| intent.steps.get(last));
    let same_boot = intent.boot == session.host.boot_id();
    let recent = now().saturating_sub(intent.at) < OLD;
    let Some(last) = last.filter(|_| same_boot && recent) else { return Ok(None) };
    match (last.finish, intent.vmid) {
        (Finish::Start, Some(vmid)) => restart(session, vmid),
        (Finish::Resume, _) => {
            let instance = Instance { qmp: intent.qmp.clone(), ..Instance::new(intent.id.clone(), Origin::Pve) };
            act::go_on_after_reset(&session.host, &instance)
        }
        _ => Ok(None),
    }
}

fn restart(session: &Session, vmid: u32) -> Result<Option<String>> {
    // `qm` may have outlived the one who called it.
    let deadline = Deadline::after(STILL);
    while config_lock::locked_by(&session.host, vmid).is_some() && !deadline.expired() {
        thread::sleep(TICK);
    }
    if pve::qemu_pid(&session.host, vmid).is_some() {
        return Ok(None);
    }
    let lock = pve::load(&session.host, vmid)?.lock;
    let lock = lock.or_else(|| Some(format!("by pid {}", config_lock::locked_by(&session.host, vmid)?)));
    if let Some(lock) = lock {
        let why = format!("VM {vmid} is stopped, and locked ({}): it was not started again", clean(&lock));
        return Fault::busy(why).next(format!("qm start {vmid}")).fail();
    }
    act::start(&session.host, vmid)?;
    Ok(Some(format!("it had stopped VM {vmid}, which was started again")))
}
