//! One report to paste into a bug report: the host, every GPU with its hardware against the snapshot of when it last worked,
//! who has it open, the VMs, and what was done last.

use super::{
    assigned::{Assigned, assigned},
    baseline::{Baseline, Difference},
    history, holders,
    record::{Record, now},
    status::{Status, status},
    unit::Unit,
    verdict::State,
    world::World,
};
use crate::{
    host::names,
    proc::{self, Opener},
    pve,
    report::Table,
    session::Session,
    sysfs,
};
use anyhow::Result;
use serde::Serialize;
use std::{fmt::Write, time::Duration};

/// The whole report.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The version of this program.
    pub version: &'static str,
    /// The version of Proxmox VE.
    pub pve: Option<String>,
    /// The running kernel.
    pub kernel: String,
    /// The kernel's command line, as far as it is about IOMMU, VFIO and PCI.
    pub cmdline: String,
    /// How many IOMMU groups there are; none means that the IOMMU is off.
    pub iommu_groups: usize,
    /// Processes inside a write to sysfs that does not end.
    pub blocked_writers: Vec<String>,
    /// Configurations that could not be understood.
    pub config_problems: Vec<String>,
    /// The GPUs.
    pub gpus: Vec<Patient>,
    /// The last operations, oldest first.
    pub last_operations: Vec<history::Entry>,
}

/// One GPU.
#[derive(Debug, Serialize)]
pub struct Patient {
    /// As `gpu-bind status` says it.
    #[serde(flatten)]
    pub status: Status,
    /// What the configurations of its VMs say.
    pub vm_configs: Vec<Assigned>,
    /// Processes of the host that have it open.
    pub openers: Vec<String>,
    /// What is remembered of a move in this boot.
    pub record: Option<Record>,
    /// How long ago it last worked on the host, in seconds.
    pub worked_seconds_ago: Option<u64>,
    /// What differs from then.
    pub differences: Vec<Difference>,
    /// What to do.
    pub advice: Vec<String>,
}

impl Report {
    /// Whether anything is wrong.
    pub fn is_healthy(&self) -> bool {
        let sound = |gpu: &Patient| gpu.status.is_consistent() && gpu.status.use_unknown.is_none();
        self.blocked_writers.is_empty() && self.config_problems.is_empty() && self.gpus.iter().all(sound)
    }
}

/// Examines units.
pub fn examine(session: &Session, units: &[Unit]) -> Result<Report> {
    let host = &session.host;
    let world = World::load(host);
    let statuses = status(session, units, &world)?;
    let gpus = units.iter().zip(statuses).map(|(unit, status)| patient(session, unit, status, &world)).collect();
    let cmdline = sysfs::read(&host.kernel_cmdline()).unwrap_or_default();
    let relevant = ["iommu", "vfio", "pci", "video=", "nomodeset", "blacklist", "amdgpu", "nouveau", "nvidia", "i915"];
    let words = cmdline.split_whitespace().filter(|word| relevant.iter().any(|part| word.contains(part)));
    Ok(Report {
        version: env!("CARGO_PKG_VERSION"),
        pve: pve::version::version(host),
        kernel: host.kernel_release(),
        cmdline: words.collect::<Vec<_>>().join(" "),
        iommu_groups: names(&host.iommu_groups()).len(),
        blocked_writers: proc::blocked_writers(host).iter().map(proc::BlockedWriter::title).collect(),
        config_problems: world.problems.clone(),
        gpus,
        last_operations: history::last(host, 10),
    })
}

fn patient(session: &Session, unit: &Unit, status: Status, world: &World) -> Patient {
    let host = &session.host;
    let record = Some(Record::load(host, unit)).filter(Record::exists);
    let baseline = Baseline::load(host, unit);
    let today = Baseline::take(host, unit, &status.seen);
    // On vfio-pci nearly everything differs and nothing of it is wrong.
    let comparable = baseline.as_ref().filter(|_| status.state != State::Vfio);
    let openers = holders::host_openers(host, unit);
    Patient {
        vm_configs: assigned(host, &status),
        openers: openers.found.iter().map(Opener::title).chain(openers.blind.clone()).collect(),
        worked_seconds_ago: baseline.as_ref().map(|b| now().saturating_sub(b.at)),
        differences: comparable.map(|then| then.differences(&today)).unwrap_or_default(),
        advice: advice(session, &status, world),
        record,
        status,
    }
}

fn advice(session: &Session, status: &Status, world: &World) -> Vec<String> {
    let gpu = status.address;
    let mut lines: Vec<String> = status.problems.clone();
    if names(&session.host.iommu_groups()).is_empty() {
        lines.push("no IOMMU groups: enable VT-d or AMD-Vi in the firmware, and intel_iommu=on for Intel".into());
    }
    match status.state {
        State::Wedged => {
            let who = status.held_by.as_ref().map_or_else(|| "whoever uses it".into(), |h| h.title(world));
            lines.push(format!("end {who}; the kernel finishes by itself then; after that: gpu-bind reconcile"));
            lines.push(
                "do not kill the process that waits, and do not remove or rescan: that blocks the whole bus".into(),
            );
        }
        _ if status.under_way.is_some() => {}
        State::Lost => lines.push(format!("gpu-bind attach {gpu}   # tries resets, least first; else reboot the host")),
        State::Mixed | State::Unbound => lines.push(format!("gpu-bind attach {gpu}   # or detach, for a VM")),
        State::Host | State::Vfio if status.is_abandoned() => lines.push("gpu-bind reconcile".into()),
        _ if status.hint().is_some() => lines.extend(status.hint()),
        State::Host => {
            lines.push(format!("if the screen is black all the same: {}", status.command("cycle")));
        }
        State::Vfio => {}
    }
    lines
}

