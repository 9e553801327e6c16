//! What may be done about it: plan, refusals, budget, intent, act, look again, audit. In this order, and the budget is taken
//! before anything is done, so that a program that dies in a recovery has used it up.
//!
//! The [`intent`] says what was begun: a recovery that was killed is told as interrupted by the next one who comes, who
//! finishes what would leave the VM worse than it was (stopped, or reset and not let go on), and repeats nothing.

mod act;
pub mod audit;
mod cause;
pub mod intent;
pub mod plan;
mod refuse;
mod run;
#[cfg(test)]
mod tests;

pub use audit::{Entry, entries};
pub use intent::heal;
pub use plan::{Plan, Step};
pub use run::run;

use super::{evidence::Evidence, service, verdict::Verdict};
use crate::{
    budget::{self, Budget},
    fault::Fault,
    session::Session,
};
use serde::{Deserialize, Serialize};

/// So many recoveries of one instance in an hour.
pub const MOST: usize = 3;
/// The books of all recoveries, whoever asked for them.
const BOOK: Budget = Budget { name: "probe-recoveries", most: MOST };
/// How long to wait after the first, the second and the third recovery within the hour, in seconds.
const BACK_OFF: [u64; MOST] = [60, 5 * 60, 20 * 60];

/// The books of all instances, as they were read.
pub type Books = budget::Read;

/// Who wants a recovery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AskedBy {
    /// A person at the command line, who typed `--apply`: neither policy nor damping is needed then.
    Person,
    /// Somebody with the token of the API: the same.
    Api,
    /// The policy alone.
    Policy,
}

impl AskedBy {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Api => "api",
            Self::Policy => "policy",
        }
    }
}

/// What only the caller knows.
#[derive(Debug, Clone)]
pub struct Context {
    /// Who wants it.
    pub asked_by: AskedBy,
    /// Skip the damping and the back-off; never a refusal or the budget.
    pub force: bool,
    /// How many VMs of the node are ill just now, this one included.
    pub ill_at_once: usize,
    /// Whether it was seen often enough; if not, why not. Nobody has to prove that to a person.
    pub settled: Result<(), String>,
}

/// What came of a recovery.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// How it ended.
    pub result: Ended,
    /// A sentence for people.
    pub text: String,
    /// The commands that were run, in their order.
    pub commands: Vec<String>,
    /// What was found afterwards.
    pub verdict: Verdict,
}

/// How a recovery ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ended {
    /// It was begun, and has not ended.
    Begun,
    /// The symptom is gone.
    Recovered,
    /// The symptom is still there, or a step failed.
    Failed,
    /// The steps were done, and whether that helped cannot be told.
    Unknown,
    /// The program died in it.
    Interrupted,
    /// Nothing was wrong any more when it was looked at again.
    Needless,
    /// It was a dry run.
    Planned,
}

impl Ended {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Begun => "begun",
            Self::Recovered => "recovered",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
            Self::Interrupted => "interrupted",
            Self::Needless => "needless",
            Self::Planned => "planned",
        }
    }
}

/// What would be done, and why it may not.
pub fn preview(session: &Session, evidence: &Evidence, verdict: &Verdict, context: &Context) -> service::Recovery {
    preview_by(session, evidence, verdict, context, &books(session))
}

/// The books of all instances, to be read once for a round of previews.
pub fn books(session: &Session) -> Books {
    BOOK.read(&session.host)
}

/// The same with books that were read before.
pub fn preview_by(
    session: &Session,
    evidence: &Evidence,
    verdict: &Verdict,
    context: &Context,
    books: &Books,
) -> service::Recovery {
    let id = &evidence.instance.id;
    let used = books.times(id);
    let plan = plan::plan(&session.host, evidence, verdict, &session.config.probe.recovery);
    let refused = || {
        let refused = refuse::look(session, evidence, verdict, &plan, context);
        refused.or_else(|| refuse::budget(&used, books.doubt(id))).or_else(|| busy(session, id)).map(|fault| fault.what)
    };
    service::Recovery {
        needed: verdict.recovery_needed,
        plan: plan.commands(),
        attempts_last_hour: used.as_ref().map_or(MOST, Vec::len),
        max_attempts: MOST,
        refused_because: verdict.recovery_needed.then(refused).flatten(),
    }
}

/// The lock on recoveries of one instance.
fn lock_name(id: &str) -> String {
    format!("recover-{}", file_name(id))
}

fn busy(session: &Session, id: &str) -> Option<Fault> {
    let holder = crate::lock::holder(&session.host, &lock_name(id))?;
    let who = holder.living_pid().map_or_else(|| format!("by {}", holder.title()), |pid| format!("pid {pid}"));
    Some(Fault::busy(format!("another recovery of {} is under way ({who})", shown(id))))
}

/// An id as the name of a file: ids are chosen by others.
fn file_name(id: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let coded = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02x}") };
    let mut name: String = id.bytes().map(coded).collect();
    name.truncate(120);
    name
}

/// An id in a sentence.
fn shown(id: &str) -> String {
    super::classify::clean(id)
}
