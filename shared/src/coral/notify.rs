//! Mail: when a state changes, when a Coral was cured, and once a day while it is bad. What was mailed is remembered on disk.

mod post;
#[cfg(test)]
mod tests;

use super::{
    finding::{Severity, State},
    history::now,
    patient::Patient,
    report::Report,
};
use crate::{session::Session, state};
use anyhow::{Error, Result};
use post::Post;
use serde::{Deserialize, Serialize};
use std::{cell::Cell, collections::BTreeMap};

/// How often is reminded of a Coral that stays bad.
const DAY: u64 = 24 * 60 * 60;
/// One that is cured again and again is mailed once in this time, and counted meanwhile.
const HOUR: u64 = 60 * 60;
/// What was mailed last about one Coral.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Told {
    state: String,
    severity: Severity,
    at: u64,
    /// When a cure was mailed last.
    #[serde(default)]
    cured: Option<u64>,
    /// Cures since then that were not.
    #[serde(default)]
    unmailed: u32,
}

/// Why there is a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    Changed,
    Reminder,
}

/// A Coral as this run leaves it.
struct Seen {
    name: String,
    state: String,
    severity: Severity,
    letter: String,
    /// What this run cured it by, and what it was.
    cure: Option<(String, String)>,
}

/// Mails what is due, and returns what failed. A mail that was not accepted is tried again by the next run, and keeps
/// nothing of the others back.
pub fn notify(session: &Session, report: &Report) -> Vec<Error> {
    let post = Post { session, hung: Cell::default() };
    let path = session.host.lib_dir().join("coral-notify.json");
    let mut told: BTreeMap<String, Told> = state::load(&path).unwrap_or_default();
    let before = told.clone();
    let corals = report.corals.iter().map(|patient| {
        let (state, severity) = patient.state();
        let (letter, cure) = (letter(report, patient), cure(patient));
        Seen { name: patient.name(), state: state.to_string(), severity, letter, cure }
    });
    let pcie = report.pcie.iter().map(|coral| {
        let letter = format!("{}\n\nNext:\n  coral-check\n", coral.text);
        let (name, state) = (coral.address.clone(), coral.text.clone());
        Seen { name, state, severity: coral.severity, letter, cure: None }
    });
    let seen: Vec<_> = corals.chain(pcie).collect();
    let mut failed = Vec::new();
    for coral in &seen {
        failed.extend(tell(&post, &mut told, coral).err());
    }
    // What was ill where no Coral is looked for any more is so no longer: it is at another port, or nobody's.
    let gone = |name: &String| report.whole && !seen.iter().any(|other| other.name == *name);
    for (name, last) in before.iter().filter(|(name, _)| gone(name)) {
        match tell_over(&post, name, last, &seen) {
            Ok(()) => drop(told.remove(name)),
            Err(error) => failed.push(error),
        }
    }
    if !session.dry_run && told != before {
        failed.extend(state::save(&path, &told).err());
    }
    failed
}

/// One Coral: its cure, else the cures that were only counted, and its state.
fn tell(post: &Post<'_>, told: &mut BTreeMap<String, Told>, coral: &Seen) -> Result<()> {
    let Seen { name, state, severity, letter, .. } = coral;
    let last = told.get(name).cloned();
    let (mailed, unmailed) = last.as_ref().map_or((None, 0), |last| (last.cured, last.unmailed));
    let mut now = Told { state: state.clone(), severity: *severity, at: now(), cured: mailed, unmailed };
    if let Some((what, was)) = cured(last.as_ref(), &now, coral.cure.as_ref()) {
        now.unmailed += 1;
        let sent = what.map(|what| post.mail(name, &format!("{what}{was}"), Why::Changed, None, letter)).transpose();
        let kept = match &sent {
            // The next run finds nothing to cure: it mails what is counted, and the state, of which nobody knows either.
            Err(_) => {
                now.cured = None;
                let well = || Told { state: State::Ok.to_string(), severity: Severity::Ok, ..now.clone() };
                Some(last.unwrap_or_else(well))
            }
            Ok(mailed) => {
                if mailed.is_some() {
                    (now.cured, now.unmailed) = (Some(now.at), 0);
                }
                // What a cure leaves is told when it is still so the next time: a guest may need a while.
                last.filter(|last| last.severity < Severity::Critical && now.severity > Severity::Ok)
            }
        };
        if let Some(kept) = kept {
            (now.state, now.severity, now.at) = (kept.state, kept.severity, kept.at);
        }
        told.insert(name.clone(), now);
        return sent.map(drop);
    }
    if let Some(summary) = summary(&now) {
        post.mail(name, &summary, Why::Changed, None, letter)?;
        (now.cured, now.unmailed) = (Some(now.at), 0);
        if let Some(last) = told.get_mut(name) {
            (last.cured, last.unmailed) = (now.cured, 0);
        }
    }
    match due(last.as_ref(), &now) {
        Some(why) => post.mail(name, state, why, last.as_ref(), letter)?,
        None if last.is_some() => return Ok(()),
        None => {}
    }
    told.insert(name.clone(), now);
    Ok(())
}

