//! Who has a unit open: a VM by VFIO, or a process of the host by its device nodes.

use super::{unit::Unit, world::World};
use crate::{
    host::Host,
    pci::Device,
    proc::{self, DevNo, Opener},
    pve,
};

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
        let process = format!("pid {} ({})", self.pid, self.command);
        match self.vmid {
            Some(vmid) => {
                let vm = world.vm(vmid).map_or_else(|| format!("VM {vmid}"), super::world::Vm::title);
                format!("{vm}, {process}")
            }
            None => process,
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

/// For each unit, the process that has it open through VFIO. One scan of all processes for all of them.
pub fn vfio_holders(host: &Host, units: &[Unit]) -> Vec<Option<Holder>> {
    let nodes: Vec<Vec<(DevNo, String)>> = units.iter().map(|unit| vfio_nodes(host, unit)).collect();
    let wanted: Vec<_> = nodes.iter().flatten().cloned().collect();
    if wanted.is_empty() {
        return vec![None; units.len()];
    }
    let found = proc::openers(host, &wanted).found;
    let holder = |nodes: &Vec<(DevNo, String)>| {
        let opener = found.iter().find(|o| nodes.iter().any(|(_, label)| *label == o.path))?;
        Some(Holder { vmid: pve::vm_of(host, opener.pid), pid: opener.pid, command: opener.command.clone() })
    };
    nodes.iter().map(holder).collect()
}

/// Processes of the host that have a device node of the unit open: screens, sound, compute.
pub fn host_openers(host: &Host, unit: &Unit) -> Vec<Opener> {
    let wanted: Vec<_> = unit.functions.iter().flat_map(|f| Device::new(host, *f).device_nodes()).collect();
    if wanted.is_empty() { Vec::new() } else { proc::openers(host, &wanted).found }
}
