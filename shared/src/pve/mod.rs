//! Proxmox VE as this node sees it: VM configurations, mappings, running VMs and what PVE itself holds. Everything is read
//! from files.

pub mod hostpci;
pub mod mapping;
mod node;
pub mod property;
pub mod resolve;
pub mod usb;
pub mod vm_config;
pub mod vms;

pub use hostpci::{HostPci, Source};
pub use resolve::{Passthrough, passthroughs};
pub use usb::{Usb, UsbSource};
pub use vm_config::VmConfig;
pub use vms::{load, load_all, vm_ids};
