//! A file for `node_exporter`'s textfile collector.

use super::{budget, evidence::HandleSide, finding::State, history, report::Report};
use crate::{fault::Fault, host::Host, session::Session, state};
use anyhow::{Context, Result};
use std::{collections::BTreeSet, fs, os::unix::fs::PermissionsExt, path::Path};

/// A metric: its name, what it means, and its samples (labels and value).
type Family = (&'static str, &'static str, Vec<(Vec<(&'static str, String)>, String)>);

/// Writes the file: a temporary one beside it, then renamed over it, so that nobody reads half of one.
pub fn write(session: &Session, report: &Report, path: &Path) -> Result<()> {
    let shown = path.display();
    if session.dry_run {
        session.would(&format!("write {shown}"));
        return Ok(());
    }
    // By rename, /dev/null would become a file.
    if fs::symlink_metadata(path).is_ok_and(|meta| !meta.is_file()) {
        return Fault::usage(format!("--metrics {shown}: is there, and is no regular file")).fail();
    }
    if !path.parent().is_some_and(|dir| dir.as_os_str().is_empty() || dir.is_dir()) {
        let dir = path.parent().unwrap_or(path).display();
        let next = if dir.to_string() == "/var/lib/prometheus/node-exporter" {
            "apt install prometheus-node-exporter".to_owned()
        } else {
            format!("mkdir -p {dir}")
        };
        return Fault::usage(format!("--metrics {shown}: no such directory")).next(next).fail();
    }
    // The current directory has to be named for a file to be put beside it.
    let path = std::path::absolute(path)?;
    let written = state::replace(&path, text(&session.host, report).as_bytes());
    // node_exporter runs as another user, whatever our umask is.
    let readable = written.and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(0o644)));
    readable.with_context(|| format!("cannot write {shown}"))
}

fn families(host: &Host, report: &Report) -> Vec<Family> {
    let mut states: Family = ("pve_hooks_coral_state", "1 for the state that the Coral is in", Vec::new());
    let mut severity: Family = ("pve_hooks_coral_severity", "0 ok, 1 warning, 2 critical", Vec::new());
    let mut speed: Family = ("pve_hooks_coral_speed_mbps", "Speed of the link", Vec::new());
    let mut resets: Family = ("pve_hooks_coral_resets_last_hour", "Resets in the last hour", Vec::new());
    let mut errors: Family =
        ("pve_hooks_coral_link_errors_last_hour", "Errors of the link in the last hour", Vec::new());
    let mut live: Family =
        ("pve_hooks_coral_handle_live", "1 where QEMU holds a live handle; absent where not known", Vec::new());
    let mut seen: Family =
        ("pve_hooks_coral_guest_visible", "1 where the guest lists it; absent where not known", Vec::new());
    let mut reboots: Family = ("pve_hooks_coral_auto_reboots_last_hour", "Reboots out of the budget", Vec::new());
    let mut treated: Family =
        ("pve_hooks_coral_recoveries_last_day", "How often it was treated in the last 24 hours", Vec::new());
    let past = history::read(host).map(|(entries, _)| history::trend(&entries, history::now())).ok();
    let mut pcie: Family =
        ("pve_hooks_coral_pcie_severity", "0 ok, 1 warning, 2 critical: a Coral on PCIe", Vec::new());
    let mut temp: Family = ("pve_hooks_coral_pcie_temperature_celsius", "Temperature of a Coral on PCIe", Vec::new());
    for patient in &report.corals {
        let evidence = patient.evidence();
        // As it was found, like the state beside it, and not as this run leaves it (`Patient::outcome`): these are looked at
        // over time, and the exit code, which is about one run, knows that a silent guest is no news after a cure.
        let (state, grade) = patient.state();
        let port = || vec![("port", patient.name())];
        for other in State::ALL {
            let labels = [port(), vec![("state", other.word().into())]].concat();
            states.2.push((labels, u8::from(*other == state).to_string()));
        }
        severity.2.push((port(), (grade as u8).to_string()));
        if let Some(past) = &past {
            let own = past.iter().find(|trend| trend.port == patient.name());
            treated.2.push((port(), own.map_or(0, |trend| trend.last_day).to_string()));
        }
        let known = evidence.host.as_ref().and_then(|host| host.speed_mbps);
        speed.2.extend(known.map(|speed| (port(), speed.to_string())));
        if let Some(events) = &evidence.events {
            resets.2.push((port(), events.resets.to_string()));
            errors.2.push((port(), events.link_errors.to_string()));
        }
        for vm in evidence.vms.iter().filter(|vm| vm.pid.is_some()) {
            let labels = || [port(), vec![("vmid", vm.vmid.to_string())]].concat();
            if !matches!(vm.handle, HandleSide::Unknown(_)) {
                live.2.push((labels(), u8::from(vm.handle == HandleSide::Live).to_string()));
            }
            let word = vm.guest.word(vm.given);
            seen.2.extend((word != "unknown").then(|| (labels(), u8::from(word == "visible").to_string())));
            reboots.2.push((labels(), budget::used(host, vm.vmid).to_string()));
        }
    }
    for coral in &report.pcie {
        let celsius = coral
            .temp_millicelsius
            .map(|t| format!("{}{}.{:03}", if t < 0 { "-" } else { "" }, t.abs() / 1000, t.abs() % 1000));
        pcie.2.push((vec![("address", coral.address.clone())], (coral.severity as u8).to_string()));
        temp.2.extend(celsius.map(|celsius| (vec![("address", coral.address.clone())], celsius)));
    }
    let run: Family = (
        "pve_hooks_coral_last_run_timestamp_seconds",
        "When this file was written: one that grows old says nothing any more",
        vec![(Vec::new(), history::now().to_string())],
    );
    vec![states, severity, speed, resets, errors, live, seen, reboots, treated, pcie, temp, run]
}

fn text(host: &Host, report: &Report) -> String {
    let mut text = String::new();
    for (name, help, samples) in families(host, report).into_iter().filter(|(_, _, samples)| !samples.is_empty()) {
        text.push_str(&format!("# HELP {name} {help}.\n# TYPE {name} gauge\n"));
        // node_exporter drops the whole file where one series is there twice: two places without a port, of one VM.
        let mut written = BTreeSet::new();
        for (labels, value) in samples {
            let labels: Vec<_> = labels.iter().map(|(key, value)| format!("{key}=\"{}\"", escaped(value))).collect();
            let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
            if written.insert(labels.clone()) {
                text.push_str(&format!("{name}{labels} {value}\n"));
            }
        }
    }
    text
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::Config,
        coral::{
            diagnose::samples,
            evidence::{Evidence, Guest},
            patient::Patient,
        },
        deadline::Deadline,
        log::Log,
        report::Output,
    };
    use std::time::Duration;

    fn report(host: &Host, evidence: Evidence) -> Report {
        Report::of(host, vec![Patient::new(evidence)])
    }

    #[test]
    fn the_file_is_what_node_exporter_reads() {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::new(dir.path());
        let file = dir.path().join("coral.prom");
        let report = report(&host, samples::healthy());
        let deadline = Deadline::after(Duration::from_secs(20));
        let session = Session::new(host, Config::default(), deadline, Log::new("test", -1), Output::new(false));
        write(&session, &report, &file).unwrap();
        let text = fs::read_to_string(&file).unwrap();
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o644);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no temporary file stays");
        assert!(text.contains(
            "# TYPE pve_hooks_coral_state gauge\npve_hooks_coral_state{port=\"2-3\",state=\"host_absent\"} 0\n"
        ));
        assert!(text.contains("pve_hooks_coral_state{port=\"2-3\",state=\"ok\"} 1\n"), "{text}");
        assert!(text.ends_with('\n'));
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (series, value) = line.rsplit_once(' ').unwrap();
            assert!((series.ends_with('}') || series.ends_with("_seconds")) && value.parse::<f64>().is_ok(), "{line}");
        }
    }

    #[test]
    fn no_series_is_there_twice_and_recoveries_are_counted() {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::new(dir.path());
        let mut report = report(&host, samples::healthy());
        report.corals.push(Patient::new(samples::healthy()));
        let text = text(&host, &report);
        let mut series: Vec<_> =
            text.lines().filter_map(|line| line.rsplit_once(' ')).map(|(series, _)| series).collect();
        let all = series.len();
        series.sort_unstable();
        series.dedup();
        assert_eq!(series.len(), all, "{text}");
        assert!(text.contains("pve_hooks_coral_recoveries_last_day{port=\"2-3\"} 0\n"), "{text}");
    }

    #[test]
    fn what_is_unknown_has_no_sample() {
        let mut evidence = samples::healthy();
        evidence.vms[0].guest = Guest::Unknown("agent".into());
        evidence.vms[0].handle = HandleSide::Unknown("hidden".into());
        evidence.events = None;
        let host = Host::new("/nonexistent");
        let text = text(&host, &report(&host, evidence));
        for name in ["guest_visible", "handle_live", "resets"] {
            assert!(!text.contains(name), "{text}");
        }
    }
}
