//! What moves together: all functions of a GPU's slot and every non-bridge member of its IOMMU group.

use crate::{
    fault::Fault,
    host::{Host, names, read_file},
    pci::{Address, Device, Prefix, group_members, slot_functions},
};
use anyhow::Result;
use std::{collections::BTreeSet, io::ErrorKind};

/// A device with everything that has to move with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// The function that it is named by: the display function of a GPU.
    pub address: Address,
    /// All functions, in the order in which they go back to the host: display first.
    pub functions: Vec<Address>,
    /// The IOMMU group.
    pub group: Option<u32>,
}

impl Unit {
    /// The unit around a function that is there.
    pub fn around(host: &Host, address: Address) -> Self {
        let group = Device::new(host, address).iommu_group();
        let mut functions: BTreeSet<Address> = slot_functions(host, address.slot).into_iter().collect();
        functions.extend(group.map(|n| group_members(host, n)).unwrap_or_default());
        functions.retain(|f| !Device::new(host, *f).is_bridge());
        functions.insert(address);
        Self::of(host, address, functions, group)
    }

    /// A unit of known functions, some of which may be gone.
    pub fn of(host: &Host, address: Address, functions: impl IntoIterator<Item = Address>, group: Option<u32>) -> Self {
        let mut functions: Vec<_> = functions.into_iter().collect();
        // Functions 1 to 3 of a GPU are runtime-PM consumers of function 0: the supplier comes first.
        functions.sort_by_key(|f| (!Device::new(host, *f).is_display(), f.slot != address.slot, *f));
        Self { address, functions, group }
    }

    /// The locks that a move of this unit needs.
    pub fn lock_names(&self) -> Vec<String> {
        let slots: BTreeSet<_> = self.functions.iter().map(|f| f.slot).collect();
        let group = self.group.map(|n| format!("group-{n}"));
        slots.iter().map(|slot| format!("slot-{slot}")).chain(group).collect()
    }

    /// The name that its records go by: the same for every GPU of one group, because they move as one.
    pub fn key(&self) -> Address {
        self.functions.iter().copied().min().unwrap_or(self.address)
    }

    /// Whether any of these functions is part of the unit.
    pub fn touches<'a>(&self, functions: impl IntoIterator<Item = &'a Address>) -> bool {
        functions.into_iter().any(|f| self.functions.contains(f))
    }
}

/// Every GPU of the host, by address. Virtual functions are PVE's business.
pub fn gpus(host: &Host) -> Vec<Unit> {
    let mut units: Vec<Unit> = Vec::new();
    for address in names(&host.pci_devices()).iter().filter_map(|name| name.parse::<Address>().ok()) {
        let device = Device::new(host, address);
        let seen = units.iter().any(|unit| unit.address.slot == address.slot);
        if !seen && device.is_display() && !device.is_virtual_function() {
            units.push(Unit::around(host, address));
        }
    }
    units
}

/// Devices of which it is not known whether they are GPUs, each with the reason: their class cannot be read. A tree in which
/// there is none makes no claim.
pub fn unclassed(host: &Host) -> Vec<String> {
    let addresses = names(&host.pci_devices()).into_iter().filter_map(|name| name.parse::<Address>().ok());
    let told = addresses.filter_map(|address| {
        let path = Device::new(host, address).dir().join("class");
        let error = read_file(&path).err()?;
        let claims = host.is_live() || error.kind() != ErrorKind::NotFound;
        let shown = host.shown(&path);
        claims.then(|| {
            format!("{address}: whether it is a GPU is not known: cannot read {shown}: {error}; next: ls -l {shown}")
        })
    });
    told.collect()
}

/// The GPU that an address or a slot names. Anything else is refused.
pub fn gpu_named(host: &Host, prefix: Prefix) -> Result<Unit> {
    let members = slot_functions(host, prefix.slot);
    let named: Vec<_> = members.iter().copied().filter(|f| prefix.covers(*f)).collect();
    if named.is_empty() {
        return Fault::problem(format!("{prefix}: no such PCI device on this host"))
            .next("gpu-bind list   # if the device vanished: echo 1 > /sys/bus/pci/rescan")
            .fail();
    }
    let display = members.iter().copied().find(|f| Device::new(host, *f).is_display());
    match display {
        Some(display) if !Device::new(host, display).is_virtual_function() => Ok(Unit::around(host, display)),
        Some(_) => Fault::refused(format!("{prefix} is an SR-IOV virtual function; PVE moves those itself")).fail(),
        None => {
            let class = Device::new(host, named[0]).class();
            Fault::refused(format!("{prefix} is no GPU but {} (class {class:06x})", class_name(class)))
                .next("gpu-bind list   # shows the GPUs of this host")
                .fail()
        }
    }
}

/// What a PCI class is called.
pub fn class_name(class: u32) -> &'static str {
    match class >> 8 {
        0x0108 => "an NVMe controller",
        0x0300 => "a VGA controller",
        0x0302 => "a 3D controller",
        0x0401 | 0x0403 => "an audio device",
        0x0604 => "a PCI bridge",
        0x0c03 => "a USB controller",
        0x0c80 => "a serial bus controller",
        other => match other >> 8 {
            0x01 => "a storage controller",
            0x02 => "a network device",
            0x03 => "a display controller",
            0x06 => "a bridge",
            _ => "another device",
        },
    }
}
