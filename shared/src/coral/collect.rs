//! Looks at the host, the configurations, QEMU and the guests, and sorts what is seen by Coral.

use super::{
    absent::Looked,
    evidence::{Evidence, Form, Guest, HandleSide, VmSide},
    guests::Questions,
    host_side,
    lines::{Line, lines},
    pcie, seen, whole,
};
use crate::{
    fault::Fault,
    host::Host,
    pve::{self, VmConfig},
    session::Session,
    usb::{
        Passed, UsbDevice,
        handle::{Handle, handle},
    },
};
use anyhow::Result;

/// How many resets an hour are no fault unless somebody says otherwise.
pub const RESETS_ALLOWED: u32 = 10;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Only what this VM is given.
    pub vm: Option<u32>,
    /// Only the Coral at this bus-port.
    pub port: Option<String>,
    /// Whether guests are asked.
    pub ask_guests: bool,
    /// How many resets an hour are no fault.
    pub resets_allowed: u32,
}

impl Default for Wanted {
    fn default() -> Self {
        Self { vm: None, port: None, ask_guests: true, resets_allowed: RESETS_ALLOWED }
    }
}

/// One Coral, or the place where one is missing.
#[derive(Debug, Clone, Default)]
pub struct Case {
    /// What is known.
    pub evidence: Evidence,
    /// The configuration lines of its VMs, in their order; none where a whole controller is passed through.
    pub passed: Vec<Option<Passed>>,
}

/// Everything that is seen.
#[derive(Debug, Default)]
pub struct Seen {
    /// The Corals on USB.
    pub cases: Vec<Case>,
    /// Configurations that could not be understood, and may hide a VM.
    pub problems: Vec<String>,
}

/// Looks. Whatever does not answer by the deadline is unknown.
pub fn collect(session: &Session, wanted: &Wanted) -> Result<Seen> {
    let host = &session.host;
    // Where sysfs does not tell, nothing is known, which is not the same as no Coral.
    session.require_bus("usb")?;
    let Configurations { configs, mut problems, unread } = configurations(host, wanted)?;
    let hidden = host_side::unreadable(host);
    problems.extend(hidden.iter().map(|(port, why)| format!("what is plugged in at {port} is not known: {why}")));
    let running = pve::running(host);
    let qemus: Vec<_> = running.iter().map(|vm| vm.pid).collect();
    let all = host_side::corals(host);
    let corals: Vec<_> = all.iter().filter(|coral| is_wanted(coral, wanted)).collect();
    if let Some(port) = wanted.port.as_deref().filter(|_| corals.is_empty()) {
        refuse_other(host, port)?;
    }
    let lines = lines(host, &configs);
    let mut cases: Vec<_> = corals.iter().filter_map(|coral| present(coral, &all, &lines, &qemus)).collect();
    for case in &mut cases {
        whole::complete(host, &configs, &running, case);
    }
    share(&mut cases);
    if let Some(vmid) = wanted.vm {
        for case in &mut cases {
            keep_vm(case, vmid);
        }
    }
    for case in &mut cases {
        case.evidence.candidates = candidates(host, wanted, &lines, &all, case);
    }
    if wanted.vm.is_some() && cases.iter().any(|case| !case.evidence.vms.is_empty()) {
        cases.retain(|case| !case.evidence.vms.is_empty());
    }
    if wanted.port.is_none() || cases.is_empty() {
        let found_none = cases.iter().all(|case| case.evidence.vms.is_empty());
        let here = wanted.port.is_none() && !pcie::corals(host).is_empty();
        let alone = cases.is_empty() && !here && hidden.is_empty();
        let known = |line: &Line<'_>| cases.iter().any(|case| is_of(case, line));
        let claimed: Vec<_> = lines.iter().map(known).collect();
        let looked = Looked {
            host,
            wanted,
            lines: &lines,
            all: &all,
            running: &running,
            configs: &configs,
            found_none,
            claimed: &claimed,
            hidden: !hidden.is_empty(),
        };
        let absent = looked.absent(alone);
        if wanted.vm.is_some() && absent.iter().any(|case| !case.evidence.vms.is_empty()) {
            // It is given one that is missing, so that those of others are not its.
            cases.retain(|case| case.evidence.given_to.is_empty());
        }
        cases.extend(absent);
    }
    for case in &mut cases {
        let evidence = &mut case.evidence;
        evidence.resets_allowed = wanted.resets_allowed;
        let unlucky = configs.first().filter(|_| wanted.vm.is_some() && evidence.vms.is_empty());
        evidence.unread.clone_from(&unread);
        evidence.not_given_to = unlucky.map(|config| (config.vmid, free_key(config)));
        let (port, peer) = match &evidence.host {
            Some(side) => (Some(side.port.as_str()), side.peer.as_deref()),
            None => (evidence.missed.port.as_deref(), None),
        };
        evidence.events = port.and_then(|port| host_side::logged(host, port, peer));
    }
    ask(session, wanted, &configs, &mut cases);
    Ok(Seen { cases, problems })
}

