//! Looks at the host, the configurations, QEMU and the guests, and sorts what is seen by Coral.

mod assign;

pub(super) use assign::held;
use std::time::Duration;

use super::{
    absent::Looked,
    evidence::{Evidence, Form, Guest, HandleSide, VmSide},
    guests::Questions,
    host_side,
    lines::{Line, lines},
    pcie, whole,
};
use crate::{
    fault::Fault,
    host::Host,
    pve::{self, VmConfig},
    session::Session,
    usb::UsbDevice,
};
use anyhow::Result;
use assign::{candidates, is_of, keep_vm, present, share};

/// How long QEMU and the guest may take to answer after a cure, whatever time is left.
const CLOSING: Duration = Duration::from_secs(8);
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
    /// Whether this is the look after a cure, which has time of its own.
    pub closing: bool,
}

impl Default for Wanted {
    fn default() -> Self {
        Self { vm: None, port: None, ask_guests: true, resets_allowed: RESETS_ALLOWED, closing: false }
    }
}

/// Everything that is seen.
#[derive(Debug, Default)]
pub struct Seen {
    /// The Corals on USB, and the places where one is missing.
    pub cases: Vec<Evidence>,
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
        case.candidates = candidates(host, wanted, &lines, &all, case);
    }
    if wanted.vm.is_some() && cases.iter().any(|case| !case.vms.is_empty()) {
        cases.retain(|case| !case.vms.is_empty());
    }
    if wanted.port.is_none() || cases.is_empty() {
        let found_none = cases.iter().all(|case| case.vms.is_empty());
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
        if wanted.vm.is_some() && absent.iter().any(|case| !case.vms.is_empty()) {
            // It is given one that is missing, so that those of others are not its.
            cases.retain(|case| case.given_to.is_empty());
        }
        cases.extend(absent);
    }
    for evidence in &mut cases {
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
            .next("coral-check   # finds the Corals of this host")
            .fail(),
    }
}

/// Asks all QEMUs and guests at once.
fn ask(session: &Session, wanted: &Wanted, configs: &[VmConfig], cases: &mut [Evidence]) {
    let deadline = session.deadline.at_least(if wanted.closing { CLOSING } else { Duration::ZERO });
    let mut questions = Questions::new(&session.host, &deadline);
    for config in configs {
        let vms = cases.iter().flat_map(|case| &case.vms);
        let running: Vec<_> = vms.filter(|vm| vm.vmid == config.vmid && vm.pid.is_some()).collect();
        let line = |vm: &&VmSide| Some((vm.passed.clone()?, vm.handle == HandleSide::Live));
        let lines: Vec<_> = running.iter().filter_map(line).collect();
        if !lines.is_empty() {
            questions.ask_qemu(lines);
        }
        if wanted.ask_guests && !running.is_empty() {
            questions.ask_guest(config);
        }
    }
    let answers = questions.answers();
    answers.told.iter().for_each(|text| session.log.detail(text));
    let running = cases.iter_mut().flat_map(|case| &mut case.vms).filter(|vm| vm.pid.is_some());
    for vm in running {
        vm.guest = if wanted.ask_guests { answers.guest(vm.vmid) } else { Guest::NotAsked };
        vm.qemu = (vm.form != Form::Controller).then(|| answers.qemu(vm.vmid, &vm.key));
    }
}
