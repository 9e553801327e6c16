//! One screen of text for people.

use super::{
    diagnose::{NO_AGENT, unclaimed},
    evidence::{Configuration, Evidence, Form, Guest, HandleSide, HostSide, VmSide},
    finding::Severity,
    patient::Patient,
    report::Report,
};
use crate::report::{Colour, Output, Table};

/// The sentence that people look for.
const VISIBLE: &str = "✓ Coral TPU is VISIBLE in VM";

impl Report {
    /// The screen.
    pub fn text(&self, output: &Output) -> String {
        let mut parts: Vec<_> = self.corals.iter().map(|patient| self.one(patient, output)).collect();
        parts.extend((!self.pcie.is_empty()).then(|| self.pcie_text(output)));
        if self.corals.is_empty() && self.pcie.is_empty() && self.problems.is_empty() {
            parts.push("no Coral is here, and no VM is given one\n".into());
        }
        if !self.corals.is_empty() {
            parts.push(self.persistence_text());
        }
        parts.extend(self.problems.iter().map(|problem| format!("warning: {problem}\n")));
        parts.join("\n")
    }

    fn one(&self, patient: &Patient, output: &Output) -> String {
        let evidence = patient.evidence();
        let (state, severity) = patient.state();
        let mut text = title(evidence);
        let mut table = Table::default();
        table.row(["  host", &host(evidence)]);
        for vm in &evidence.vms {
            table.row(["  QEMU", &qemu(vm)]);
            table.row(["  guest", &guest(vm)]);
        }
        table.row(["  log", &log(evidence)]);
        if let Some(past) = self.past.iter().find(|trend| trend.last_week > 0 && trend.port == patient.name()) {
            table.row(["  past", &past.text()]);
        }
        text.push_str(&table.render());
        let mark = output.paint(colour(severity), &state.word().to_uppercase());
        // The headline's own sentence first.
        let (own, others): (Vec<_>, Vec<_>) = patient.findings.iter().partition(|finding| finding.state == state);
        for (n, finding) in own.into_iter().chain(others).enumerate() {
            let mark =
                if n == 0 { format!("  {mark}") } else { format!("  {:width$}", "", width = state.word().len()) };
            let tag = if finding.state == state {
                String::new()
            } else {
                format!("{}: ", finding.state.word().to_uppercase())
            };
            text.push_str(&format!("{mark}  {tag}{}\n", finding.text));
        }
        for action in &patient.actions {
            text.push_str(&format!("  {} {}: {}\n", action.rung, action.result, action.detail));
        }
        for left in self.left(patient) {
            text.push_str(&format!("  {}\n", left.text()));
        }
        if let Some(vm) = visible(evidence) {
            let line = format!("{VISIBLE} {}", vm.vmid);
            text.push_str(&format!("{}\n", output.paint(Colour::Green, &line)));
        }
        text.push_str(&self.closing(patient));
        text
    }

    pub(super) fn closing(&self, patient: &Patient) -> String {
        let advice = self.advice(patient);
        let Some(reboot) = advice.iter().find(|line| line.starts_with("qm reboot")) else {
            // What is typed elsewhere says so.
            let inside = advice.iter().position(|line| line.starts_with("docker ")).unwrap_or(advice.len());
            let mut text = indented("  next: ", &advice[..inside]);
            if inside < advice.len() {
                text.push_str("  next, in the VM:\n");
                text.push_str(&then(&advice[inside..]));
            }
            return text;
        };
        // What only people may decide stands by itself, with what comes after it.
        let at = advice.iter().position(|line| line == reboot).unwrap_or(0);
        let mut text = indented("  next: ", &advice[..at]);
        let first = if at > 0 { "if that does not help, " } else { "RECOMMENDED: " };
        text.push_str(&format!("⚠ {first}reboot the VM: {reboot}\n  then wait 30 to 60 seconds, and in the VM:\n"));
        text.push_str(&then(&advice[at + 1..]));
        text
    }

