//! The hardware as it was when the GPU last worked on the host, and what differs today. That is how a black screen is told
//! from a wrong driver.

use super::{
    observe::{Function, Observation},
    record,
    unit::Unit,
};
use crate::{
    host::{Host, read_text},
    pci::{Address, Device},
    state,
};
use anyhow::Result;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, path::PathBuf};

/// The snapshot of a unit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Baseline {
    /// When it was taken, in seconds of the epoch.
    pub at: u64,
    /// The boot in which it was last seen so.
    pub boot_id: String,
    /// The kernel that ran.
    pub kernel: String,
    /// The display function.
    pub address: Option<Address>,
    /// The IOMMU group.
    pub iommu_group: Option<u32>,
    /// The bridge above.
    pub bridge: Option<Address>,
    /// Its functions.
    pub functions: BTreeMap<Address, Snapshot>,
}

/// The snapshot of a function. Every figure may be unknown.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Snapshot {
    /// Vendor and device.
    pub id: String,
    /// The driver.
    pub driver: Option<String>,
    /// `driver_override`.
    pub driver_override: Option<String>,
    /// D0 to D3cold.
    pub power_state: Option<String>,
    /// The command register: memory, I/O and bus-master enable.
    pub command: Option<String>,
    /// Base address registers as configuration space holds them.
    pub bars: Vec<String>,
    /// Regions as the kernel has assigned them.
    pub regions: Vec<String>,
    /// Speed and width of the link, and what they could be.
    pub link: Option<String>,
    /// How the kernel would reset it.
    pub reset_method: Option<String>,
    /// DRM nodes.
    pub drm: Vec<String>,
    /// Sound cards.
    pub sound: Vec<String>,
    /// Connectors with a screen.
    pub screens: Vec<String>,
}

/// One thing that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The function.
    pub address: Address,
    /// What differs.
    pub what: &'static str,
    /// When the GPU worked.
    pub then: String,
    /// Now.
    pub now: String,
}

impl Baseline {
    /// The snapshot of what is there now.
    pub fn take(host: &Host, unit: &Unit, seen: &Observation) -> Self {
        let functions = seen.functions.iter().map(|f| (f.address, Snapshot::take(host, f)));
        Self {
            at: record::now(),
            boot_id: host.boot_id(),
            kernel: host.kernel_release(),
            address: Some(unit.address),
            iommu_group: unit.group,
            bridge: Device::new(host, unit.address).upstream(),
            functions: functions.collect(),
        }
    }

    /// The snapshot that was kept.
    pub fn load(host: &Host, unit: &Unit) -> Option<Self> {
        state::load(&path(host, unit.key()))
    }

    /// Keeps it, unless the kept one says the same.
    pub fn keep(&self, host: &Host, unit: &Unit) -> Result<()> {
        if Self::load(host, unit).is_some_and(|old| Self { at: self.at, ..old } == *self) {
            return Ok(());
        }
        state::save(&path(host, unit.key()), self)
    }

    /// What differs between this snapshot and the hardware now.
    pub fn differences(&self, now: &Self) -> Vec<Difference> {
        let mut found = self.moved(now);
        let gone = Snapshot::default();
        for (address, then) in &self.functions {
            let today = now.functions.get(address).unwrap_or(&gone);
            let rows = then.rows().into_iter().zip(today.rows());
            found.extend(rows.filter(|((_, then), (_, now))| then != now).map(|((what, then), (_, now))| Difference {
                address: *address,
                what,
                then,
                now,
            }));
        }
        found
    }
}

impl Baseline {
    /// Whether the whole unit sits elsewhere: another IOMMU group, another bridge, another kernel.
    fn moved(&self, now: &Self) -> Vec<Difference> {
        let Some(address) = self.address else { return Vec::new() };
        let text = |n: Option<String>| n.unwrap_or_else(|| "-".into());
        let rows = [
            (
                "IOMMU group",
                text(self.iommu_group.map(|n| n.to_string())),
                text(now.iommu_group.map(|n| n.to_string())),
            ),
            ("bridge", text(self.bridge.map(|b| b.to_string())), text(now.bridge.map(|b| b.to_string()))),
            ("kernel", self.kernel.clone(), now.kernel.clone()),
        ];
        let differ = rows.into_iter().filter(|(_, then, now)| then != now);
        differ.map(|(what, then, now)| Difference { address, what, then, now }).collect()
    }
}

