//! PCI functions as the kernel shows them.

mod address;
mod device;
pub mod ids;
mod nodes;

pub use address::{Address, BadAddress, Prefix, Slot};
pub use device::{Device, devices, group_members, slot_functions};
