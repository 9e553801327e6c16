//! What the programs of pve-hooks share. Arrows point downwards only: subjects ([`gpu`]) stand on the Proxmox VE layer
//! ([`pve`]), that on the system layer ([`pci`], [`sysfs`], [`proc`], [`lock`], [`state`]), and all of it on [`host`].

pub mod budget;
pub mod cli;
pub mod clock;
pub mod command;
pub mod config;
pub mod coral;
pub mod deadline;
pub mod failpoint;
pub mod fault;
pub mod gpu;
pub mod host;
pub mod in_use;
pub mod kernel_log;
pub mod kubernetes;
pub mod limits;
pub mod lock;
pub mod log;
pub mod modprobe_d;
pub mod modules;
pub mod net;
pub mod pci;
pub mod plain;
pub mod probe;
pub mod proc;
pub mod pve;
pub mod report;
pub mod reread;
pub mod session;
pub mod state;
pub mod sysfs;
pub mod tree;
pub mod usb;
pub mod web;