impl Snapshot {
    fn take(host: &Host, function: &Function) -> Self {
        let device = Device::new(host, function.address);
        let text = |name: &str| device.attribute(name).filter(|text| !text.is_empty());
        let link = ["current_link_speed", "current_link_width", "max_link_speed", "max_link_width"].map(&text);
        let link = match link {
            [Some(speed), Some(width), Some(best), Some(widest)] => {
                Some(format!("{speed} x{width} (could be {best} x{widest})"))
            }
            _ => None,
        };
        let regions = read_text(&device.dir().join("resource")).unwrap_or_default();
        Self {
            id: format!("{:04x}:{:04x}", function.id.0, function.id.1),
            power_state: text("power_state"),
            command: function.dword(4).map(|dword| command(dword & 0xffff)),
            bars: (0..6).filter_map(|n| Some(format!("{:08x}", function.dword(0x10 + 4 * n)?))).collect(),
            regions: regions.lines().take(7).map(ToOwned::to_owned).collect(),
            link,
            reset_method: text("reset_method"),
            screens: device.screens(),
            driver: function.driver.clone(),
            driver_override: function.driver_override.clone(),
            drm: function.drm.clone(),
            sound: function.sound.clone(),
        }
    }

    fn rows(&self) -> [(&'static str, String); 12] {
        let one = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".into());
        let many = |values: &[String]| if values.is_empty() { "-".into() } else { values.join(" ") };
        [
            ("id", self.id.clone()),
            ("driver", one(&self.driver)),
            ("driver override", one(&self.driver_override)),
            ("power state", one(&self.power_state)),
            ("command register", one(&self.command)),
            ("BARs", many(&self.bars)),
            ("regions", many(&self.regions)),
            ("link", one(&self.link)),
            ("reset methods", one(&self.reset_method)),
            ("DRM nodes", many(&self.drm)),
            ("sound cards", many(&self.sound)),
            ("screens", many(&self.screens)),
        ]
    }
}

/// The bits of the command register that decide whether a driver can work.
fn command(register: u32) -> String {
    let bit = |n: u32, on: &'static str| if register & n == 0 { "" } else { on };
    format!("{register:04x}{}{}{}", bit(1, " io"), bit(2, " memory"), bit(4, " bus-master"))
}

fn path(host: &Host, key: Address) -> PathBuf {
    host.lib_dir().join("baseline").join(format!("{key}.json"))
}

/// Every unit that has worked on this host since it was booted: one that is missing now has vanished.
pub fn known(host: &Host) -> Vec<(Unit, Baseline)> {
    let names = crate::host::names(&host.lib_dir().join("baseline"));
    let keys = names.iter().filter_map(|name| name.strip_suffix(".json")?.parse::<Address>().ok());
    keys.filter_map(|key| {
        let baseline: Baseline = state::load(&path(host, key)).filter(|b: &Baseline| b.boot_id == host.boot_id())?;
        let address = baseline.address.unwrap_or(key);
        Some((Unit::of(host, address, baseline.functions.keys().copied(), baseline.iommu_group), baseline))
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_named() {
        let address: Address = "0000:01:00.0".parse().unwrap();
        let then = Snapshot { driver: Some("nouveau".into()), power_state: Some("D0".into()), ..Snapshot::default() };
        let now = Snapshot { power_state: Some("D3cold".into()), ..then.clone() };
        let unit = |snapshot: Snapshot| Baseline { functions: [(address, snapshot)].into(), ..Baseline::default() };
        let found = unit(then.clone()).differences(&unit(now));
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].what, found[0].then.as_str(), found[0].now.as_str()), ("power state", "D0", "D3cold"));
        assert!(unit(then.clone()).differences(&unit(then)).is_empty());
    }
}
