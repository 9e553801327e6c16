//! What PVE does to a device before it starts QEMU (`pci_dev_bind_to_vfio` in `PVE::SysFSTools`), write by write, so that
//! anything may happen between two of them.

use crate::kernel::{EEXIST, Kernel, VFIO};
use passthrough::pci::Address;

#[derive(Debug, Clone, Copy)]
enum Write {
    NewId,
    Unbind,
    Bind,
}

/// The writes that are still to come.
#[derive(Debug)]
pub struct Pve(Vec<(Address, Write)>);

impl Pve {
    pub fn binding(functions: &[Address]) -> Self {
        let writes = |address: &Address| [Write::NewId, Write::Unbind, Write::Bind].map(|write| (*address, write));
        Self(functions.iter().rev().flat_map(|address| writes(address).into_iter().rev()).collect())
    }

    pub fn is_done(&self) -> bool {
        self.0.is_empty()
    }

    /// The next write. It stops for good at the first that fails, as the start of the VM does.
    pub fn write(&mut self, kernel: &mut Kernel) {
        let Some((address, write)) = self.0.pop() else { return };
        let driver = kernel.device(address).driver;
        if driver == Some(VFIO) {
            self.0.retain(|(other, _)| *other != address);
            return;
        }
        let result = match write {
            Write::NewId => {
                kernel.new_id(VFIO, kernel.device(address).id).or_else(|e| (e == EEXIST).then_some(()).ok_or(e))
            }
            Write::Unbind => driver.map_or(Ok(()), |driver| kernel.unbind(driver, address)),
            Write::Bind => kernel.bind(VFIO, address),
        };
        if result.is_err() {
            self.0.clear();
        }
    }
}