struct Configurations {
    configs: Vec<VmConfig>,
    problems: Vec<String>,
    /// The first of the problems, and the next command.
    unread: Option<(String, String)>,
}

fn configurations(host: &Host, wanted: &Wanted) -> Result<Configurations> {
    let asked = wanted.vm.map(|vmid| pve::load(host, vmid)).transpose()?;
    let (mut configs, errors) = pve::load_all(host);
    if let Some(asked) = asked {
        // Others are looked at all the same: which Coral is whose cannot be told from one of them.
        configs.retain(|config| config.vmid != asked.vmid);
        configs.insert(0, asked);
        return Ok(Configurations { configs, problems: Vec::new(), unread: None });
    }
    // Where Proxmox VE is, its configurations not being there does not mean that there are no VMs.
    let absent = pve::require_configs(host).err().filter(|_| host.pve().is_dir());
    let errors: Vec<_> = absent.into_iter().chain(errors.into_iter().map(|(_, error)| error)).collect();
    let problems: Vec<_> = errors.iter().map(|error| format!("{error:#}")).collect();
    let unread = errors.first().map(|error| {
        let next = Fault::of(error).and_then(|fault| fault.next.clone());
        (format!("{error:#}"), next.unwrap_or_else(|| "pve-hook check".into()))
    });
    Ok(Configurations { configs, problems, unread })
}

/// Whether a line is known to be about this Coral, or may be.
fn is_of(case: &Case, line: &Line<'_>) -> bool {
    let evidence = &case.evidence;
    let same = |vm: &VmSide| vm.vmid == line.config.vmid && vm.key == line.passed.usb.key;
    evidence.host.is_some() && evidence.vms.iter().chain(&evidence.candidates).chain(&evidence.given_to).any(same)
}

/// Of the only Coral that no VM is given: those that name a socket which is empty. Who has it open is who means it.
fn candidates(host: &Host, wanted: &Wanted, lines: &[Line<'_>], all: &[UsbDevice<'_>], case: &Case) -> Vec<VmSide> {
    let evidence = &case.evidence;
    let spare = |coral: &&UsbDevice<'_>| !lines.iter().any(|line| line.means(coral) || line.meant(coral));
    let only = all.iter().filter(spare).count() == 1;
    let Some(side) = evidence.host.as_ref().filter(|_| only && evidence.vms.is_empty() && evidence.given_to.is_empty())
    else {
        return Vec::new();
    };
    let holder = side.holders.iter().find_map(|holder| holder.vmid);
    let may_mean_it = |line: &&Line<'_>| {
        let vmid = line.config.vmid;
        line.form == Form::Port
            && wanted.vm.is_none_or(|asked| asked == vmid)
            && holder.is_none_or(|holder| holder == vmid)
            && line.port().is_some_and(|port| !UsbDevice::new(host, port).exists())
    };
    lines.iter().filter(may_mean_it).map(|line| line.vm_side(host, false)).collect()
}