/// The report as text.
pub fn text(report: &Report) -> Result<String> {
    let mut out = String::new();
    let iommu = match report.iommu_groups {
        0 => "off (no groups)".to_owned(),
        n => format!("on, {n} groups"),
    };
    let pve = report.pve.as_ref().map(|version| format!("  Proxmox VE {version}")).unwrap_or_default();
    writeln!(out, "pve-hooks {}{pve}  kernel {}  IOMMU {iommu}", report.version, report.kernel)?;
    writeln!(out, "kernel command line: {}", if report.cmdline.is_empty() { "-" } else { &report.cmdline })?;
    for line in &report.blocked_writers {
        writeln!(out, "HANGS: {line}")?;
    }
    for line in &report.config_problems {
        writeln!(out, "CONFIGURATION: {line}")?;
    }
    for gpu in &report.gpus {
        patient_text(&mut out, gpu)?;
    }
    if report.gpus.is_empty() {
        writeln!(out, "no GPU on this host")?;
    }
    writeln!(out, "\nlast operations")?;
    let mut table = Table::default();
    for entry in &report.last_operations {
        let vm = entry.vmid.map_or_else(|| "-".into(), |vmid| format!("VM {vmid}"));
        let millis = format!("{} ms", entry.millis);
        table.row([
            format!("  {} ago", ago(entry.at)),
            entry.by.clone(),
            entry.device.clone(),
            vm,
            millis,
            entry.result.clone(),
        ]);
    }
    out.push_str(&if report.last_operations.is_empty() { "  none\n".into() } else { table.render() });
    Ok(out)
}

fn patient_text(out: &mut String, gpu: &Patient) -> Result<()> {
    let status = &gpu.status;
    let group = status.iommu_group.map_or_else(|| "none".into(), |n| n.to_string());
    writeln!(out, "\n{}  {}  {}", status.address, status.state.word(), status.name)?;
    let side = serde_json::to_value(status.belongs)?;
    writeln!(
        out,
        "  IOMMU group {group}; belongs to {}: {}",
        side.as_str().unwrap_or_default(),
        status.belongs_because
    )?;
    let mut table = Table::default();
    for f in &status.seen.functions {
        let config = match f.config_ok() {
            Some(true) => "answers".to_owned(),
            Some(false) => format!("answers {}", f.dword(0).map_or_else(|| "nothing".into(), |d| format!("{d:08x}"))),
            None => "cannot be read".into(),
        };
        let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".into());
        let id = format!("{:04x}:{:04x}", f.id.0, f.id.1);
        let nodes = f.drm.iter().chain(&f.sound).cloned().collect::<Vec<_>>().join(" ");
        let over = format!("override {}", text(&f.driver_override));
        table.row([format!("  {}", f.address), id, format!("driver {}", text(&f.driver)), over, config, nodes]);
    }
    out.push_str(&table.render());
    if let Some(holder) = &status.held_by {
        let vm = holder.vmid.map(|vmid| format!("VM {vmid}, ")).unwrap_or_default();
        writeln!(out, "  held through VFIO by {vm}pid {} ({})", holder.pid, holder.command)?;
    }
    for vm in &gpu.vm_configs {
        writeln!(out, "  {vm}")?;
    }
    for opener in &gpu.openers {
        writeln!(out, "  open on the host: {opener}")?;
    }
    if let Some(record) = &gpu.record {
        let done = if record.done { "finished" } else { "NOT FINISHED" };
        writeln!(out, "  last move: {} ({done}, {} ago)", record.by, ago(record.at))?;
    }
    match gpu.worked_seconds_ago {
        None => writeln!(out, "  no snapshot yet: it is taken when the GPU is seen working on the host")?,
        Some(_) if status.state == State::Vfio => {}
        Some(seconds) if gpu.differences.is_empty() => {
            let age = humantime::format_duration(Duration::from_secs(seconds));
            writeln!(out, "  hardware as when it last worked ({age} ago): no difference")?;
        }
        Some(seconds) => {
            let age = humantime::format_duration(Duration::from_secs(seconds));
            writeln!(out, "  differs from when it last worked ({age} ago):")?;
            for d in &gpu.differences {
                writeln!(out, "    {} {}: then {}, now {}", d.address, d.what, d.then, d.now)?;
            }
        }
    }
    for line in &gpu.advice {
        writeln!(out, "  -> {line}")?;
    }
    Ok(())
}

fn ago(at: u64) -> String {
    humantime::format_duration(Duration::from_secs(now().saturating_sub(at))).to_string()
}
