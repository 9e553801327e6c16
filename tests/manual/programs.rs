//! The programs' own definitions of what can be typed, of which only the shape is used.
#![allow(dead_code, reason = "only what clap derives from them is needed here")]

#[path = "../../bins/coral-check/src/cli.rs"]
pub mod coral_check;
#[path = "../../bins/gpu-bind/src/cli.rs"]
pub mod gpu_bind;
#[path = "../../bins/pve-hook/src/cli.rs"]
pub mod pve_hook;
#[path = "../../bins/usb-reset/src/cli.rs"]
pub mod usb_reset;
#[path = "../../bins/vm-probe/src/cli.rs"]
pub mod vm_probe;
