//! What a VM's configuration says of the machine itself: display, sound, processors, memory.

use super::property::Properties;

/// What a VM has where nothing is told, in MiB: `get_current_memory` in `PVE::QemuServer::Memory`.
const MEMORY: u64 = 512;

/// The machine, as far as it is told.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Machine {
    vga: Option<String>,
    audio: bool,
    sockets: Option<u32>,
    cores: Option<u32>,
    vcpus: Option<u32>,
    memory: Option<u64>,
}

impl Machine {
    /// Takes one line, if it is about the machine.
    pub fn take(&mut self, key: &str, value: &str) {
        let of = |default| Properties::parse(value, Some(default)).ok();
        match key {
            "vga" => self.vga = of("type").map(|vga| vga.get("type").unwrap_or("std").to_owned()),
            "audio0" => self.audio = true,
            "sockets" => self.sockets = value.parse().ok(),
            "cores" => self.cores = value.parse().ok(),
            "vcpus" => self.vcpus = value.parse().ok(),
            "memory" => self.memory = of("current").and_then(|memory| memory.get("current")?.parse().ok()),
            _ => {}
        }
    }

    /// Whether QEMU gives it a display, and with it VNC: `config_to_command` in `PVE::QemuServer`. A passed GPU that is the
    /// `primary` one takes the place of the default display only (`print_hostpci_devices` in `PVE::QemuServer::PCI`).
    pub fn has_display(&self, primary: bool) -> bool {
        self.vga.as_deref().map_or(!primary, |kind| kind != "none" && !kind.starts_with("serial"))
    }

    /// Whether it has a sound card.
    pub fn has_audio(&self) -> bool {
        self.audio
    }

    /// How many processors the guest starts with.
    pub fn processors(&self) -> u32 {
        let most = self.sockets.unwrap_or(1).saturating_mul(self.cores.unwrap_or(1)).max(1);
        self.vcpus.map_or(most, |vcpus| vcpus.clamp(1, most))
    }

    /// Memory in bytes.
    pub fn memory(&self) -> u64 {
        self.memory.unwrap_or(MEMORY).saturating_mul(1 << 20)
    }
}
