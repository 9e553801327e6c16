//! The VMs of this node and what they pass through, read once per command.

use super::unit::Unit;
use crate::{
    fault::{Code, Fault},
    host::Host,
    pci::Address,
    pve::{self, Passthrough},
    tree,
};
use std::{cell::OnceCell, io, ops::Deref};

/// A VM with its devices.
#[derive(Debug, Clone)]
pub struct Vm {
    /// Its number.
    pub vmid: u32,
    /// Its name; empty where it has none.
    pub name: String,
    /// What its configuration passes through, devices that PVE manages alone (mdev, `driver=keep`) left out.
    pub devices: Vec<Passthrough>,
    /// Its QEMU, while it runs.
    pub pid: Option<i32>,
    /// What that QEMU was started with.
    pub passed: Vec<Address>,
}

impl Vm {
    /// Whether its configuration passes any function of the unit.
    pub fn names(&self, unit: &Unit) -> bool {
        self.devices.iter().any(|d| d.alternatives.iter().any(|functions| unit.touches(functions)))
    }

    /// Whether it runs with the unit: by what QEMU was given, or by the configuration where that cannot be told.
    pub fn runs_with(&self, unit: &Unit) -> bool {
        let given = if self.passed.is_empty() { self.names(unit) } else { unit.touches(&self.passed) };
        self.pid.is_some() && given
    }

    /// How it is called in messages.
    pub fn title(&self) -> String {
        if self.name.is_empty() { format!("VM {}", self.vmid) } else { format!("VM {} ({})", self.vmid, self.name) }
    }
}

/// The VMs of this node, read when somebody asks: a move that nobody stands in the way of never does.
#[derive(Debug)]
pub struct LazyWorld<'a> {
    host: &'a Host,
    world: OnceCell<World>,
}

impl<'a> LazyWorld<'a> {
    /// Of a host.
    pub fn new(host: &'a Host) -> Self {
        Self { host, world: OnceCell::new() }
    }
}

impl Deref for LazyWorld<'_> {
    type Target = World;

    fn deref(&self) -> &World {
        self.world.get_or_init(|| World::load(self.host))
    }
}

/// All VMs of this node.
#[derive(Debug, Default)]
pub struct World {
    /// The VMs that pass something through.
    pub vms: Vec<Vm>,
    /// Configurations that could not be understood.
    pub problems: Vec<String>,
    /// Whether some of them could not even be read, or it is not known which VMs there are.
    pub unread: bool,
    /// Whether it is not known which VMs there are.
    pub unlisted: bool,
    /// Why it is not known which of them run; then none that does is to be found here.
    pub blind: Option<String>,
    /// Why there may be VMs with a GPU that are not to be found here: their list or a configuration cannot be read. A host
    /// without Proxmox VE has none.
    pub hidden: Option<String>,
}

impl World {
    /// Reads it.
    pub fn load(host: &Host) -> Self {
        let (configs, errors) = pve::load_all(host);
        let mut world = Self { blind: pve::unseen(host), ..Self::default() };
        let unlisted = pve::require_known(host).err();
        world.unlisted = unlisted.is_some();
        world.hidden = pve::unlisted(host).map(|(why, _)| why);
        for error in unlisted.iter().chain(errors.iter().map(|(_, error)| error)) {
            let next = Fault::of(error).and_then(|fault| fault.next.as_ref());
            world.problems.push(format!("{error:#}{}", next.map(|n| format!("; next: {n}")).unwrap_or_default()));
            let unread = error.chain().any(<dyn std::error::Error>::is::<io::Error>);
            if unread || Fault::code_of(error) == Code::Problem {
                world.unread = true;
                world.hidden.get_or_insert_with(|| format!("{error:#}"));
            }
        }
        world.hidden.take_if(|_| !tree::is_dir(&host.pve()));
        let mut running = None;
        for config in configs.iter().filter(|c| !c.hostpci.is_empty() && !c.template) {
            let devices = match pve::passthroughs(host, config) {
                Ok(devices) => devices,
                Err(error) => {
                    world.problems.push(format!("{error:#}"));
                    continue;
                }
            };
            let devices = devices.into_iter().filter(|d| !d.keep && !d.mdev).collect();
            let running = running.get_or_insert_with(|| pve::running(host));
            let process = running.iter().find(|r| r.vmid == config.vmid);
            world.vms.push(Vm {
                vmid: config.vmid,
                name: config.name.clone(),
                devices,
                pid: process.map(|r| r.pid),
                passed: process.map(|r| r.passed.clone()).unwrap_or_default(),
            });
        }
        world
    }

    /// Why it is not known whether a VM runs with a unit that none of those here runs with.
    pub fn unsure(&self) -> Option<&str> {
        self.blind.as_deref().or(self.hidden.as_deref())
    }

    /// The VMs whose configuration passes the unit through.
    pub fn naming<'a>(&'a self, unit: &'a Unit) -> impl Iterator<Item = &'a Vm> {
        self.vms.iter().filter(move |vm| vm.names(unit))
    }

    /// The VM that runs with the unit.
    pub fn user(&self, unit: &Unit) -> Option<&Vm> {
        self.vms.iter().find(|vm| vm.runs_with(unit))
    }

    /// The VM of a number, if it passes something through.
    pub fn vm(&self, vmid: u32) -> Option<&Vm> {
        self.vms.iter().find(|vm| vm.vmid == vmid)
    }
}
