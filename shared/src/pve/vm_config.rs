//! A VM's configuration, as far as passthrough and the VM's health need it.

use super::{
    hostpci::{self, HostPci},
    machine::Machine,
    net::{self, Net},
    property::{Properties, boolean},
    usb::{self, Usb},
};
use crate::fault::Fault;
use anyhow::Result;
use std::path::{Path, PathBuf};

/// The main section of `VMID.conf`: what the VM would run with when it is started now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VmConfig {
    /// The VM's number.
    pub vmid: u32,
    /// The file, as messages name it.
    pub file: PathBuf,
    /// The VM's name; empty where it has none.
    pub name: String,
    /// Whether it is a template: only its backup ever starts it, and then without passthrough.
    pub template: bool,
    /// Whether PVE starts it when the host boots.
    pub onboot: bool,
    /// The operation that has the VM locked, such as `backup`.
    pub lock: Option<String>,
    /// The volume id of the hookscript.
    pub hookscript: Option<String>,
    /// The kind of guest, as PVE calls it: `l26`, `win11`; empty where it is not told.
    pub ostype: String,
    /// Whether the guest agent is switched on.
    pub agent_enabled: bool,
    /// PCI devices, by number.
    pub hostpci: Vec<HostPci>,
    /// USB devices, by number.
    pub usb: Vec<Usb>,
    /// Network cards, by number.
    pub nets: Vec<Net>,
    /// Display, sound, processors, memory.
    pub machine: Machine,
    /// What is strange but no reason to stop.
    pub warnings: Vec<String>,
}

impl VmConfig {
    /// Reads the text of `file`, which is named in messages and carries the VM's number.
    pub fn parse(text: &str, file: &Path) -> Result<Self> {
        let vmid = file
            .file_name()
            .and_then(|name| name.to_str()?.strip_suffix(".conf")?.parse().ok())
            .ok_or_else(|| Fault::usage(format!("{}: the name is not VMID.conf", file.display())))?;
        let mut config = Self { vmid, file: file.to_owned(), ..Self::default() };
        // Behind the first section header stand pending changes, snapshots and generated data: nothing that runs.
        let main = text.lines().enumerate().take_while(|(_, line)| !line.starts_with('['));
        for (n, line) in main {
            let Some((key, value)) = line.split_once(':') else { continue };
            let value = value.trim();
            if value.is_empty() || key.starts_with('#') {
                continue;
            }
            let mut strange = Vec::new();
            let outcome = config.take(key, value, &mut strange);
            let place = || format!("{}:{}: {key}", file.display(), n + 1);
            outcome.map_err(|why| Fault::usage(format!("{}: {why}", place())))?;
            config.warnings.extend(strange.into_iter().map(|what| format!("{}: {what}", place())));
        }
        config.hostpci.sort_by_key(|device| index("hostpci", &device.key));
        config.usb.sort_by_key(|device| index("usb", &device.key));
        config.nets.sort_by_key(|net| index("net", &net.key));
        Ok(config)
    }

    /// Whether the guest is a Windows (`windows_version` in `PVE::QemuServer::Helpers`: its oldest names begin with `w` only).
    pub fn is_windows(&self) -> bool {
        self.ostype.starts_with("win") || matches!(self.ostype.as_str(), "wxp" | "w2k" | "w2k3" | "w2k8" | "wvista")
    }

    /// Whether the VM is given any device of the host.
    pub fn has_passthrough(&self) -> bool {
        !self.hostpci.is_empty() || !self.usb.is_empty()
    }

    /// Whether QEMU gives it a display.
    pub fn has_display(&self) -> bool {
        self.machine.has_display(self.hostpci.iter().any(HostPci::is_primary))
    }

    fn take(&mut self, key: &str, value: &str, warnings: &mut Vec<String>) -> Result<()> {
        match key {
            // It goes to terminals.
            "name" => self.name = value.chars().filter(|c| !c.is_control()).collect(),
            "ostype" => value.clone_into(&mut self.ostype),
            "lock" => self.lock = Some(value.to_owned()),
            "hookscript" => self.hookscript = Some(value.to_owned()),
            "onboot" => self.onboot = boolean(value).unwrap_or(false),
            "template" => self.template = boolean(value).unwrap_or(false),
            "agent" => {
                let enabled = Properties::parse(value, Some("enabled")).and_then(|agent| agent.flag("enabled"));
                self.agent_enabled = enabled.ok().flatten().unwrap_or(false);
            }
            _ if index("net", key).is_some_and(|n| n < net::MAX) => match Net::parse(key, value) {
                Ok(net) => put(&mut self.nets, net, |n| n.key == key, warnings),
                // What passthrough does not need is no reason to stop.
                Err(error) => warnings.push(format!("{error}, ignored")),
            },
            _ if key.starts_with("hostpci") => match index("hostpci", key) {
                Some(n) if n < hostpci::MAX => {
                    let device = HostPci::parse(key, value, warnings)?;
                    put(&mut self.hostpci, device, |d| d.key == key, warnings);
                }
                _ => warnings.push("no such key, ignored".to_owned()),
            },
            _ if key.starts_with("usb") => match index("usb", key) {
                Some(n) if n < usb::MAX => {
                    let device = Usb::parse(key, value, warnings)?;
                    put(&mut self.usb, device, |d| d.key == key, warnings);
                }
                _ => warnings.push("no such key, ignored".to_owned()),
            },
            _ => self.machine.take(key, value),
        }
        Ok(())
    }
}

