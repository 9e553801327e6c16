//! What can be found, and how bad it is.

use serde::Serialize;
use std::fmt;

/// How bad something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// As it should be.
    #[default]
    Ok,
    /// Worth a look.
    Warning,
    /// Nothing can use the Coral.
    Critical,
}

macro_rules! states {
    ($($(#[$doc:meta])* $name:ident = $word:literal;)*) => {
        /// The state of a Coral, in the order in which they are looked for: of two that are equally bad the earlier counts.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, serde::Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum State { $($(#[$doc])* $name,)* }

        impl State {
            /// Every state.
            pub const ALL: &[State] = &[$(State::$name,)*];

            /// Its word in JSON and metrics.
            pub fn word(self) -> &'static str {
                match self { $(State::$name => $word,)* }
            }
        }
    };
}

states! {
    /// The host does not list it.
    HostAbsent = "host_absent";
    /// Somebody forbade its use.
    Deauthorized = "deauthorized";
    /// It has no configuration: refused, or it does not answer.
    Hung = "hung";
    /// The kernel put it to sleep.
    Suspended = "suspended";
    /// Its link is slower than it can be.
    WrongSpeed = "wrong_speed";
    /// No VM is given it.
    HostOnly = "host_only";
    /// A VM's configuration names it in a way that loses it.
    ConfigFragile = "config_fragile";
    /// Its VM does not run.
    VmStopped = "vm_stopped";
    /// QEMU holds a dead handle on it.
    QemuStale = "qemu_stale";
    /// QEMU does not hold it.
    QemuDetached = "qemu_detached";
    /// QEMU has it open, but not claimed.
    ClaimLost = "claim_lost";
    /// What the guest sees is not known.
    GuestUnknown = "guest_unknown";
    /// The guest does not list it.
    GuestMissing = "guest_missing";
    /// Its firmware is not loaded yet.
    Uninitialised = "uninitialised";
    /// It works, with too many resets or errors.
    Degraded = "degraded";
    /// As it should be.
    #[default]
    Ok = "ok";
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which.
    pub state: State,
    /// How bad it is here.
    pub severity: Severity,
    /// The sentence, with what it rests on.
    pub text: String,
    /// The next command to type.
    pub next: Option<String>,
}

impl Finding {
    /// Something that was found.
    pub fn new(state: State, severity: Severity, text: impl Into<String>) -> Self {
        Self { state, severity, text: text.into(), next: None }
    }

    /// Whether the VM that should have it has lost it. A second VM that is given it too has lost nothing.
    pub fn is_lost(&self) -> bool {
        let lost = [State::QemuStale, State::QemuDetached, State::GuestMissing];
        self.state == State::ClaimLost || (self.severity == Severity::Critical && lost.contains(&self.state))
    }

    /// Adds the next command.
    #[must_use]
    pub fn next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }
}

/// The worst of what was found.
pub fn worst(findings: &[Finding]) -> (State, Severity) {
    let by_badness = |a: &&Finding, b: &&Finding| a.severity.cmp(&b.severity).then(b.state.cmp(&a.state));
    findings.iter().max_by(by_badness).map(|finding| (finding.state, finding.severity)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_counts_and_of_two_the_earlier() {
        let finding = |state, severity| Finding::new(state, severity, "");
        assert_eq!(worst(&[]), (State::Ok, Severity::Ok));
        let mut found = vec![
            finding(State::Uninitialised, Severity::Ok),
            finding(State::VmStopped, Severity::Ok),
            finding(State::Ok, Severity::Ok),
        ];
        assert_eq!(worst(&found), (State::VmStopped, Severity::Ok));
        found.push(finding(State::GuestMissing, Severity::Critical));
        found.push(finding(State::Suspended, Severity::Warning));
        found.push(finding(State::QemuStale, Severity::Critical));
        assert_eq!(worst(&found), (State::QemuStale, Severity::Critical));
    }

    #[test]
    fn json_and_metrics_use_the_same_words() {
        for state in State::ALL {
            assert_eq!(serde_json::to_value(state).unwrap(), state.word());
        }
    }
}
