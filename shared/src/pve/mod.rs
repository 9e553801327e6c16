//! Proxmox VE as this node sees it: VM configurations, mappings, running VMs and what PVE itself holds. Everything is read
//! from files; only [`qm`] runs a program.

pub mod agent;
pub mod api;
pub mod config_lock;
pub mod guest;
pub mod hostpci;
mod machine;
pub mod mapping;
pub mod net;
mod node;
pub mod property;
pub mod qm;
pub mod qmp;
pub mod reservations;
pub mod resolve;
pub mod running;
pub mod usb;
pub mod version;
pub mod vm_config;
pub mod vms;

pub use hostpci::{HostPci, Source};
pub use machine::Machine;
pub use resolve::{Passthrough, passthroughs};
pub use running::{RunningVm, qemu_pid, running, stranger, unseen, vm_of};
pub use usb::{Usb, UsbSource};
pub use vm_config::VmConfig;
pub use vms::{load, load_all, require_configs, require_known, unlisted, vm_ids};
