//! Proxmox VE as this node sees it: VM configurations, mappings, running VMs and what PVE itself holds. Everything is read
//! from files.

pub mod hostpci;
pub mod property;
pub mod usb;
pub mod vm_config;

pub use hostpci::{HostPci, Source};
pub use usb::{Usb, UsbSource};
pub use vm_config::VmConfig;