    fn pcie_text(&self, output: &Output) -> String {
        let mut table = Table::default();
        for coral in &self.pcie {
            let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".into());
            let temp = coral
                .temp_millicelsius
                .map_or_else(|| "-".into(), |t| format!("{}.{} °C", t / 1000, (t % 1000).abs() / 100));
            let resets = coral.reset_count.map_or_else(|| "-".into(), |n| format!("{n} resets"));
            let mark = output.paint(colour(coral.severity), &text(&coral.status));
            table.row([
                format!("PCIe Coral {}", coral.address),
                text(&coral.apex),
                text(&coral.driver),
                mark,
                temp,
                resets,
                coral.text.clone(),
            ]);
        }
        table.render()
    }

    fn persistence_text(&self) -> String {
        let seen = &self.persistence;
        let Some(by) = &seen.by else {
            let now = if seen.in_running_kernel { ", only the running kernel has it" } else { "" };
            let commands = indented("  ", &seen.commands);
            return format!(
                "power: after a reboot only the kernel's default keeps it on, which power saving tools change{now}; one of these does:\n{commands}"
            );
        };
        format!("power: stays on after a reboot ({by})\n")
    }
}

/// What comes after a cure, in the VM and on this host.
fn then(lines: &[String]) -> String {
    let on = |line: &String| if line.starts_with("coral-check") { "  and here: " } else { "    " };
    lines.iter().flat_map(|line| [on(line), line, "\n"]).collect()
}

fn indented(before: &str, lines: &[String]) -> String {
    lines.iter().flat_map(|line| [before, line, "\n"]).collect()
}

/// The VM whose guest was really asked and lists it, through a handle that is alive or a controller of its own.
pub(super) fn visible(evidence: &Evidence) -> Option<&VmSide> {
    let seen = |vm: &&VmSide| {
        let live = vm.handle == HandleSide::Live || (vm.form == Form::Controller && evidence.host.is_none());
        let attached = !matches!(&vm.qemu, Some(Ok(told)) if told.attached == Some(false));
        let same = match (&vm.guest, &evidence.host) {
            (Guest::Lists(ids), Some(host)) => ids.contains(&host.id) && ids.len() >= vm.given,
            (Guest::Lists(ids), None) => !ids.is_empty(),
            _ => false,
        };
        let works = evidence.host.as_ref().is_none_or(|host| works(host) && !unclaimed(host));
        vm.pid.is_some() && live && attached && works && same
    };
    evidence.vms.iter().find(seen)
}

/// Whether nothing on the host keeps it from working, whatever a guest goes on listing.
fn works(host: &HostSide) -> bool {
    host.authorized != Some(false)
        && host.configuration != Configuration::Empty
        && host.runtime_status.as_deref() != Some("suspended")
}

fn colour(severity: Severity) -> Colour {
    match severity {
        Severity::Ok => Colour::Green,
        Severity::Warning => Colour::Yellow,
        Severity::Critical => Colour::Red,
    }
}

fn title(evidence: &Evidence) -> String {
    match &evidence.host {
        Some(host) => format!("Coral {}  {}\n", host.port, host.id),
        None => format!("Coral {}\n", evidence.missed.port.as_deref().unwrap_or("(not on this host)")),
    }
}

fn host(evidence: &Evidence) -> String {
    let Some(host) = &evidence.host else { return "not listed".into() };
    let HostSide { speed_mbps, devnum, power_control, runtime_status, .. } = host;
    let mut words = Vec::new();
    words.extend(speed_mbps.map(|speed| format!("{speed} Mb/s")));
    words.extend(devnum.map(|devnum| format!("device {devnum}")));
    words.push(match &host.configuration {
        Configuration::Value(value) => format!("configuration {value}"),
        Configuration::Empty => "no configuration".into(),
        Configuration::Unknown => "configuration not known (its lock is held)".into(),
    });
    words.extend((host.authorized == Some(false)).then(|| "not authorized".into()));
    let power = power_control.as_ref().map(|control| match runtime_status {
        Some(status) => format!("power/control {control}, {status}"),
        None => format!("power/control {control}"),
    });
    words.extend(power);
    let driver = host.controller_driver.as_ref().map(|driver| format!(" ({driver})")).unwrap_or_default();
    words.extend(host.controller.as_ref().map(|controller| format!("controller {controller}{driver}")));
    words.join(", ")
}

