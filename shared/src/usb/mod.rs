//! USB devices, their ports and controllers, and which VM is given which.

mod confirm;
mod controller;
mod device;
pub mod events;
#[cfg(test)]
pub(crate) mod fake;
pub mod handle;
mod heal;
pub mod in_use;
mod keyboards;
mod passed;
mod port;
mod prepare;
pub mod replug;
pub mod reset;
pub mod target;

pub use confirm::confirm;
pub use controller::{Controller, XHCI};
pub use device::{Interface, UsbDevice, UsbId, devices, root_hubs};
pub use heal::heal;
pub use passed::Passed;
pub use port::Port;
pub use prepare::prepare;
