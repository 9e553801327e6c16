//! Whether the Coral stays awake after the next boot as well: by a udev rule, or by the kernel's command line.

use super::{BLANK, READY};
use crate::{
    host::{Host, names, read_if_there},
    sysfs,
    usb::UsbId,
};
use serde::Serialize;
use std::{collections::BTreeMap, path::Path};

/// The kernel's parameter that lets no USB device fall asleep.
const PARAMETER: &str = "usbcore.autosuspend=-1";
/// A rule for both ids.
const LINE: &str = r#"ACTION=="add", SUBSYSTEM=="usb", ATTR{idVendor}=="1a6e|18d1", ATTR{idProduct}=="089a|9302", ATTR{power/control}="on""#;
/// Where it goes.
const RULE: &str = "/etc/udev/rules.d/60-pve-hooks-coral.rules";

/// What keeps it awake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Persistence {
    /// Whether something will after the next boot.
    pub survives_reboot: bool,
    /// What: the udev rule's file, or the file with the kernel's command line.
    pub by: Option<String>,
    /// Whether the running kernel was started with the parameter.
    pub in_running_kernel: bool,
    /// Whether the next boot's command line is systemd-boot's (`/etc/kernel/cmdline`) or GRUB's.
    pub boot_loader: Option<&'static str>,
    /// The commands of which each alone makes it so.
    pub commands: Vec<String>,
}

/// Looks.
pub fn look(host: &Host) -> Persistence {
    let running = sysfs::read(&host.kernel_cmdline()).unwrap_or_default();
    let systemd_boot = text(host, "etc/kernel/cmdline");
    let grub = text(host, "etc/default/grub");
    let rule = rule_file(host);
    let by_loader = if systemd_boot.as_deref().is_some_and(has_parameter) {
        Some("/etc/kernel/cmdline".to_owned())
    } else {
        // With both there, /etc/kernel/cmdline is what systemd-boot takes; GRUB's file then boots nothing.
        let grub_boots = systemd_boot.is_none();
        let grub_has = grub.as_deref().is_some_and(|text| grub_lines(text).any(has_parameter));
        (grub_boots && grub_has).then(|| "/etc/default/grub".to_owned())
    };
    let by = rule.or(by_loader);
    let boot_loader = match (&systemd_boot, &grub) {
        (Some(_), _) => Some("systemd-boot"),
        (None, Some(_)) => Some("grub"),
        (None, None) => None,
    };
    let commands = if by.is_some() { Vec::new() } else { commands(boot_loader) };
    Persistence { survives_reboot: by.is_some(), by, in_running_kernel: has_parameter(&running), boot_loader, commands }
}

fn commands(boot_loader: Option<&str>) -> Vec<String> {
    let mut commands = vec![format!("echo '{LINE}' > {RULE} && udevadm control --reload")];
    match boot_loader {
        Some("systemd-boot") => {
            commands.push(format!("sed -i '1s/$/ {PARAMETER}/' /etc/kernel/cmdline && proxmox-boot-tool refresh"));
        }
        Some(_) => commands.push(format!(
            r#"sed -i 's/^GRUB_CMDLINE_LINUX_DEFAULT="/&{PARAMETER} /' /etc/default/grub && update-grub"#
        )),
        None => {}
    }
    commands
}

fn text(host: &Host, path: &str) -> Option<String> {
    read_if_there(&host.at(path)).ok().flatten().filter(|text| !text.trim().is_empty())
}

fn has_parameter(line: &str) -> bool {
    // Of several, the last one holds (parse_args in kernel/params.c takes each in turn).
    let mut values =
        line.split([' ', '\t', '\n', '"', '\'']).filter_map(|word| word.strip_prefix("usbcore.autosuspend="));
    values.next_back().is_some_and(|value| value.parse::<i64>().is_ok_and(|n| n < 0))
}

fn grub_lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| line.starts_with("GRUB_CMDLINE_LINUX"))
}

/// The file with rules for both ids. One in an earlier directory hides those of the same name.
fn rule_file(host: &Host) -> Option<String> {
    let mut files = BTreeMap::new();
    for dir in host.udev_rules_dirs() {
        for name in names(&dir).into_iter().filter(|name| Path::new(name).extension().is_some_and(|e| e == "rules")) {
            files.entry(name.clone()).or_insert_with(|| dir.join(name));
        }
    }
    let mut missing = vec![BLANK, READY];
    files.into_values().find_map(|path| {
        let text = read_if_there(&path).ok().flatten()?;
        missing.retain(|id| !keeps_awake(&text, *id));
        missing.is_empty().then(|| host.shown(&path))
    })
}

