//! The kernel's rules for which driver a PCI function is bound to, in memory: `drivers/base/{bus,dd}.c`,
//! `drivers/pci/pci-driver.c` and the default-domain check of `drivers/iommu/iommu.c`, as 6.1 and 6.12 have them.

use passthrough::{gpu::plan::Step, pci::Address};

/// `include/uapi/asm-generic/errno-base.h`
pub const EBUSY: i32 = 16;
pub const EEXIST: i32 = 17;
pub const ENODEV: i32 = 19;

pub const VFIO: &str = "vfio-pci";

pub type Id = (u16, u16);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    pub address: Address,
    pub id: Id,
    pub group: u32,
    pub driver: Option<&'static str>,
    pub driver_override: Option<String>,
    /// QEMU has it open.
    pub held: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Driver {
    pub name: &'static str,
    /// The ids that it was compiled with. Those of vfio-pci match with an override only, so it has none here.
    pub table: Vec<Id>,
    /// What was written to `new_id`.
    pub dynamic: Vec<Id>,
}

/// Drivers are in the order in which they registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kernel {
    pub drivers: Vec<Driver>,
    pub devices: Vec<Device>,
}

impl Kernel {
    pub fn device(&self, address: Address) -> &Device {
        self.devices.iter().find(|d| d.address == address).expect("the model has this device")
    }

    fn device_mut(&mut self, address: Address) -> &mut Device {
        self.devices.iter_mut().find(|d| d.address == address).expect("the model has this device")
    }

    pub fn driver(&self, name: &str) -> Option<&Driver> {
        self.drivers.iter().find(|d| d.name == name)
    }

    fn driver_mut(&mut self, name: &str) -> Result<&mut Driver, i32> {
        self.drivers.iter_mut().find(|d| d.name == name).ok_or(ENODEV)
    }

    /// `pci_match_device`: an override excludes all other drivers and matches any id.
    fn matches(driver: &Driver, device: &Device) -> bool {
        match &device.driver_override {
            Some(name) => name == driver.name,
            None => driver.dynamic.contains(&device.id) || driver.table.contains(&device.id),
        }
    }

    /// `pci_dma_configure`: while a VM has a member of the group, no other member gets a driver that does DMA for the host.
    fn may_do_dma(&self, driver: &str, device: &Device) -> bool {
        let owned = self.devices.iter().any(|d| d.group == device.group && d.held);
        driver == VFIO || !owned
    }

    /// `really_probe`, for drivers that accept what they are given.
    fn probe(&mut self, driver: &'static str, address: Address) -> Result<(), i32> {
        if !self.may_do_dma(driver, self.device(address)) {
            return Err(EBUSY);
        }
        self.device_mut(address).driver = Some(driver);
        Ok(())
    }

    /// `bind_store`
    pub fn bind(&mut self, driver: &str, address: Address) -> Result<(), i32> {
        let driver = self.driver(driver).ok_or(ENODEV)?;
        let (name, device) = (driver.name, self.device(address));
        if !Self::matches(driver, device) {
            return Err(ENODEV);
        }
        if device.driver.is_some() {
            return Err(EBUSY);
        }
        self.probe(name, address)
    }

    /// `unbind_store`. Taking a device from vfio-pci under QEMU never returns, so no plan may get here.
    pub fn unbind(&mut self, driver: &str, address: Address) -> Result<(), i32> {
        let device = self.device_mut(address);
        if device.driver != Some(driver) {
            return Err(ENODEV);
        }
        assert!(!device.held, "{address}: this unbind hangs in the kernel");
        device.driver = None;
        Ok(())
    }

    /// `new_id_store`: beside adding the id, it binds every matching device that has no driver.
    pub fn new_id(&mut self, driver: &str, id: Id) -> Result<(), i32> {
        let driver = self.driver_mut(driver)?;
        if driver.table.contains(&id) || driver.dynamic.contains(&id) {
            return Err(EEXIST);
        }
        driver.dynamic.push(id);
        let driver = driver.clone();
        let fits = |d: &&Device| d.driver.is_none() && Self::matches(&driver, d);
        let unbound: Vec<Address> = self.devices.iter().filter(fits).map(|d| d.address).collect();
        for address in unbound {
            let _ = self.probe(driver.name, address);
        }
        Ok(())
    }

    /// `remove_id_store`: it unbinds nothing.
    pub fn remove_id(&mut self, driver: &str, id: Id) -> Result<(), i32> {
        let dynamic = &mut self.driver_mut(driver)?.dynamic;
        let at = dynamic.iter().position(|d| *d == id).ok_or(ENODEV)?;
        dynamic.remove(at);
        Ok(())
    }

    /// `bus_rescan_devices_helper`: success, whatever came of it.
    pub fn drivers_probe(&mut self, address: Address) {
        let device = self.device(address);
        if device.driver.is_some() {
            return;
        }
        let first = self.drivers.iter().find(|d| Self::matches(d, device) && self.may_do_dma(d.name, device));
        if let Some(name) = first.map(|d| d.name) {
            let _ = self.probe(name, address);
        }
    }

    /// One step of a plan.
    pub fn write(&mut self, step: &Step) -> Result<(), i32> {
        match step {
            Step::PowerControl(..) | Step::D3Cold(..) | Step::Console(..) => Ok(()),
            Step::Override(address, name) => {
                self.device_mut(*address).driver_override.clone_from(name);
                Ok(())
            }
            Step::Unbind(address, driver) => self.unbind(driver, *address),
            Step::Bind(address, driver) => self.bind(driver, *address),
            Step::RemoveId(driver, id) => self.remove_id(driver, *id),
        }
    }
}
