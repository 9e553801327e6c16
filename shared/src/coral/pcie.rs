//! Corals on `PCIe` and M.2: reported, never touched.

use super::finding::Severity;
use crate::{
    host::{Host, names},
    pci, sysfs,
};
use serde::Serialize;

/// Vendor and device.
const ID: (u16, u16) = (0x1ac1, 0x089a);
/// From here on the driver slows it down (the first trip point), in thousandths of a degree.
const HOT: i64 = 85_000;
/// What the sensor says of a chip that does not answer: about -89 degrees.
const DEAD: i64 = -80_000;

/// One of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Pcie {
    /// Its address.
    pub address: String,
    /// `apex_0`; `None` while no driver has it.
    pub apex: Option<String>,
    /// Its driver: `apex`, or `vfio-pci` for a VM.
    pub driver: Option<String>,
    /// ALIVE, DEAD or LAMED, as the driver says.
    pub status: Option<String>,
    /// Its temperature in thousandths of a degree.
    pub temp_millicelsius: Option<i64>,
    /// How often the driver reset it.
    pub reset_count: Option<u64>,
    /// How bad that is.
    pub severity: Severity,
    /// What is wrong, or what is to be known.
    pub text: String,
}

/// Every Coral on `PCIe`.
pub fn corals(host: &Host) -> Vec<Pcie> {
    let apexes = names(&host.apex_class());
    let of = |address: &str| {
        let is =
            |apex: &&String| sysfs::link_name(&host.apex_class().join(apex).join("device")).as_deref() == Some(address);
        apexes.iter().find(is).cloned()
    };
    let here = pci::devices(host).into_iter().map(|address| pci::Device::new(host, address));
    let corals = here.filter(|device| (device.vendor(), device.device_id()) == ID);
    corals.map(|device| look(host, &device, of(&device.address.to_string()))).collect()
}

fn look(host: &Host, device: &pci::Device<'_>, apex: Option<String>) -> Pcie {
    let attribute = |name: &str| sysfs::read(&host.apex_class().join(apex.as_ref()?).join(name)).ok();
    let (status, driver) = (attribute("status"), device.driver());
    let temp = attribute("temp").and_then(|text| text.parse().ok());
    let (severity, text) = judge(apex.is_some(), driver.as_deref(), status.as_deref(), temp);
    Pcie {
        address: device.address.to_string(),
        status,
        driver,
        temp_millicelsius: temp,
        reset_count: attribute("reset_count").and_then(|text| text.parse().ok()),
        severity,
        text: text.into(),
        apex,
    }
}

fn judge(apex: bool, driver: Option<&str>, status: Option<&str>, temp: Option<i64>) -> (Severity, &'static str) {
    match (driver, status) {
        (Some(vfio), _) if vfio.starts_with("vfio") => {
            (Severity::Ok, "on vfio-pci: given to a VM, only its guest can tell")
        }
        (_, Some("DEAD")) => (Severity::Critical, "the driver gave it up: power the host off and on, check its seat"),
        _ if temp.is_some_and(|temp| temp < DEAD) => {
            (Severity::Critical, "its sensor does not answer: power the host off and on, check its seat")
        }
        (_, Some("LAMED")) => (Severity::Warning, "the driver could not reset it: a reboot of the host cures that"),
        _ if temp.is_some_and(|temp| temp >= HOT) => (Severity::Warning, "too hot: it is slowed down"),
        (None, _) if !apex => {
            (Severity::Warning, "no driver has it: gasket-dkms is not installed or does not fit the kernel")
        }
        (_, None) => (Severity::Warning, "its driver does not say how it is"),
        _ => (Severity::Ok, "as it should be"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_driver_says_is_judged() {
        for (apex, driver, status, temp, severity) in [
            (true, Some("apex"), Some("ALIVE"), Some(46_050), Severity::Ok),
            (true, Some("apex"), Some("ALIVE"), Some(85_000), Severity::Warning),
            (true, Some("apex"), Some("ALIVE"), Some(-89_700), Severity::Critical),
            (true, Some("apex"), Some("LAMED"), None, Severity::Warning),
            (true, Some("apex"), Some("DEAD"), None, Severity::Critical),
            (false, Some("vfio-pci"), None, None, Severity::Ok),
            (false, None, None, None, Severity::Warning),
            (false, Some("pci-stub"), None, None, Severity::Warning),
            (true, Some("apex"), None, Some(46_050), Severity::Warning),
        ] {
            assert_eq!(judge(apex, driver, status, temp).0, severity, "{driver:?} {status:?} {temp:?}");
        }
    }
}
