//! Which functions there are: of the host, of a slot, of an IOMMU group.

use super::{Address, Device, Slot};
use crate::host::{Host, names};

/// The functions that a slot has now.
pub fn slot_functions(host: &Host, slot: Slot) -> Vec<Address> {
    let function = |n| slot.function(n);
    (0..8).map(function).filter(|a| Device::new(host, *a).exists()).collect()
}

/// All functions in an IOMMU group, bridges included.
pub fn group_members(host: &Host, group: u32) -> Vec<Address> {
    let dir = host.iommu_groups().join(group.to_string()).join("devices");
    let mut members: Vec<_> = names(&dir).iter().filter_map(|n| n.parse().ok()).collect();
    members.sort_unstable();
    members
}

/// All PCI functions of the host.
pub fn devices(host: &Host) -> Vec<Address> {
    let mut all: Vec<_> = names(&host.pci_devices()).iter().filter_map(|n| n.parse().ok()).collect();
    all.sort_unstable();
    all
}