/// A key that comes twice: `parse_vm_config` in `PVE::QemuServer` assigns each in turn, so the last one holds.
fn put<T>(devices: &mut Vec<T>, device: T, same: impl Fn(&T) -> bool, warnings: &mut Vec<String>) {
    match devices.iter_mut().find(|d| same(d)) {
        Some(earlier) => {
            *earlier = device;
            warnings.push("given twice, the last one holds".to_owned());
        }
        None => devices.push(device),
    }
}

fn index(kind: &str, key: &str) -> Option<usize> {
    let digits = key.strip_prefix(kind)?;
    let canonical = digits == "0" || !digits.starts_with('0');
    (canonical && digits.bytes().all(|b| b.is_ascii_digit())).then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What a VM with a long life looks like on disk.
    const FULL: &str = include_str!("testdata/111.conf");

    fn parse(text: &str) -> Result<VmConfig> {
        VmConfig::parse(text, Path::new("/etc/pve/qemu-server/111.conf"))
    }

    #[test]
    fn only_the_main_section_counts() {
        let config = parse(FULL).unwrap();
        assert_eq!((config.vmid, config.name.as_str()), (111, "win11-gaming"));
        let hostpci: Vec<_> = config.hostpci.iter().map(|d| format!("{}: {d}", d.key)).collect();
        assert_eq!(
            hostpci,
            [
                "hostpci0: 0000:01:00,pcie=1,x-vga=1,romfile=gpu.rom",
                "hostpci2: mapping=nic",
                "hostpci10: 0000:05:00.0;0000:05:00.1,driver=keep",
            ]
        );
        let usb: Vec<_> = config.usb.iter().map(|d| format!("{}: {d}", d.key)).collect();
        assert_eq!(usb, ["usb0: 3-1.4,usb3=1", "usb1: 18d1:9302", "usb2: spice", "usb3: mapping=coral"]);
        assert_eq!(config.hookscript.as_deref(), Some("local:snippets/pve-hook"));
        assert_eq!(config.lock, None);
        assert!(config.agent_enabled && config.onboot && !config.template && config.has_passthrough());
        assert_eq!(config.warnings, Vec::<String>::new());
    }

    #[test]
    fn an_error_names_file_and_line() {
        let error = parse("name: a\n# text\nhostpci0: 01:00,pcie=1,pcie=1\n").unwrap_err();
        assert_eq!(error.to_string(), "/etc/pve/qemu-server/111.conf:3: hostpci0: duplicate key \"pcie\"");
        assert_eq!(Fault::code_of(&error), crate::fault::Code::Usage);
        let error = parse("usb0: host=nowhere").unwrap_err().to_string();
        assert!(error.starts_with("/etc/pve/qemu-server/111.conf:1: usb0: \"nowhere\" is no USB device"), "{error}");
        assert!(VmConfig::parse("", Path::new("/etc/pve/qemu-server/notes.conf")).is_err());
    }

    #[test]
    fn what_is_not_ours_is_no_error() {
        let text =
            "net0: =,=\nagent: maybe\ntemplate: what\n hostpci0: leading space\nhostpci1:\ngarbage\nname:  x \r\n";
        let config = parse(text).unwrap();
        assert_eq!(config.name, "x");
        assert!(!config.has_passthrough() && !config.agent_enabled && !config.template);
    }

    #[test]
    fn strange_things_are_warnings_with_a_place() {
        let config = parse("hostpci0: 01:00\nhostpci0: 02:00,new=1\nhostpci16: 01:00\nusb014: spice\n").unwrap();
        assert_eq!(config.hostpci.len(), 1);
        assert_eq!(config.hostpci[0].to_string(), "0000:02:00,new=1");
        let place = |line: u8, what: &str| format!("/etc/pve/qemu-server/111.conf:{line}: {what}");
        assert_eq!(
            config.warnings,
            [
                place(2, "hostpci0: unknown key \"new\""),
                place(2, "hostpci0: given twice, the last one holds"),
                place(3, "hostpci16: no such key, ignored"),
                place(4, "usb014: no such key, ignored"),
            ]
        );
    }

    #[test]
    fn flags_are_read() {
        for (text, agent) in [("1", true), ("enabled=1,type=isa", true), ("type=isa,on", true), ("0", false)] {
            assert_eq!(parse(&format!("agent: {text}")).unwrap().agent_enabled, agent, "{text}");
        }
        for (ostype, windows) in [("win11", true), ("w2k8", true), ("l26", false), ("other", false)] {
            assert_eq!(parse(&format!("ostype: {ostype}")).unwrap().is_windows(), windows, "{ostype}");
        }
        let config = parse("template: 1\nlock: backup\n").unwrap();
        assert!(config.template);
        assert_eq!(config.lock.as_deref(), Some("backup"));
    }

    proptest! {
        #[test]
        fn no_input_makes_it_panic(text in "(((hostpci|usb|agent|lock)[0-9]{0,3}: ?)?\\PC*\n){0,5}") {
            let _ = parse(&text);
        }
    }
}