/// Leaves out what other VMs are given.
fn keep_vm(case: &mut Case, vmid: u32) {
    let passed = std::mem::take(&mut case.passed);
    let pairs = std::mem::take(&mut case.evidence.vms).into_iter().zip(passed);
    let (own, others): (Vec<_>, Vec<_>) = pairs.partition(|(vm, _)| vm.vmid == vmid);
    (case.evidence.vms, case.passed) = own.into_iter().unzip();
    if case.evidence.vms.is_empty() {
        case.evidence.given_to = others.into_iter().map(|(vm, _)| vm).collect();
    }
}

fn free_key(config: &VmConfig) -> Option<String> {
    let free = |key: &String| config.usb.iter().all(|usb| usb.key != *key);
    (0..pve::usb::MAX).map(|n| format!("usb{n}")).find(free)
}

fn is_wanted(coral: &UsbDevice<'_>, wanted: &Wanted) -> bool {
    let peer = || coral.hub_port().and_then(|port| port.peer()).map(|peer| peer.name);
    wanted.port.as_ref().is_none_or(|port| *port == coral.port || peer().as_ref() == Some(port))
}

fn refuse_other(host: &Host, port: &str) -> Result<()> {
    match UsbDevice::new(host, port).id() {
        None => Ok(()),
        Some(id) => Fault::refused(format!("{port} is {id}, no Coral"))
            .next("coral-check   finds the Corals of this host")
            .fail(),
    }
}

/// A Coral with the lines that mean it; of a VM that names it several times, the line that fits best counts.
fn present(coral: &UsbDevice<'_>, all: &[UsbDevice<'_>], lines: &[Line<'_>], qemus: &[i32]) -> Option<Case> {
    let host = coral.host;
    let mut side = host_side::look(coral, all)?;
    let anybody = |line: &Line<'_>| all.iter().any(|other| line.means(other));
    let lost = seen::ports(host);
    // A port that is empty now and had a Coral: it was plugged in elsewhere, as long as there is only one to mistake.
    let moved = |line: &Line<'_>| {
        let empty = line.port().filter(|port| !UsbDevice::new(host, port.as_str()).exists());
        empty.is_some_and(|port| all.len() == 1 && lost.contains(&port))
    };
    // An id that no Coral carries now was that of one which nobody else is given, if there is such a one.
    let spare = |coral: &UsbDevice<'_>| !lines.iter().any(|line| line.means(coral));
    let may_be_its = |line: &Line<'_>| line.port().is_some() || spare(coral) || !all.iter().any(spare);
    let fits = |line: &Line<'_>| match line.means(coral) {
        true => Some(true),
        false if !anybody(line) && ((line.meant(coral) && may_be_its(line)) || moved(line)) => Some(false),
        false => None,
    };
    let mut found: Vec<_> = lines.iter().filter_map(|line| Some((fits(line)?, line))).collect();
    // With several Corals, lines by id may be for one each.
    let only = |(fits, line): &&(bool, &Line<'_>)| if line.form == Form::Port { *fits } else { all.len() == 1 };
    let keys: Vec<_> = found.iter().filter(only).map(|(_, line)| (line.config.vmid, &line.passed.usb)).collect();
    found.sort_by_key(|(fits, line)| (line.config.vmid, !fits, line.form));
    found.dedup_by_key(|(_, line)| line.config.vmid);
    let mut vms: Vec<_> = found
        .iter()
        .map(|(fits, line)| {
            let mut vm = line.vm_side(host, *fits);
            vm.handle = held(host, &vm, Some(coral));
            let own = keys.iter().filter(|(vmid, _)| *vmid == vm.vmid);
            vm.lines = own.map(|(_, usb)| (usb.key.clone(), usb.usb3)).collect();
            (vm, Some(line.passed.clone()))
        })
        .collect();
    // Where no QEMU has it, somebody else may.
    let everybody = vms.iter().all(|(vm, _)| vm.handle != HandleSide::Live);
    side.holders = host_side::holders(coral, qemus, everybody);
    vms.sort_by_key(|(vm, _)| (rank(vm), vm.vmid));
    let (vms, passed) = vms.into_iter().unzip();
    Some(Case { evidence: Evidence { host: Some(side), vms, ..Evidence::default() }, passed })
}

