//! From what a configuration names to the PCI functions that this machine has.

use super::{hostpci::Source, mapping::pci_mapping, vm_config::VmConfig};
use crate::{
    host::Host,
    pci::{Address, Prefix},
};
use anyhow::{Context as _, Result};

/// One `hostpciN` of a VM, resolved on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passthrough {
    /// `hostpci0` and so on.
    pub key: String,
    /// Functions that exist here, sorted. PVE takes the first alternative that is free; without a mapping there is one.
    pub alternatives: Vec<Vec<Address>>,
    /// What is named but not there. PVE refuses to start the VM, even if another alternative is complete.
    pub missing: Vec<Prefix>,
    /// The mapping that named them.
    pub mapping: Option<String>,
    /// `driver=keep`: not ours to bind.
    pub keep: bool,
    /// The VM gets a part of the device only, which stays with its host driver.
    pub mdev: bool,
}

impl Passthrough {
    /// Every function of every alternative, sorted, each once.
    pub fn functions(&self) -> Vec<Address> {
        let mut all: Vec<_> = self.alternatives.iter().flatten().copied().collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

/// Resolves every `hostpciN` of a VM.
pub fn passthroughs(host: &Host, config: &VmConfig) -> Result<Vec<Passthrough>> {
    let resolve = |device: &super::HostPci| {
        let named = match &device.source {
            Source::Host(prefixes) => vec![prefixes.clone()],
            Source::Mapping(name) => {
                pci_mapping(host, name).with_context(|| format!("{}: {}", config.file.display(), device.key))?
            }
        };
        let mut missing = Vec::new();
        let alternatives = named.iter().map(|prefixes| present(host, prefixes, &mut missing)).collect();
        Ok(Passthrough {
            key: device.key.clone(),
            alternatives,
            missing,
            mapping: device.mapping().map(str::to_owned),
            keep: device.keep,
            mdev: device.mdev.is_some(),
        })
    };
    config.hostpci.iter().map(resolve).collect()
}

/// The functions of `prefixes` that this machine has, sorted; a prefix without any goes to `missing`.
pub fn present(host: &Host, prefixes: &[Prefix], missing: &mut Vec<Prefix>) -> Vec<Address> {
    let mut found = Vec::new();
    for prefix in prefixes {
        let before = found.len();
        let candidates = (0..8).map(|function| prefix.slot.function(function)).filter(|a| prefix.covers(*a));
        found.extend(candidates.filter(|a| host.pci_device(*a).symlink_metadata().is_ok()));
        if found.len() == before && !missing.contains(prefix) {
            missing.push(*prefix);
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, path::Path};

    fn tree(functions: &[&str]) -> (tempfile::TempDir, Host) {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::new(dir.path());
        for function in functions {
            fs::create_dir_all(host.pci_devices().join(function)).unwrap();
        }
        (dir, host)
    }

    fn resolved(host: &Host, text: &str) -> Vec<Passthrough> {
        passthroughs(host, &VmConfig::parse(text, Path::new("/etc/pve/qemu-server/111.conf")).unwrap()).unwrap()
    }

    fn shown(list: &[Address]) -> Vec<String> {
        list.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_slot_means_all_functions_that_exist() {
        let (_dir, host) = tree(&["0000:01:00.0", "0000:01:00.1", "0000:01:00.3", "0001:01:00.0", "0000:02:00.0"]);
        let all = resolved(&host, "hostpci0: 01:00\nhostpci1: 02:00.0;01:00.1,driver=keep\nhostpci2: 09:00,mdev=x\n");
        assert_eq!(shown(&all[0].alternatives[0]), ["0000:01:00.0", "0000:01:00.1", "0000:01:00.3"]);
        assert_eq!(shown(&all[1].alternatives[0]), ["0000:01:00.1", "0000:02:00.0"]);
        assert!(all[1].keep && !all[1].mdev && all[1].missing.is_empty());
        assert_eq!(all[2].alternatives, [Vec::new()]);
        assert_eq!(all[2].missing, ["0000:09:00".parse().unwrap()]);
        assert!(all[2].mdev);
    }

    #[test]
    fn a_mapping_gives_its_alternatives() {
        let (_dir, host) = tree(&["0000:01:00.0", "0000:01:00.1", "0000:02:00.0"]);
        fs::create_dir_all(host.pve_mapping()).unwrap();
        fs::write(host.at("etc/hostname"), "pve").unwrap();
        let map = "gpu\n\tmap node=pve,path=0000:02:00\n\tmap node=pve,path=0000:01:00;0000:03:00\n";
        fs::write(host.pve_mapping().join("pci.cfg"), map).unwrap();
        let all = resolved(&host, "hostpci0: mapping=gpu,pcie=1\n");
        assert_eq!(all[0].mapping.as_deref(), Some("gpu"));
        assert_eq!(all[0].alternatives.iter().map(Vec::len).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(all[0].missing, ["0000:03:00".parse().unwrap()]);
        assert_eq!(shown(&all[0].functions()), ["0000:01:00.0", "0000:01:00.1", "0000:02:00.0"]);
    }

    #[test]
    fn a_missing_mapping_is_a_usage_error_that_names_both_files() {
        let (_dir, host) = tree(&[]);
        let config = VmConfig::parse("hostpci0: mapping=gpu", Path::new("/etc/pve/qemu-server/111.conf")).unwrap();
        let error = passthroughs(&host, &config).unwrap_err();
        assert_eq!(
            format!("{error:#}"),
            "/etc/pve/qemu-server/111.conf: hostpci0: /etc/pve/mapping/pci.cfg: no mapping \"gpu\""
        );
        assert_eq!(crate::fault::Fault::code_of(&error), crate::fault::Code::Usage);
    }
}
