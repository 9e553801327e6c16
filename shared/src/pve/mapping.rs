//! Cluster-wide names for devices: `/etc/pve/mapping/{pci,usb}.cfg`.

use super::{hostpci::prefixes, node::this_node, property::Properties, usb::UsbSource};
use crate::{
    fault::Fault,
    host::{Host, read_if_there},
    pci::Prefix,
};
use anyhow::{Context as _, Result, anyhow};

/// What a PCI mapping stands for on this node: alternatives, of which PVE takes the first that is free. Each is a list of
/// devices that are passed through together.
pub fn pci_mapping(host: &Host, name: &str) -> Result<Vec<Vec<Prefix>>> {
    let mut alternatives = Vec::new();
    for_this_node(host, "pci.cfg", name, |entry| {
        let alternative = prefixes(entry.get("path").ok_or_else(|| anyhow!("no \"path\""))?)?;
        if !alternatives.contains(&alternative) {
            alternatives.push(alternative);
        }
        Ok(())
    })?;
    Ok(alternatives)
}

/// What a USB mapping stands for on this node.
pub fn usb_mapping(host: &Host, name: &str) -> Result<UsbSource> {
    let mut found = None;
    let file = for_this_node(host, "usb.cfg", name, |entry| {
        // parse_usb_device in PVE::QemuServer::USB prefers the port, and dies on more than one entry for a node.
        let device = entry.get("path").or(entry.get("id")).ok_or_else(|| anyhow!("neither \"path\" nor \"id\""))?;
        if found.replace(device.parse()?).is_some() {
            return Err(anyhow!("PVE takes only one USB device per node"));
        }
        Ok(())
    })?;
    found.ok_or_else(|| Fault::usage(format!("{file}: mapping {name:?} is empty")).into())
}

/// The id that a USB mapping carries for this node. PVE compares it with the device at every start, even where a port names
/// the device. `None` where it carries none or cannot be read.
pub fn usb_mapping_id(host: &Host, name: &str) -> Option<(u16, u16)> {
    let mut found = None;
    let read = for_this_node(host, "usb.cfg", name, |entry| {
        if let Some(Ok(UsbSource::Id { vendor, product })) = entry.get("id").map(str::parse) {
            found = Some((vendor, product));
        }
        Ok(())
    });
    read.ok().and(found)
}

/// Hands each of this node's `map` lines to `take`; returns the file's name.
fn for_this_node(
    host: &Host,
    file: &str,
    name: &str,
    mut take: impl FnMut(&Properties<'_>) -> Result<()>,
) -> Result<String> {
    let path = host.pve_mapping().join(file);
    let shown = host.shown(&path);
    let text = read_if_there(&path).with_context(|| shown.clone())?.unwrap_or_default();
    let advice = "see Datacenter, Resource Mappings in PVE's web interface";
    let Some(lines) = section(&text, name) else {
        return Fault::usage(format!("{shown}: no mapping {name:?}")).next(advice).fail();
    };
    let node = this_node(host).or_else(|| only_node(&lines)).unwrap_or_default();
    let mut any = false;
    for (n, line) in lines {
        let place = |why: anyhow::Error| Fault::usage(format!("{shown}:{n}: {name}: {why}"));
        match Properties::parse(line, None) {
            Ok(entry) if entry.get("node") == Some(&node) => take(&entry).map_err(place)?,
            Err(why) if line.split(',').any(|part| part.strip_prefix("node=") == Some(&node)) => {
                return Err(place(why).into());
            }
            _ => continue,
        }
        any = true;
    }
    if any {
        return Ok(shown);
    }
    Fault::usage(format!("{shown}: mapping {name:?} has no device on node {node:?}")).next(advice).fail()
}

/// The `map` lines of a mapping with their line numbers. `PVE::SectionConfig` ends a section at an empty line; of two
/// sections with one name the last one holds.
fn section<'a>(text: &'a str, name: &str) -> Option<Vec<(usize, &'a str)>> {
    let mut found: Option<Vec<_>> = None;
    let mut inside = false;
    for (n, line) in text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with('#')) {
        if !line.starts_with([' ', '\t']) {
            inside = line.trim_end() == name;
            if inside {
                found = Some(Vec::new());
            }
        } else if let Some(lines) = found.as_mut().filter(|_| inside)
            && let Some(("map", value)) = line.trim().split_once([' ', '\t'])
        {
            lines.push((n + 1, value.trim_start()));
        }
    }
    found
}

