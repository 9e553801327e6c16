//! Which device it is, so that the one that comes back can be told from another.

use crate::{
    tree,
    usb::{UsbDevice, UsbId},
};
use serde::Serialize;
use serde_json::Number;
use std::os::unix::fs::MetadataExt;

/// The two ids of one Coral: before its firmware is loaded, and after.
const CORAL: [UsbId; 2] = [UsbId(0x1a6e, 0x089a), UsbId(0x18d1, 0x9302)];

/// A device as it was enumerated once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Identity {
    /// Where.
    pub port: String,
    /// Vendor and product.
    pub id: String,
    /// Its serial number, where it has one.
    pub serial: Option<String>,
    /// Its number on the bus.
    pub devnum: u16,
    /// The speed of its link in Mb/s.
    pub speed_mbps: Option<Number>,
    #[serde(skip)]
    ids: UsbId,
    /// Of its directory in sysfs. A bus that is made anew begins to count again; directories are never the same.
    #[serde(skip)]
    inode: u64,
    /// `power/control`.
    #[serde(skip)]
    pub(super) power_control: Option<String>,
}

impl Identity {
    /// The device that is there now, if one is.
    pub fn of(device: &UsbDevice<'_>) -> Option<Self> {
        let ids = device.id()?;
        Some(Self {
            port: device.port.clone(),
            id: ids.to_string(),
            serial: device.serial(),
            devnum: device.devnum()?,
            speed_mbps: device.exact_speed(),
            ids,
            inode: tree::metadata(&device.dir()).ok()?.ino(),
            power_control: device.power_control(),
        })
    }

    /// Whether both were enumerated at once, so that there was no reset in between which the kernel answered by a new device.
    pub(super) fn is_same_enumeration(&self, other: &Self) -> bool {
        self.inode == other.inode && self.devnum == other.devnum
    }

    /// Whether it is the same piece of hardware, as far as it tells.
    pub(super) fn is_same_device(&self, other: &Self) -> bool {
        let coral = [self.ids, other.ids].iter().all(|id| CORAL.contains(id));
        let serials = match (&self.serial, &other.serial) {
            // A Coral has no serial number before its firmware is loaded.
            (Some(one), Some(two)) => one == two || (coral && self.ids != other.ids),
            _ => true,
        };
        (self.ids == other.ids || coral) && serials
    }

    /// How it is called in messages.
    pub fn title(&self) -> String {
        format!("{} as device {} at {}", self.id, self.devnum, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(ids: UsbId, serial: Option<&str>) -> Identity {
        Identity {
            port: "3-1".into(),
            id: ids.to_string(),
            serial: serial.map(str::to_owned),
            devnum: 2,
            speed_mbps: Some(5000.into()),
            ids,
            inode: 7,
            power_control: None,
        }
    }

    #[test]
    fn a_coral_is_itself_under_both_ids_and_another_serial_is_another_device() {
        let stick = |serial| identity(UsbId(0x0781, 0x5583), serial);
        assert!(identity(CORAL[0], None).is_same_device(&identity(CORAL[1], None)));
        assert!(stick(Some("a")).is_same_device(&stick(Some("a"))));
        assert!(stick(Some("a")).is_same_device(&stick(None)), "one that is not told says nothing");
        assert!(!stick(Some("a")).is_same_device(&stick(Some("b"))));
        assert!(!stick(None).is_same_device(&identity(CORAL[1], None)));
    }
}
