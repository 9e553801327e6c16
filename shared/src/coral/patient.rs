//! One Coral that is looked at, and what was done for it.

use super::{
    diagnose::diagnose,
    evidence::{Evidence, HandleSide},
    finding::{Finding, Severity, State, worst},
};
use crate::{fault::Fault, session::Session, usb::reset::Outcome};
use serde::{Deserialize, Serialize};

/// Something that was done, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    /// A rung of the ladder, or `vm-reboot`.
    pub rung: String,
    /// `worked`, `failed`, `refused`, `skipped`.
    pub result: String,
    /// How that is known, or why.
    pub detail: String,
}

/// One Coral, with what was found and done.
#[derive(Debug, Default)]
pub struct Patient {
    /// What is known, now.
    pub evidence: Evidence,
    /// What that means.
    pub findings: Vec<Finding>,
    /// What was done.
    pub actions: Vec<Action>,
    /// The state before anything was done.
    pub before: Option<State>,
    /// The error that a cure ended with.
    pub fault: Option<Fault>,
    /// The bus-ports of the other Corals: what is there is not this one.
    pub others: Vec<String>,
}

impl Patient {
    /// The Corals that were just looked at.
    pub fn all(cases: Vec<Evidence>) -> Vec<Self> {
        let mut patients: Vec<_> = cases.into_iter().map(Self::new).collect();
        let port = |patient: &Self| patient.evidence().host.as_ref().map(|host| host.port.clone());
        let ports: Vec<_> = patients.iter().filter_map(port).collect();
        for patient in &mut patients {
            let own = port(patient);
            patient.others = ports.iter().filter(|other| Some(*other) != own.as_ref()).cloned().collect();
        }
        patients
    }

    /// A Coral that was just looked at.
    pub fn new(evidence: Evidence) -> Self {
        let findings = diagnose(&evidence);
        Self { evidence, findings, ..Self::default() }
    }

    /// What is known of it.
    pub fn evidence(&self) -> &Evidence {
        &self.evidence
    }

    /// The worst that was found.
    pub fn state(&self) -> (State, Severity) {
        worst(&self.findings)
    }

    /// The last thing done that worked.
    pub fn worked(&self) -> Option<&Action> {
        self.actions.iter().rfind(|action| action.result == "worked")
    }

    /// Whether this run cured it: nothing is wrong any more, except that a guest gives no answer, which is asked through the
    /// handle that was verified.
    pub fn is_cured(&self) -> bool {
        let live = || self.evidence().vms.first().is_some_and(|vm| vm.handle == HandleSide::Live);
        let ill = self.before.is_some_and(|before| !matches!(before, State::Ok | State::GuestUnknown));
        let open = |finding: &Finding| finding.severity > Severity::Ok;
        let well = !self.findings.iter().any(open)
            || (live() && self.findings.iter().filter(|f| open(f)).all(|f| f.state == State::GuestUnknown));
        ill && well && self.worked().is_some()
    }

    /// How bad it is once this run is over: one that it cured is well, whatever a silent guest does not say.
    pub fn outcome(&self) -> Severity {
        if self.is_cured() { Severity::Ok } else { self.state().1 }
    }

    /// What it is called.
    pub fn name(&self) -> String {
        let evidence = self.evidence();
        let port = evidence.host.as_ref().map(|host| &host.port).or(evidence.missed.port.as_ref());
        let vm = || evidence.vms.first().map(|vm| format!("vm{}", vm.vmid));
        port.cloned().or_else(vm).unwrap_or_else(|| "usb".into())
    }

    pub(super) fn note(&mut self, session: &Session, rung: &str, outcome: &Outcome) {
        let (result, detail) = match outcome {
            Outcome::Worked(how) => ("worked", how),
            Outcome::Failed(why) => ("failed", why),
            Outcome::Refused(why) => ("refused", why),
            Outcome::Skipped(why) => ("skipped", why),
        };
        session.log.info(&format!("{}: {rung} {result}: {detail}", self.name()));
        self.actions.push(Action { rung: rung.into(), result: result.into(), detail: detail.clone() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coral::diagnose::samples;

    fn at(port: &str) -> Evidence {
        let mut evidence = samples::healthy();
        samples::host(&mut evidence).port = port.into();
        evidence
    }

    #[test]
    fn each_knows_the_others() {
        let patients = Patient::all(vec![at("1-1"), samples::absent(), at("2-3")]);
        let others: Vec<_> = patients.iter().map(|patient| patient.others.join(" ")).collect();
        assert_eq!(others, ["2-3", "1-1 2-3", "1-1"]);
    }
}
