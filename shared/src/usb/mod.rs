//! USB devices, as far as a VM start needs them.

mod device;
mod prepare;

pub use device::{UsbDevice, devices};
pub use prepare::prepare;
