//! Who has a unit open: a VM by VFIO, or a process of the host by its device nodes.

use super::{unit::Unit, world::World};
use crate::{
    fault::Fault,
    host::Host,
    pci::Device,
    proc::{self, DevNo, Opener, Openers},
    pve,
    session::Session,
};
use anyhow::Result;
use std::{thread, time::Duration};

/// How long udev may take to look at a device.
const UDEV: Duration = Duration::from_secs(2);
/// How often is looked meanwhile.
const TICK: Duration = Duration::from_millis(50);

/// A process that has the unit open through VFIO.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Holder {
    /// The VM, if the process is one.
    pub vmid: Option<u32>,
    /// The process.
    pub pid: i32,
    /// What it is called.
    #[serde(skip)]
    pub command: String,
}

impl Holder {
    /// How it is called in messages: `VM 111 (win), pid 4711, kvm`.
    pub fn title(&self, world: &World) -> String {
        let Some(vmid) = self.vmid else { return format!("pid {} ({})", self.pid, self.command) };
        let vm = world.vm(vmid).map_or_else(|| format!("VM {vmid}"), super::world::Vm::title);
        // QEMU's command line is long and says no more than the VM's number.
        let program = self.command.split([' ', ':']).next().unwrap_or_default();
        format!("{vm}, pid {} ({})", self.pid, program.rsplit('/').next().unwrap_or_default())
    }
}

/// Who holds what, and whether that is all.
#[derive(Debug, Default)]
pub struct Holders {
    /// For each unit, in order.
    pub list: Vec<Option<Holder>>,
    /// Why it could not be found out; then `None` above does not mean that nobody does.
    pub blind: Option<String>,
    /// The same for each unit, where only some processes could not be looked into, as without root.
    pub hidden: Vec<Option<String>>,
}

impl Holders {
    /// The holder of the one unit that was asked for.
    pub fn one(self) -> Result<Option<Holder>> {
        match (self.list.into_iter().next().flatten(), self.blind) {
            (None, Some(why)) => {
                Fault::problem(format!("cannot tell who holds the device: {why}; nothing was changed"))
                    .next("ulimit -n; ls /proc")
                    .fail()
            }
            (holder, _) => Ok(holder),
        }
    }
}

/// The device nodes through which VFIO hands out a unit.
fn vfio_nodes(host: &Host, unit: &Unit) -> Vec<(DevNo, String)> {
    let mut nodes: Vec<_> = unit.functions.iter().flat_map(|f| Device::new(host, *f).vfio_nodes()).collect();
    if let Some(n) = unit.group.filter(|_| nodes.is_empty() && !host.is_live()) {
        // A copied tree may lack the class directory; the links of its processes still tell.
        nodes.push((DevNo { major: 0, minor: 0 }, format!("/dev/vfio/{n}")));
    }
    nodes.sort();
    nodes.dedup();
    nodes
}

/// For each unit, the process that has it open through VFIO. The VMs are asked first; what none of them has needs one scan
/// of all processes.
pub fn vfio_holders(host: &Host, units: &[Unit]) -> Holders {
    let nodes: Vec<Vec<(DevNo, String)>> = units.iter().map(|unit| vfio_nodes(host, unit)).collect();
    let mut holders = vec![None; units.len()];
    let (mut blind, mut unreadable) = (None, 0);
    if nodes.iter().all(Vec::is_empty) {
        // No group of theirs has a VFIO device: nobody can hold one.
        return Holders { hidden: vec![None; units.len()], list: holders, blind };
    }
    let vms: Vec<i32> = pve::running(host).iter().map(|vm| vm.pid).collect();
    for pids in [Some(vms), None] {
        let open: Vec<_> =
            nodes.iter().zip(&holders).filter(|(_, h)| h.is_none()).flat_map(|(n, _)| n.clone()).collect();
        if open.is_empty() {
            break;
        }
        let answer = match pids {
            Some(vms) => proc::openers_among(host, &vms, &open),
            None => proc::openers(host, &open),
        };
        let found = answer.found;
        blind = blind.or(answer.blind);
        unreadable = answer.unreadable;
        for (nodes, holder) in nodes.iter().zip(&mut holders) {
            let opener = found.iter().find(|o| nodes.iter().any(|(_, label)| *label == o.path));
            let new = |o: &Opener| Holder { vmid: pve::vm_of(host, o.pid), pid: o.pid, command: o.command.clone() };
            *holder = holder.take().or_else(|| opener.map(new));
        }
    }
    let some = |(nodes, holder): (&Vec<_>, &Option<Holder>)| {
        (unreadable > 0 && holder.is_none() && !nodes.is_empty()).then(|| not_looked_into(unreadable))
    };
    let hidden = nodes.iter().zip(&holders).map(some).collect();
    Holders { list: holders, blind: blind.filter(|_| host.is_live()), hidden }
}

/// Why who holds a device cannot all be seen, if so: whoever is not root cannot look into the processes of others. Root of
/// the running machine sees all.
pub fn partly_hidden(host: &Host) -> Option<String> {
    let why = match (host.is_live(), nix::unistd::geteuid().is_root()) {
        (true, true) => return None,
        (true, false) => "not root".to_owned(),
        (false, _) => match proc::openers(host, &[]).unreadable {
            0 => return None,
            n => not_looked_into(n),
        },
    };
    Some(format!("{why}: who holds a device cannot all be seen"))
}

fn not_looked_into(n: usize) -> String {
    format!("{n} of the processes cannot be looked into")
}

/// The same, once udev's workers are through: they look at every device that has just come, for moments.
pub fn settled_openers(session: &Session, unit: &Unit) -> Openers {
    let until = session.deadline.within(UDEV);
    loop {
        let answer = host_openers(&session.host, unit);
        let passing =
            |opener: &Opener| ["udev-worker", "systemd-udevd"].iter().any(|name| opener.command.contains(name));
        if answer.found.is_empty() || !answer.found.iter().all(passing) || until.expired() || !session.host.is_live() {
            return answer;
        }
        thread::sleep(TICK);
    }
}

/// Processes of the host that have a device node of the unit open: screens, sound, compute.
pub fn host_openers(host: &Host, unit: &Unit) -> Openers {
    let wanted: Vec<_> = unit.functions.iter().flat_map(|f| Device::new(host, *f).device_nodes()).collect();
    let mut answer = if wanted.is_empty() { Openers::default() } else { proc::openers(host, &wanted) };
    answer.blind = answer.blind.filter(|_| host.is_live());
    answer
}
