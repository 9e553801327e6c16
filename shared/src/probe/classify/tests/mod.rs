//! Every symptom, every innocent state, and evidence at random.

mod innocent;
mod random;
mod reports;
mod symptoms;

use super::{
    samples::{NOW, deep, disk, evidence, instance, nic, unknown},
    *,
};
use crate::{
    config::probe::Limits,
    probe::{
        evidence::{Agent, Checked, GuestMemory, Path, Pressure, Process, Rates, Sound},
        figure::Figure,
        instance::{Instance, Pod, Power},
    },
};
use proptest::prelude::*;
use serde_json::json;
use std::sync::Arc;

fn judge(evidence: &Evidence) -> Verdict {
    classify(evidence, &Limits::default(), NOW)
}

fn symptoms(verdict: &Verdict) -> Vec<String> {
    verdict.problems.iter().map(|problem| problem.symptom.to_string()).collect()
}

fn known<T>(value: T) -> Figure<T> {
    Figure::known("test", value)
}

fn process(pid: i32, state: ProcessState) -> Figure<Process> {
    known(Process { pid, state })
}

type Spoil = fn(&mut Instance, &mut Fast, &mut Deep);

fn remote(report: Result<serde_json::Value, &str>, unreachable: bool) -> Evidence {
    let mut evidence = Evidence::new(Arc::new(Instance::new("emulator-0", Origin::Kubernetes)));
    let report = report.map_err(str::to_owned);
    evidence.remote =
        Some(Arc::new(Remote { at: NOW, url: "http://10.0.0.1:8080/health".into(), report, unreachable }));
    evidence
}