/// One that is looked for no more; only of what was ill.
fn tell_over(post: &Post<'_>, name: &str, last: &Told, seen: &[Seen]) -> Result<()> {
    if last.severity == Severity::Ok {
        return Ok(());
    }
    let now: String = seen.iter().flat_map(|coral| [&coral.name, ": ", &coral.state, "\n"]).collect();
    post.mail(name, "over", Why::Changed, Some(last), &now)
}

/// What this run cured, and what it was.
fn cure(patient: &Patient) -> Option<(String, String)> {
    let by = patient.worked().filter(|_| patient.is_cured())?;
    let before = patient.before.map(|before| before.to_string()).unwrap_or_default();
    Some((by.rung.clone(), before))
}

/// How a cure is mailed, and what it was; without words it is only counted, since one was mailed within the hour. That one
/// of which it was mailed that it is ill works again is always mailed.
fn cured(last: Option<&Told>, now: &Told, cure: Option<&(String, String)>) -> Option<(Option<String>, String)> {
    let (by, was) = cure?;
    let bad = last.is_some_and(|last| last.severity == Severity::Critical);
    let lately = now.cured.is_some_and(|at| now.at.abs_diff(at) < HOUR);
    let more = if now.unmailed > 0 { format!(", after {} unmailed cures", now.unmailed) } else { String::new() };
    let what = (bad || !lately).then(|| format!("cured by {by}{more}"));
    Some((what, format!(" (was {was}, is {})", now.state)))
}

/// Cures that were only counted are told once the hour is over.
fn summary(now: &Told) -> Option<String> {
    let over = now.cured.is_none_or(|at| now.at.abs_diff(at) >= HOUR);
    (now.unmailed > 0 && over).then(|| format!("cured again, times: {} (coral-check history)", now.unmailed))
}

fn due(last: Option<&Told>, now: &Told) -> Option<Why> {
    match last {
        // What is well from the start is no news.
        None => (now.severity > Severity::Ok).then_some(Why::Changed),
        Some(last) if (&last.state, last.severity) != (&now.state, now.severity) => {
            (last.severity.max(now.severity) > Severity::Ok).then_some(Why::Changed)
        }
        // Also when the clock was set back by a day.
        Some(last) => (now.severity > Severity::Ok && now.at.abs_diff(last.at) >= DAY).then_some(Why::Reminder),
    }
}

fn letter(report: &Report, patient: &Patient) -> String {
    let mut text = String::new();
    if let Some((by, was)) = cure(patient) {
        text.push_str(&format!("It was {was}; {by} cured it. What used it in the VM has to begin anew.\n\n"));
    }
    let findings = patient.findings.iter().flat_map(|finding| [finding.state.word(), ": ", &finding.text, "\n"]);
    text.extend(findings);
    for action in &patient.actions {
        text.push_str(&format!("done: {} {}: {}\n", action.rung, action.result, action.detail));
    }
    for left in report.left(patient) {
        text.push_str(&format!("{}\n", left.text()));
    }
    let closing = report.closing(patient);
    if !closing.is_empty() {
        text.push_str(&format!("\n{closing}"));
    }
    text
}
