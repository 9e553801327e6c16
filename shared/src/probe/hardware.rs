//! What there is to measure of a VM, by its configuration.

use super::instance::{Hardware, Nic};
use crate::pve::{VmConfig, net::Net};

/// The hardware of a VM, as PVE gives it to QEMU.
pub fn hardware(config: &VmConfig) -> Hardware {
    Hardware {
        nics: config.nets.iter().map(|net| nic(config.vmid, net)).collect(),
        display: config.has_display(),
        audio: config.machine.has_audio(),
        agent: config.agent_enabled,
        cores: Some(config.machine.processors()),
        memory: Some(config.machine.memory()),
        ostype: config.ostype.clone(),
    }
}

fn nic(vmid: u32, net: &Net) -> Nic {
    // Without a bridge QEMU is the network itself (`print_netdev_full` in `PVE::QemuServer`).
    let tap = net.bridge.as_ref().and_then(|_| Some(format!("tap{vmid}i{}", net.number()?)));
    Nic {
        key: net.key.clone(),
        tap: tap.unwrap_or_default(),
        bridge: net.bridge.clone(),
        firewall: net.firewall,
        link_down: net.link_down,
        tag: net.tag,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn of(text: &str) -> Hardware {
        hardware(&VmConfig::parse(text, Path::new("/etc/pve/qemu-server/111.conf")).unwrap())
    }

    #[test]
    fn a_configuration_says_what_there_is_to_measure() {
        let it = of(
            "cores: 4\nsockets: 2\nvcpus: 6\nmemory: current=4096\naudio0: device=ich9-intel-hda,driver=none\n\
             agent: 1\nostype: win11\nnet2: virtio,bridge=vmbr1,link_down=1\nnet0: virtio=AA:BB:CC:DD:EE:FF,bridge=vmbr0,firewall=1,tag=7\n\
             net1: e1000\n[PENDING]\nnet3: virtio,bridge=vmbr0\n",
        );
        assert_eq!((it.cores, it.memory, it.ostype.as_str()), (Some(6), Some(4 << 30), "win11"));
        assert!(it.display && it.audio && it.agent);
        let taps: Vec<_> = it.nics.iter().map(|nic| (nic.key.as_str(), nic.tap.as_str())).collect();
        assert_eq!(taps, [("net0", "tap111i0"), ("net1", ""), ("net2", "tap111i2")]);
        let nic = &it.nics[0];
        assert_eq!(
            (nic.bridge.as_deref(), nic.firewall, nic.link_down, nic.tag),
            (Some("vmbr0"), true, false, Some(7))
        );
        assert!(it.nics[2].link_down);
    }

    #[test]
    fn where_nothing_is_told_pves_defaults_hold() {
        let it = of("");
        assert_eq!((it.cores, it.memory), (Some(1), Some(512 << 20)));
        assert!(it.display && !it.audio && !it.agent && it.nics.is_empty());
    }

    #[test]
    fn a_display_is_what_qemu_draws() {
        for (text, display) in [
            ("vga: none\n", false),
            ("vga: serial0\n", false),
            ("vga: qxl,memory=32\n", true),
            ("vga: memory=32\n", true),
            ("hostpci0: 01:00,x-vga=1\n", false),
            ("hostpci0: 01:00,x-vga=1\nvga: std\n", true),
            ("hostpci0: 01:00\n", true),
        ] {
            assert_eq!(of(text).display, display, "{text}");
        }
    }
}
