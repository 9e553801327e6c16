//! PCI functions as the kernel shows them.

mod address;
mod device;
pub mod ids;
mod in_use;
mod listing;
mod nodes;
mod reserved;

pub use address::{Address, BadAddress, Prefix, Slot};
pub use device::Device;
pub use in_use::{Asked, in_use};
pub use listing::{devices, group_members, slot_functions};
pub use nodes::Made;
pub use reserved::{Reservations, reserved};
