//! The ladders: what treats which symptom, and the exact commands.
//!
//! | symptom | what is done |
//! | --- | --- |
//! | an interface of the VM is down | `ip link set NAME up` |
//! | it lost its bridge, or a link of PVE's firewall is gone | PVE's own helper, which knows VLANs, firewall and Open vSwitch; where there is no PVE, `ip link set NAME master BRIDGE` |
//! | I/O error, full storage | `cont`, once the cause is gone |
//! | internal error, watchdog, a panicked guest | `system_reset`, then `cont` |
//! | QEMU hangs | `qm stop`, then `qm start`: last, and only where `restart` is switched on |
//! | a check of the class client | the configured command, never the VM |
//!
//! A tap that is gone, a bridge of the host, a process that ended or that somebody halted are only told. On a PVE host the
//! helper is never replaced: putting a tap into its bridge by hand would lose the VLAN and the firewall.

use crate::{
    config::probe::{Class, Origin, Recovery},
    host::Host,
    probe::{
        classify::clean,
        evidence::{Disk, Evidence, NicReading, Path},
        instance::Instance,
        verdict::{Problem, Symptom, Verdict},
    },
    tree,
};
use std::path::PathBuf;

/// Why nothing is planned where PVE's helper is gone.
pub(super) const NO_HELPER: &str =
    "PVE's helper pve-bridge is not there, and nothing else knows the VLAN and the firewall";

/// One step.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The command as people read it.
    pub shown: String,
    /// Whose failure it treats.
    pub class: Class,
    /// What is done.
    pub action: Action,
}

/// What is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// A program and its arguments.
    Run(Vec<String>),
    /// `qm stop`.
    Stop(u32),
    /// `qm start`.
    Start(u32),
    /// QMP `cont`, if the machine still stands still for an I/O error.
    Continue,
    /// QMP `system_reset`, if QEMU still holds the machine.
    Reset,
    /// QMP `cont` after that.
    Resume,
}

/// What is to be done, and what for.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Plan {
    /// The steps, in their order.
    pub steps: Vec<Step>,
    /// What they treat.
    pub treats: Vec<Problem>,
    /// The disks whose storage has to work before the machine goes on.
    pub disks: Vec<Disk>,
    /// What is called for and cannot be planned: why.
    pub missing: Option<String>,
}

impl Plan {
    /// The commands, as people read them.
    pub fn commands(&self) -> Vec<String> {
        self.steps.iter().map(|step| step.shown.clone()).collect()
    }

    /// Whether the VM itself is restarted.
    pub fn restarts(&self) -> bool {
        self.steps.iter().any(|step| matches!(step.action, Action::Stop(_)))
    }

    /// Whether the machine goes on after an I/O error.
    pub fn continues(&self) -> bool {
        self.steps.iter().any(|step| step.action == Action::Continue)
    }
}

/// The network's steps first, then QEMU's, a restart last; the client's own come after them.
pub fn plan(host: &Host, evidence: &Evidence, verdict: &Verdict, settings: &Recovery) -> Plan {
    let mut plan = Plan::default();
    let (mut later, mut last, mut restart) = (Vec::new(), Vec::new(), Vec::new());
    let instance = &*evidence.instance;
    for problem in &verdict.problems {
        let steps = match steps(host, evidence, problem, settings) {
            None => continue,
            Some(Err(why)) => {
                plan.missing.get_or_insert(why);
                continue;
            }
            Some(Ok(steps)) => steps,
        };
        plan.treats.push(problem.clone());
        if matches!(problem.symptom, Symptom::IoError | Symptom::NoSpace) {
            plan.disks = bad_disks(evidence);
        }
        let room = match problem.class {
            _ if problem.symptom == Symptom::QmpHung => &mut restart,
            Class::Network => &mut plan.steps,
            Class::Qemu => &mut later,
            Class::Client => &mut last,
        };
        room.extend(steps);
    }
    plan.steps.append(&mut later);
    // What is not allowed anyway must not keep the rest from being done; alone it is shown, with why it is refused.
    if settings.restart || (plan.steps.is_empty() && last.is_empty()) {
        plan.steps.append(&mut restart);
    } else {
        plan.treats.retain(|problem| problem.symptom != Symptom::QmpHung);
    }
    plan.steps.append(&mut last);
    let mut seen: Vec<String> = Vec::new();
    plan.steps.retain(|step| {
        !seen.contains(&step.shown) && {
            seen.push(step.shown.clone());
            true
        }
    });
    if plan.steps.is_empty() && plan.missing.is_none() && verdict.recovery_needed {
        plan.missing = Some(format!("nothing that can be done from here helps {}", clean(&instance.id)));
    }
    plan
}

type Steps = Option<Result<Vec<Step>, String>>;

