//! `netN` of a VM's configuration: `virtio=BC:24:11:AA:BB:CC,bridge=vmbr0,firewall=1,tag=5`.

use super::property::Properties;
use crate::net::is_name;
use anyhow::{Result, ensure};

/// PVE knows so many network cards for each VM.
pub const MAX: usize = 32;

/// One network card.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Net {
    /// `net0`.
    pub key: String,
    /// The bridge; without one, QEMU itself is the network and there is no tap.
    pub bridge: Option<String>,
    /// Whether PVE's firewall has a bridge of its own between.
    pub firewall: bool,
    /// Whether the cable is unplugged.
    pub link_down: bool,
    /// The VLAN.
    pub tag: Option<u16>,
}

impl Net {
    /// Parses a value. Model and address are left to PVE.
    pub fn parse(key: &str, value: &str) -> Result<Self> {
        let properties = Properties::parse(value, Some("model"))?;
        let bridge = properties.get("bridge");
        if let Some(bridge) = bridge {
            ensure!(is_name(bridge), "{bridge:?} is no name of a bridge");
        }
        Ok(Self {
            key: key.to_owned(),
            bridge: bridge.map(str::to_owned),
            firewall: properties.flag("firewall")?.unwrap_or(false),
            link_down: properties.flag("link_down")?.unwrap_or(false),
            tag: properties.get("tag").and_then(|tag| tag.parse().ok()),
        })
    }

    /// Its number, by which its interfaces on the host are called.
    pub fn number(&self) -> Option<u32> {
        self.key.strip_prefix("net")?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_card_is_read_whatever_its_order() {
        let net = Net::parse("net1", "virtio=BC:24:11:AA:BB:CC,bridge=vmbr0,firewall=1,tag=5").unwrap();
        assert_eq!(
            (net.bridge.as_deref(), net.firewall, net.link_down, net.tag),
            (Some("vmbr0"), true, false, Some(5))
        );
        assert_eq!(net.number(), Some(1));
        let net = Net::parse("net0", "bridge=vmbr1,e1000,link_down=on").unwrap();
        assert_eq!((net.bridge.as_deref(), net.firewall, net.link_down, net.tag), (Some("vmbr1"), false, true, None));
        assert_eq!(Net::parse("net0", "virtio").unwrap().bridge, None);
    }

    #[test]
    fn a_bridge_that_none_can_be_called_is_refused() {
        for text in ["virtio,bridge=../../etc", "virtio,bridge=a-name-that-is-too-long", "virtio,firewall=maybe", "=,="]
        {
            assert!(Net::parse("net0", text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_input_makes_it_panic(text in "\\PC*", near in "(virtio|bridge|firewall|tag)=?[a-z0-9,=]{0,20}") {
            let _ = (Net::parse("net0", &text), Net::parse("net0", &near));
        }
    }
}