/// The node that all lines speak of, for a copied tree that does not tell whose it is.
fn only_node(lines: &[(usize, &str)]) -> Option<String> {
    let mut nodes = lines.iter().filter_map(|(_, line)| line.split(',').find_map(|part| part.strip_prefix("node=")));
    let first = nodes.next()?;
    nodes.all(|node| node == first).then(|| first.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fs;

    const PCI: &str = "gpu
\tdescription map node=pve,path=0000:99:00
\tmap id=10de:2204,iommugroup=13,node=other,path=broken
\tmap node=pve,id=10de:2204,path=0000:01:00
\tmap id=10de:2204,node=pve,path=0000:02:00.0;0000:02:00.1;0000:02:00.0
\tmap id=10de:2204,node=pve,path=0000:01:00
\tmdev 0

nic
\tmap id=8086:1533,node=other,path=0000:04:00.0

bad
\tmap id=1,id=2,node=other
\tmap node=pve,path=0000:04:00.0,id=1,id=2
";

    fn tree(node: &str, pci: &str, usb: &str) -> (tempfile::TempDir, Host) {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::new(dir.path());
        fs::create_dir_all(host.pve_mapping()).unwrap();
        fs::create_dir_all(host.at("etc")).unwrap();
        fs::write(host.at("etc/hostname"), node).unwrap();
        fs::write(host.pve_mapping().join("pci.cfg"), pci).unwrap();
        fs::write(host.pve_mapping().join("usb.cfg"), usb).unwrap();
        (dir, host)
    }

    fn shown(alternatives: &[Vec<Prefix>]) -> Vec<String> {
        alternatives.iter().map(|a| a.iter().map(ToString::to_string).collect::<Vec<_>>().join(";")).collect()
    }

    #[test]
    fn only_this_nodes_lines_count() {
        let (_dir, host) = tree("pve.home.arpa\n", PCI, "");
        assert_eq!(shown(&pci_mapping(&host, "gpu").unwrap()), ["0000:01:00", "0000:02:00.0;0000:02:00.1"]);
    }

    #[test]
    fn what_is_missing_is_named_with_file_and_mapping() {
        let (_dir, host) = tree("pve\n", PCI, "");
        for (name, why) in [
            ("nope", "/etc/pve/mapping/pci.cfg: no mapping \"nope\""),
            ("nic", "/etc/pve/mapping/pci.cfg: mapping \"nic\" has no device on node \"pve\""),
            ("bad", "/etc/pve/mapping/pci.cfg:14: bad: duplicate key \"id\""),
        ] {
            let error = pci_mapping(&host, name).unwrap_err();
            assert_eq!(error.to_string(), why);
            assert_eq!(Fault::code_of(&error), crate::fault::Code::Usage);
        }
        assert!(pci_mapping(&Host::new("/nonexistent"), "gpu").is_err());
    }

    #[test]
    fn a_tree_without_a_name_is_understood_when_there_is_no_doubt() {
        let (_dir, host) = tree("", PCI, "");
        assert_eq!(shown(&pci_mapping(&host, "nic").unwrap()), ["0000:04:00.0"]);
        assert!(pci_mapping(&host, "gpu").is_err());
        fs::create_dir_all(host.pve_nodes().join("pve/qemu-server")).unwrap();
        assert_eq!(pci_mapping(&host, "gpu").unwrap().len(), 2);
    }

    #[test]
    fn a_usb_mapping_means_its_port_before_its_id() {
        let usb = "coral\n\tmap id=18d1:9302,node=pve,path=3-1.4\nstick\n\tmap id=18d1:9302,node=pve\ntwo\n\tmap id=18d1:9302,node=pve\n\tmap id=18d1:9302,node=pve,path=1-1\n";
        let (_dir, host) = tree("pve", "", usb);
        assert_eq!(usb_mapping(&host, "coral").unwrap().to_string(), "3-1.4");
        assert_eq!(usb_mapping(&host, "stick").unwrap().to_string(), "18d1:9302");
        assert_eq!(usb_mapping_id(&host, "coral"), Some((0x18d1, 0x9302)));
        assert_eq!(usb_mapping_id(&host, "nope"), None);
        let error = usb_mapping(&host, "two").unwrap_err().to_string();
        assert_eq!(error, "/etc/pve/mapping/usb.cfg:7: two: PVE takes only one USB device per node");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn no_input_makes_it_panic(text in "(gpu\n)?((\tmap )?\\PC*\n){0,5}") {
            let (_dir, host) = tree("pve", &text, &text);
            let _ = pci_mapping(&host, "gpu");
            let _ = (usb_mapping(&host, "gpu"), usb_mapping_id(&host, "gpu"));
        }
    }
}
