//! Whether QEMU's handle on a USB device is alive. A guest goes on listing a device whose handle is dead.

use super::UsbDevice;
use crate::host::Host;

/// QEMU's handle on one device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Handle {
    /// QEMU has the very node open that the device has now.
    Live,
    /// QEMU holds a node that is gone, or that of an earlier enumeration; the text says which.
    Stale(String),
    /// QEMU has no node of it open.
    None,
    /// Cannot be told, and why.
    Unknown(String),
}

/// The handle that the QEMU of process `pid` has on `device` (as it is now; `None` when it is not plugged in).
pub fn handle(_host: &Host, _pid: i32, _device: Option<&UsbDevice<'_>>) -> Handle {
    Handle::Unknown("not built yet".into())
}
