//! What the programs of pve-hooks share. Arrows point downwards only: subjects ([`gpu`]) stand on the Proxmox VE layer
//! ([`pve`]), that on the system layer ([`pci`], [`sysfs`], [`proc`], [`lock`], [`state`]), and all of it on [`host`].

pub mod fault;
pub mod host;
pub mod kernel_log;
pub mod modprobe_d;
pub mod modules;
pub mod pci;
pub mod proc;
