//! The view from inside a VM: information only.

use super::{FULL_SPEED, host_side, pcie};
use crate::{host::Host, pve, sysfs};
use serde_json::{Value, json};

/// What a guest sees.
#[derive(Debug)]
pub struct Inside {
    corals: Vec<super::evidence::HostSide>,
    pcie: Vec<pcie::Pcie>,
    autosuspend: Option<i64>,
    /// Whether this is no VM but a host of some, where what is visible says nothing about a guest.
    on_host: bool,
}

/// Looks.
pub fn look(host: &Host) -> Inside {
    let all = host_side::corals(host);
    let corals = all.iter().filter_map(|coral| {
        let mut side = host_side::look(coral, &all)?;
        side.holders = host_side::holders(coral, &[], true);
        Some(side)
    });
    let autosuspend = sysfs::read(&host.modules().join("usbcore/parameters/autosuspend"));
    let autosuspend = autosuspend.ok().and_then(|text| text.parse().ok());
    let on_host = host.pve().is_dir() || host.at("usr/bin/pveversion").exists() || !pve::running(host).is_empty();
    Inside { corals: corals.collect(), pcie: pcie::corals(host), autosuspend, on_host }
}

impl Inside {
    /// Whether one is visible.
    pub fn is_visible(&self) -> bool {
        !self.corals.is_empty() || !self.pcie.is_empty()
    }

    /// The document.
    pub fn document(&self) -> Value {
        json!({
            "visible": self.is_visible(),
            "on_host": self.on_host,
            "corals": self.corals,
            "pcie": self.pcie,
            "autosuspend_seconds": self.autosuspend,
            "advice": self.advice(),
        })
    }

    /// What to try.
    pub fn advice(&self) -> Vec<String> {
        if self.on_host {
            return vec!["inside the VM: coral-check --guest".into(), "on this host: coral-check".into()];
        }
        if self.is_visible() {
            return Vec::new();
        }
        ["on the Proxmox host: coral-check --fix", "or there: qm reboot VMID", "then here: docker restart frigate"]
            .map(str::to_owned)
            .into()
    }

    /// The screen. Seen from here, a Coral may be listed and not work: only the host can tell.
    pub fn text(&self) -> String {
        let mut text = String::new();
        if self.on_host {
            text.push_str("this is a Proxmox VE host, no VM: what is visible here says nothing about a guest\n");
            for line in self.advice() {
                text.push_str(&format!("  {line}\n"));
            }
            return text;
        }
        for coral in &self.corals {
            let power = coral.power_control.as_deref().unwrap_or("not known");
            let speed = coral.speed_mbps.map_or_else(|| "speed not known".into(), |speed| format!("{speed} Mb/s"));
            let slow = if coral.speed_mbps.is_some_and(|speed| speed < FULL_SPEED) { " (slow)" } else { "" };
            text.push_str(&format!(
                "Coral {}  {}: visible, {speed}{slow}, power/control {power}\n",
                coral.port, coral.id
            ));
            let drivers: Vec<_> = coral.drivers.iter().map(|driver| driver.as_deref().unwrap_or("no driver")).collect();
            text.push_str(&format!("  interfaces: {}\n", drivers.join(", ")));
            let holders: Vec<_> = coral.holders.iter().map(super::evidence::HolderSide::title).collect();
            let used = if holders.is_empty() { "nobody".into() } else { holders.join(", ") };
            text.push_str(&format!("  used by: {used}\n"));
            if power == "auto" {
                text.push_str(&format!(
                    "  to keep it awake: echo on > /sys/bus/usb/devices/{}/power/control\n",
                    coral.port
                ));
            }
            text.push_str("  listed does not mean working; if it does not: docker restart frigate, then coral-check on the host\n");
        }
        for coral in &self.pcie {
            text.push_str(&format!("PCIe Coral {}: {}\n", coral.address, coral.text));
        }
        if !self.is_visible() {
            text.push_str("no Coral is visible in this VM\n");
            let seconds = self.autosuspend.map_or_else(
                || "not known".into(),
                |seconds| match seconds {
                    ..0 => "never".to_owned(),
                    seconds => format!("after {seconds} s"),
                },
            );
            text.push_str(&format!(
                "  the kernel lets a USB device that may sleep do so: {seconds} (usbcore.autosuspend)\n"
            ));
            self.advice().iter().for_each(|line| text.push_str(&format!("  {line}\n")));
        }
        text
    }
}