fn steps(host: &Host, evidence: &Evidence, problem: &Problem, settings: &Recovery) -> Steps {
    let instance = &*evidence.instance;
    Some(match &problem.symptom {
        Symptom::InterfaceDown(name) if belongs(instance, evidence, name) => {
            Ok(vec![program(problem.class, ["ip", "link", "set", name, "up"])])
        }
        Symptom::InterfaceDown(name) => Err(format!("{name} is not the VM's own: ip link set {name} up")),
        Symptom::NoPort(name) => plugged(host, evidence, problem.class, name),
        Symptom::BridgeDown(name) if name.starts_with("fw") => plugged(host, evidence, problem.class, name),
        Symptom::IoError | Symptom::NoSpace => monitor(instance, &[("cont", Action::Continue)]),
        Symptom::InternalError | Symptom::GuestPanicked => {
            monitor(instance, &[("system_reset", Action::Reset), ("cont", Action::Resume)])
        }
        Symptom::QmpHung => match (instance.origin, instance.vmid) {
            (Origin::Pve, Some(vmid)) => Ok(vec![
                step(Class::Qemu, format!("qm stop {vmid}"), Action::Stop(vmid)),
                step(Class::Qemu, format!("qm start {vmid}"), Action::Start(vmid)),
            ]),
            _ => Err("QEMU hangs, and what would start it anew is not known here".into()),
        },
        Symptom::Check(_) if problem.class == Class::Client => client(instance, settings),
        _ => return None,
    })
}

fn step(class: Class, shown: String, action: Action) -> Step {
    Step { shown, class, action }
}

fn program<'a>(class: Class, argv: impl IntoIterator<Item = &'a str>) -> Step {
    let argv: Vec<_> = argv.into_iter().map(str::to_owned).collect();
    step(class, argv.join(" "), Action::Run(argv))
}

/// Whether an interface is the VM's own, rather than the host's. PVE's names carry the VM's number.
fn belongs(instance: &Instance, evidence: &Evidence, name: &str) -> bool {
    if !is_plain(name) {
        return false;
    }
    let own = |kind: &str, vmid: u32| {
        let number = name.strip_prefix(kind).and_then(|rest| rest.split(['i', 'p', 'o']).next());
        number.is_some_and(|number| number.parse() == Ok(vmid))
    };
    let by_number = |vmid| ["tap", "fwbr", "fwpr", "fwln"].iter().any(|kind| own(kind, vmid));
    cards(evidence).iter().any(|nic| nic.tap == name) || instance.vmid.is_some_and(by_number)
}

fn cards(evidence: &Evidence) -> &[NicReading] {
    evidence.fast.as_ref().and_then(|fast| fast.nics.get()).map(Vec::as_slice).unwrap_or_default()
}

/// A name that no program takes for an option.
fn is_plain(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '@');
    !name.is_empty() && name.len() < 16 && !name.starts_with('-') && name.chars().all(plain)
}

/// Plugs the card again that `name` is on the way of.
fn plugged(host: &Host, evidence: &Evidence, class: Class, name: &str) -> Result<Vec<Step>, String> {
    let on_its_way = |nic: &&NicReading| match nic.path.get() {
        Some(Path::NoPort { interface, .. } | Path::Down(interface) | Path::Missing(interface)) => interface == name,
        _ => nic.tap == name,
    };
    let Some(nic) = cards(evidence).iter().find(on_its_way).filter(|nic| is_plain(&nic.tap)) else {
        return Err(format!("no network card of the VM leads over {name}"));
    };
    if evidence.instance.origin == Origin::Pve {
        let Some(helper) = pve_bridge(host) else {
            return Err(NO_HELPER.into());
        };
        let helper = host.shown(&helper);
        return Ok(vec![program(class, [helper.as_str(), nic.tap.as_str()])]);
    }
    let bridge = nic.bridge.as_deref().filter(|bridge| is_plain(bridge) && *name == nic.tap);
    match bridge {
        Some(bridge) if tree::is_dir(&host.net_class().join(bridge).join("bridge")) => {
            Ok(vec![program(class, ["ip", "link", "set", nic.tap.as_str(), "master", bridge])])
        }
        _ => Err(format!("the bridge of {} is not known, or no bridge of the kernel", nic.tap)),
    }
}

/// The program by which QEMU has its taps plugged in; its place changed with PVE 9.
pub(super) fn pve_bridge(host: &Host) -> Option<PathBuf> {
    host.pve_bridge().into_iter().find(|path| tree::is_file(path))
}

fn monitor(instance: &Instance, commands: &[(&str, Action)]) -> Result<Vec<Step>, String> {
    if instance.qmp.is_none() || !matches!(instance.origin, Origin::Pve | Origin::Container) {
        return Err("its monitor cannot be reached from here".into());
    }
    let id = clean(&instance.id);
    let one = |(command, action): &(&str, Action)| step(Class::Qemu, format!("QMP {id}: {command}"), action.clone());
    Ok(commands.iter().map(one).collect())
}

fn bad_disks(evidence: &Evidence) -> Vec<Disk> {
    let disks = evidence.deep.as_ref().and_then(|deep| deep.disks.get()).map(Vec::as_slice).unwrap_or_default();
    let bad = |disk: &&Disk| disk.io_status.as_deref().is_some_and(|status| status != "ok");
    disks.iter().filter(bad).cloned().collect()
}

fn client(instance: &Instance, settings: &Recovery) -> Result<Vec<Step>, String> {
    let words = &settings.client_command;
    if words.is_empty() {
        return Err("no command restarts its client: set client_command in [probe.recovery]".into());
    }
    if words.iter().any(|word| word == "{id}") && instance.id.starts_with('-') {
        return Err("its id looks like an option".into());
    }
    let argv: Vec<_> = words.iter().map(|word| word.replace("{id}", &instance.id)).collect();
    Ok(vec![step(Class::Client, clean(&argv.join(" ")), Action::Run(argv))])
}
