//! PCI functions as the kernel shows them.

mod address;

pub use address::{Address, BadAddress, Prefix, Slot};
