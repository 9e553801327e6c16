//! The list of a cluster's resources: VMs and nodes are kept, containers and storages passed over while reading.

use super::loose::{Number, Text};
use crate::clock;
use serde::{
    Deserialize, Deserializer,
    de::{SeqAccess, Visitor},
};
use std::{collections::BTreeMap, fmt};

/// What a cluster has.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Resources {
    /// When the API said so, in milliseconds since 1970.
    pub at: u64,
    /// Its VMs, by number.
    pub vms: Vec<Vm>,
    /// What is no number of a VM where one has to be, as far as it is shown, and how many there were.
    pub strange: (Vec<String>, usize),
    /// Its nodes, and whether each is online.
    pub nodes: BTreeMap<String, bool>,
}

/// One VM.
#[derive(Debug, Clone, PartialEq)]
pub struct Vm {
    /// Its number.
    pub vmid: u32,
    /// Its name.
    pub name: Option<String>,
    /// The node that it is on.
    pub node: Option<String>,
    /// `running`, `stopped`, `unknown`.
    pub status: Option<String>,
    /// Whether it is a template.
    pub template: bool,
    /// The operation that has it locked.
    pub lock: Option<String>,
    /// What the HA manager says of it.
    pub ha: Option<String>,
    /// Used share of its processors.
    pub cpu: Option<f64>,
    /// Processors.
    pub cores: Option<u32>,
    /// Used memory in bytes.
    pub memory: Option<u64>,
    /// Memory in bytes.
    pub memory_total: Option<u64>,
    /// Bytes to the guest.
    pub net_in: Option<u64>,
    /// Bytes from the guest.
    pub net_out: Option<u64>,
    /// Seconds since it was started.
    pub uptime: Option<u64>,
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Entry {
    r#type: Text,
    vmid: Number,
    name: Text,
    node: Text,
    status: Text,
    template: Number,
    lock: Text,
    hastate: Text,
    cpu: Number,
    maxcpu: Number,
    mem: Number,
    maxmem: Number,
    netin: Number,
    netout: Number,
    uptime: Number,
}

impl Entry {
    fn vm(&self) -> Option<Vm> {
        Some(Vm {
            vmid: self.vmid.whole().and_then(|number| u32::try_from(number).ok())?,
            name: self.name.short(),
            node: self.node.short(),
            status: self.status.short(),
            template: self.template.flag().unwrap_or(false),
            lock: self.lock.short(),
            ha: self.hastate.short(),
            cpu: self.cpu.real(),
            cores: self.maxcpu.whole().and_then(|number| u32::try_from(number).ok()),
            memory: self.mem.whole(),
            memory_total: self.maxmem.whole(),
            net_in: self.netin.whole(),
            net_out: self.netout.whole(),
            uptime: self.uptime.whole(),
        })
    }
}

/// So many of what is left out are shown.
const SHOWN: usize = 3;

impl Resources {
    fn note(&mut self, vmid: Number) {
        self.strange.1 += 1;
        if self.strange.0.len() < SHOWN {
            self.strange.0.push(vmid.real().map_or_else(|| "none".to_owned(), |number| format!("{number:?}")));
        }
    }

    /// What was left out, where anything was.
    pub fn left_out(&self) -> Option<String> {
        let (shown, count) = &self.strange;
        let more = if *count > shown.len() { ", …" } else { "" };
        let shown = shown.join(", ");
        (*count > 0).then(|| format!("left out, as their vmid is no number of a VM: {count} ({shown}{more})"))
    }
}

impl<'de> Deserialize<'de> for Resources {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct List;
        impl<'de> Visitor<'de> for List {
            type Value = Resources;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of resources")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Resources, A::Error> {
                let mut all = Resources { at: clock::millis(), ..Resources::default() };
                while let Some(entry) = list.next_element::<Entry>()? {
                    if entry.r#type.is("qemu") {
                        match entry.vm() {
                            Some(vm) => all.vms.push(vm),
                            None => all.note(entry.vmid),
                        }
                    } else if entry.r#type.is("node") {
                        let online = entry.status.is("online");
                        all.nodes.extend(entry.node.short().map(|node| (node, online)));
                    }
                }
                all.vms.sort_by_key(|vm| vm.vmid);
                Ok(all)
            }
        }
        from.deserialize_seq(List)
    }
}
