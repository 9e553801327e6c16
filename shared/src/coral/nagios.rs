//! One line for monitoring systems that run plugins: the state, and figures behind a bar.

use super::{
    evidence::Evidence,
    finding::{Severity, State},
    patient::Patient,
    report::Report,
};

/// The line, and the exit code: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.
pub fn line(report: &Report) -> (String, u8) {
    let severity = report.outcome();
    let worst: Vec<_> = report.corals.iter().filter(|patient| patient.outcome() == severity).collect();
    let unknown = severity == Severity::Warning
        && !worst.is_empty()
        && worst.iter().all(|patient| patient.state().0 == State::GuestUnknown)
        && report.pcie.iter().all(|pcie| pcie.severity < severity);
    let (word, code) = match severity {
        _ if unknown => ("UNKNOWN", 3),
        // What could not be read may hide what is wrong.
        Severity::Ok if !report.problems.is_empty() => ("UNKNOWN", 3),
        Severity::Ok if report.failed.is_empty() => ("OK", 0),
        Severity::Ok | Severity::Warning => ("WARNING", 1),
        Severity::Critical => ("CRITICAL", 2),
    };
    let mut texts: Vec<_> = report.corals.iter().map(sentence).collect();
    texts.extend(report.pcie.iter().map(|pcie| format!("{} {}", pcie.address, pcie.text)));
    texts.extend(report.problems.iter().chain(&report.failed).cloned());
    if texts.is_empty() {
        texts.push("no Coral is here, and no VM is given one".into());
    }
    let figures: Vec<_> =
        report.corals.iter().flat_map(|patient| figures(&patient.name(), patient.evidence())).collect();
    // A bar or a line break in a message would end it.
    let text: String = texts.join("; ").chars().map(|c| if c == '|' || c.is_control() { ' ' } else { c }).collect();
    let bar = if figures.is_empty() { String::new() } else { format!(" | {}", figures.join(" ")) };
    (format!("CORAL {word} - {text}{bar}"), code)
}

fn sentence(patient: &Patient) -> String {
    let (state, _) = patient.state();
    let text =
        patient.findings.iter().find(|finding| finding.state == state).map_or("", |finding| finding.text.as_str());
    let cured = patient.worked().filter(|_| patient.is_cured());
    let cured = cured.map(|by| format!("cured by {}, now ", by.rung)).unwrap_or_default();
    format!("{} {cured}{state}: {text}", patient.name())
}

fn figures(name: &str, evidence: &Evidence) -> Vec<String> {
    let mut figures = Vec::new();
    if let Some(speed) = evidence.host.as_ref().and_then(|host| host.speed_mbps) {
        figures.push(format!("'{name}_speed'={speed}"));
    }
    if let Some(events) = &evidence.events {
        figures.push(format!("'{name}_resets'={};{}", events.resets, evidence.resets_allowed));
        figures.push(format!("'{name}_link_errors'={}", events.link_errors));
    }
    figures
}