/// The one that holds it comes first, then those that run.
fn rank(vm: &VmSide) -> u8 {
    match (&vm.handle, vm.pid) {
        (HandleSide::Live, _) => 0,
        (HandleSide::Stale(_), _) => 1,
        (_, Some(_)) => 2,
        (_, None) => 3,
    }
}

pub(super) fn held(host: &Host, vm: &VmSide, coral: Option<&UsbDevice<'_>>) -> HandleSide {
    let Some(pid) = vm.pid else { return HandleSide::None };
    match handle(host, pid, coral) {
        Handle::Live => HandleSide::Live,
        Handle::Stale(what) => HandleSide::Stale(what),
        Handle::None => HandleSide::None,
        Handle::Unknown(why) => HandleSide::Unknown(why),
    }
}

/// One line by id takes one of several Corals that carry it: those that the VM did not take are not given to it.
fn share(cases: &mut [Case]) {
    let taken = |cases: &[Case], vm: &VmSide| {
        let same = |other: &&VmSide| other.vmid == vm.vmid && other.key == vm.key && other.handle == HandleSide::Live;
        cases.iter().flat_map(|case| &case.evidence.vms).any(|other| same(&other))
    };
    let before = cases.to_vec();
    for case in cases.iter_mut() {
        let Evidence { vms, .. } = &mut case.evidence;
        let keep: Vec<_> = vms.iter().map(|vm| vm.handle == HandleSide::Live || !taken(&before, vm)).collect();
        let mut kept = keep.iter();
        vms.retain(|_| *kept.next().unwrap_or(&true));
        let mut kept = keep.iter();
        case.passed.retain(|_| *kept.next().unwrap_or(&true));
    }
    let after = cases.to_vec();
    let has = |case: &&Case, vmid: u32| case.evidence.vms.iter().any(|vm| vm.vmid == vmid);
    for vm in cases.iter_mut().flat_map(|case| &mut case.evidence.vms) {
        vm.given = after.iter().filter(|case| has(case, vm.vmid)).count();
    }
}

/// Asks all QEMUs and guests at once.
fn ask(session: &Session, wanted: &Wanted, configs: &[VmConfig], cases: &mut [Case]) {
    let mut questions = Questions::new(&session.host, &session.deadline);
    for config in configs {
        let of_vm = |(vm, passed): (&VmSide, &Option<Passed>)| {
            let passed = passed.clone().filter(|_| vm.vmid == config.vmid && vm.pid.is_some());
            passed.map(|passed| (passed, vm.handle == HandleSide::Live))
        };
        let pairs = cases.iter().flat_map(|case| case.evidence.vms.iter().zip(&case.passed));
        let lines: Vec<_> = pairs.filter_map(of_vm).collect();
        if !lines.is_empty() {
            questions.ask_qemu(lines);
        }
        let runs =
            cases.iter().flat_map(|case| &case.evidence.vms).any(|vm| vm.vmid == config.vmid && vm.pid.is_some());
        if wanted.ask_guests && runs {
            questions.ask_guest(config);
        }
    }
    let answers = questions.answers();
    let running = cases.iter_mut().flat_map(|case| &mut case.evidence.vms).filter(|vm| vm.pid.is_some());
    for vm in running {
        vm.guest = if wanted.ask_guests { answers.guest(vm.vmid) } else { Guest::NotAsked };
        vm.qemu = (vm.form != Form::Controller).then(|| answers.qemu(vm.vmid, &vm.key));
    }
}