fn keeps_awake(rules: &str, id: UsbId) -> bool {
    let joined = rules.replace("\\\n", " ");
    let (vendor, product) = (format!("{:04x}", id.0), format!("{:04x}", id.1));
    joined.lines().map(str::trim).filter(|line| !line.starts_with('#')).any(|line| {
        let compact: String = line.chars().filter(|c| !c.is_whitespace()).collect();
        let says = |key: &str, id: &str| {
            let values = compact.split_once(&format!("{key}==\"")).and_then(|(_, rest)| rest.split('"').next());
            values.is_some_and(|values| values.split('|').any(|value| value.eq_ignore_ascii_case(id)))
        };
        let vendor = says("ATTR{idVendor}", &vendor) || says("ATTRS{idVendor}", &vendor);
        let product = says("ATTR{idProduct}", &product) || says("ATTRS{idProduct}", &product);
        vendor && product && compact.contains("ATTR{power/control}=\"on\"")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::planted;
    use proptest::prelude::*;

    const SHIPPED: &str = include_str!("../../../udev/60-pve-hooks-coral.rules");

    #[test]
    fn the_rule_that_is_shipped_is_one_for_both_ids() {
        let (_dir, host) = planted(&[("usr/lib/udev/rules.d/60-pve-hooks-coral.rules", SHIPPED)]);
        let seen = look(&host);
        assert_eq!(seen.by.as_deref(), Some("/usr/lib/udev/rules.d/60-pve-hooks-coral.rules"));
        assert!(seen.survives_reboot && seen.commands.is_empty());
    }

    #[test]
    fn the_command_that_is_printed_makes_that_rule() {
        assert!(commands(None)[0].contains(LINE) && keeps_awake(LINE, BLANK) && keeps_awake(LINE, READY));
        assert!(SHIPPED.lines().any(|shipped| shipped == LINE), "{SHIPPED}");
    }

    #[test]
    fn half_a_rule_is_none_and_a_hidden_one_neither() {
        let half = SHIPPED.replace("1a6e|", "");
        let (_dir, host) = planted(&[("lib/udev/rules.d/90-coral.rules", &half)]);
        assert!(!look(&host).survives_reboot);
        let hidden = [("etc/udev/rules.d/9.rules", "# off"), ("usr/lib/udev/rules.d/9.rules", SHIPPED)];
        let (_dir, host) = planted(&hidden);
        assert!(!look(&host).survives_reboot);
        let commented = SHIPPED.replace("ACTION", "#ACTION");
        let (_dir, host) = planted(&[("etc/udev/rules.d/9.rules", &commented)]);
        assert!(!look(&host).survives_reboot);
    }

    #[test]
    fn the_file_that_boots_counts() {
        let grub = "#GRUB_CMDLINE_LINUX=\"usbcore.autosuspend=-1\"\nGRUB_CMDLINE_LINUX_DEFAULT=\"quiet usbcore.autosuspend=-1\"\n";
        let (_dir, host) = planted(&[("etc/default/grub", grub), ("proc/cmdline", "quiet usbcore.autosuspend=-1\n")]);
        let seen = look(&host);
        assert_eq!((seen.by.as_deref(), seen.in_running_kernel), (Some("/etc/default/grub"), true));
        let (_dir, host) = planted(&[("etc/default/grub", grub), ("etc/kernel/cmdline", "root=ZFS=rpool quiet\n")]);
        let seen = look(&host);
        assert_eq!((seen.survives_reboot, seen.boot_loader), (false, Some("systemd-boot")));
        assert!(seen.commands[1].contains("/etc/kernel/cmdline && proxmox-boot-tool refresh"));
        let (_dir, host) = planted(&[("etc/kernel/cmdline", "usbcore.autosuspend=-1 usbcore.autosuspend=2\n")]);
        assert!(!look(&host).survives_reboot);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC*", near in "(ATTR\\{|\"|=|on|,|\\\\|\n| )*") {
            let _ = (has_parameter(&text), keeps_awake(&text, READY), keeps_awake(&near, READY), has_parameter(&near));
            let _ = grub_lines(&text).count();
        }
    }
}