fn qemu(vm: &VmSide) -> String {
    let line = format!("{} {}", vm.title(), vm.line());
    let Some(pid) = vm.pid else { return format!("{line}: stopped") };
    if vm.form == Form::Controller {
        return format!("{line}: running (pid {pid}), with the whole controller");
    }
    let handle = match &vm.handle {
        HandleSide::Live => "handle live".into(),
        HandleSide::Stale(what) => format!("handle STALE: {what}"),
        HandleSide::None => "no handle".into(),
        HandleSide::Unknown(why) => format!("handle not known: {why}"),
    };
    let told = match &vm.qemu {
        Some(Ok(told)) if !told.exists => format!(", it has no {}", vm.key),
        Some(Ok(told)) => {
            told.attached.map(|yes| if yes { ", attached" } else { ", NOT attached" }).unwrap_or_default().into()
        }
        Some(Err(why)) => format!(", its monitor: {why}"),
        None => String::new(),
    };
    format!("{line}: running (pid {pid}), {handle}{told}")
}

fn guest(vm: &VmSide) -> String {
    match &vm.guest {
        Guest::NotAsked => "not asked".into(),
        Guest::NoAgent => format!("not asked: {NO_AGENT}"),
        Guest::Unknown(why) => format!("not known: {why}"),
        Guest::Lists(ids) if ids.is_empty() => "does not list it".into(),
        Guest::Lists(ids) => format!("lists {}", ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
    }
}

fn log(evidence: &Evidence) -> String {
    match &evidence.events {
        None if evidence.host.is_none() && evidence.missed.port.is_none() => {
            "not asked: there is no port to look for".into()
        }
        None => "not known: the kernel's log cannot be read".into(),
        Some(events) => {
            let count = |n: u32, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
            let (resets, errors) = (count(events.resets, "reset"), count(events.link_errors, "link error"));
            let mut text = format!("{resets}, {errors} in the last hour");
            if let Some(last) = &events.last {
                text.push_str(&format!("; last: {last}"));
            }
            text
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coral::{BLANK, READY, diagnose::samples};

    #[test]
    fn visible_is_only_said_when_the_guest_was_asked_and_the_handle_is_live() {
        let with = |change: &dyn Fn(&mut VmSide)| {
            let mut evidence = samples::healthy();
            change(&mut evidence.vms[0]);
            visible(&evidence).map(|vm| vm.vmid)
        };
        assert_eq!(with(&|_| {}), Some(275));
        assert_eq!(with(&|vm| vm.handle = HandleSide::Stale("x".into())), None);
        assert_eq!(with(&|vm| vm.handle = HandleSide::Unknown("x".into())), None);
        assert_eq!(with(&|vm| vm.guest = Guest::NotAsked), None);
        assert_eq!(with(&|vm| vm.guest = Guest::Unknown("x".into())), None);
        assert_eq!(with(&|vm| vm.guest = Guest::Lists(vec![])), None);
        assert_eq!(with(&|vm| vm.guest = Guest::Lists(vec![BLANK])), None);
        assert_eq!(with(&|vm| vm.given = 2), None);
        assert_eq!(with(&|vm| vm.form = Form::Controller), Some(275));
        let mut unclaimed = samples::healthy();
        samples::host(&mut unclaimed).drivers = vec![None];
        assert!(visible(&unclaimed).is_none());
        let on_host = |change: &dyn Fn(&mut HostSide)| {
            let mut evidence = samples::healthy();
            change(samples::host(&mut evidence));
            visible(&evidence).is_some()
        };
        assert!(!on_host(&|host| host.configuration = Configuration::Empty));
        assert!(!on_host(&|host| host.authorized = Some(false)));
        assert!(!on_host(&|host| host.runtime_status = Some("suspended".into())));
        // Slower than it could be is no reason not to see it.
        assert!(on_host(&|host| host.speed_mbps = Some(480)));
        let inside = |vm: &mut VmSide| (vm.form, vm.handle) = (Form::Controller, HandleSide::None);
        assert_eq!(with(&inside), None);
        let mut evidence = samples::absent();
        evidence.vms = vec![samples::vm(275)];
        inside(&mut evidence.vms[0]);
        assert_eq!(visible(&evidence).map(|vm| vm.vmid), Some(275));
        evidence.vms[0].guest = Guest::Lists(vec![READY, BLANK]);
        assert!(visible(&evidence).is_some());
    }
}
