//! Everything that one run found, and the document that programs get.

use super::{
    evidence::{HandleSide, VmSide},
    finding::Severity,
    history::Trend,
    left::{Left, left},
    offer::advice,
    patient::Patient,
    pcie::Pcie,
    persistence::Persistence,
};
use crate::fault::Code;
use serde_json::{Value, json};

/// One run.
#[derive(Debug)]
pub struct Report {
    /// The Corals on USB.
    pub corals: Vec<Patient>,
    /// The Corals on `PCIe`.
    pub pcie: Vec<Pcie>,
    /// Whether they stay awake after the next boot.
    pub persistence: Persistence,
    /// Configurations that could not be understood.
    pub problems: Vec<String>,
    /// What this run itself was to do and could not: to give back what an earlier one left off, to mail.
    pub failed: Vec<String>,
    /// How often which was treated lately.
    pub past: Vec<Trend>,
    /// Whether all Corals were looked at.
    pub whole: bool,
    /// Whether cures were asked for; in a dry run they are only told.
    pub cures: bool,
    /// Whether cures were tried.
    pub treated: bool,
}

impl Report {
    /// A look at all Corals that changed nothing and went well.
    #[cfg(test)]
    pub(super) fn of(host: &crate::host::Host, corals: Vec<Patient>) -> Self {
        Self {
            corals,
            pcie: super::pcie::corals(host),
            persistence: super::persistence::look(host),
            problems: vec![],
            failed: vec![],
            past: vec![],
            whole: true,
            cures: false,
            treated: false,
        }
    }

    /// The worst that this run leaves.
    pub fn outcome(&self) -> Severity {
        let corals = self.corals.iter().map(Patient::outcome);
        corals.chain(self.pcie.iter().map(|pcie| pcie.severity)).max().unwrap_or_default()
    }

    /// The exit code: 0 where nothing is wrong.
    pub fn code(&self) -> u8 {
        if self.outcome() == Severity::Ok {
            // What could not be read may hide what is wrong.
            return u8::from(!self.problems.is_empty() || !self.failed.is_empty());
        }
        // 3 and 5 say that nothing was changed.
        let untouched =
            |patient: &&Patient| patient.actions.iter().all(|a| a.result == "refused" || a.result == "skipped");
        let wedged = |patient: &&Patient| patient.fault.as_ref().is_some_and(|fault| fault.code == Code::Wedged);
        let bad = self.corals.iter().filter(|patient| patient.outcome() > Severity::Ok);
        let faults = bad.filter(|patient| untouched(patient) || wedged(patient));
        faults
            .filter_map(|patient| patient.fault.as_ref())
            .map(|fault| fault.code.number())
            .find(|code| *code > 1)
            .unwrap_or(1)
    }

    /// What to type for one of them.
    pub fn advice(&self, patient: &Patient) -> Vec<String> {
        let worked = patient.worked().is_some();
        let tried = self.treated && (worked || patient.state().1 == Severity::Critical);
        advice(patient.evidence(), &patient.findings, tried, worked)
    }

    /// What the cures leave as it is for one of them, where they were asked for.
    pub fn left(&self, patient: &Patient) -> Vec<Left> {
        let tried = !patient.actions.is_empty();
        if self.cures { left(patient.evidence(), &patient.findings, tried) } else { Vec::new() }
    }

    /// The document.
    pub fn document(&self) -> Value {
        let corals: Vec<_> = self.corals.iter().map(|patient| self.coral(patient)).collect();
        json!({ "corals": corals, "pcie": self.pcie, "persistence": self.persistence, "problems": self.problems })
    }

    fn coral(&self, patient: &Patient) -> Value {
        let evidence = patient.evidence();
        let (state, severity) = patient.state();
        let vms: Vec<_> = evidence.vms.iter().map(vm).collect();
        json!({
            "state": state,
            "severity": severity,
            "outcome": patient.outcome(),
            "host": evidence.host,
            "missed": evidence.host.is_none().then_some(&evidence.missed),
            "vm": vms.first(),
            "vms": vms,
            "events": evidence.events,
            "findings": patient.findings,
            "before": patient.before,
            "actions": patient.actions,
            "not_changed": self.left(patient),
            "advice": self.advice(patient),
        })
    }
}

fn vm(vm: &VmSide) -> Value {
    let detail = match &vm.handle {
        HandleSide::Stale(text) | HandleSide::Unknown(text) => Some(text),
        HandleSide::Live | HandleSide::None => None,
    };
    let told = vm.qemu.as_ref().and_then(|told| told.as_ref().ok());
    let why = match &vm.guest {
        super::evidence::Guest::Unknown(why) => Some(why.as_str()),
        super::evidence::Guest::NoAgent => Some(super::diagnose::NO_AGENT),
        _ => None,
    };
    json!({
        "vmid": vm.vmid,
        "name": vm.name,
        "config": vm.line(),
        "key": vm.key,
        "form": vm.form,
        "mapping_id": vm.mapping_id.map(|id| id.to_string()),
        "running": vm.pid.is_some(),
        "handle": vm.handle.word(),
        "handle_detail": detail,
        "attached": told.and_then(|told| told.attached),
        "qemu_unknown": vm.qemu.as_ref().and_then(|told| told.as_ref().err()),
        "guest": vm.guest.word(vm.given),
        "guest_unknown": why,
    })
}
