//! The least cure for a device that a VM lost: QEMU lets go of it and takes it again, by its monitor. The guest sees an
//! unplug and a plug; nobody else sees anything.

use super::{Passed, UsbDevice};
use crate::{deadline::Deadline, host::Host, session::Session};
use anyhow::Result;

/// What QEMU says of its `usbN`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QemuView {
    /// Whether there is such a device in QEMU at all.
    pub exists: bool,
    /// Whether QEMU says that it is attached; `None` where it does not say.
    pub attached: Option<bool>,
    /// How QEMU was told to find it: `hostbus=3,hostport=1.4` or `vendorid=…,productid=…`.
    pub options: String,
}

/// Asks QEMU about a `usbN` of a running VM; the error says why the answer is unknown (monitor busy, no answer).
pub fn ask(_host: &Host, _passed: &Passed, _deadline: &Deadline) -> Result<QemuView, String> {
    Err("not built yet".into())
}

/// Takes the device off the VM and gives it back, verified by a live handle.
pub fn replug(_session: &Session, _passed: &Passed, _device: &UsbDevice<'_>) -> Result<()> {
    anyhow::bail!("not built yet")
}
