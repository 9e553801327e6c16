//! Kernel modules: which of them would drive a device, and which drivers they bring.

use crate::{
    host::{Host, names},
    modprobe_d::{kernel_parameters, plain, sentences},
    tree,
};
use std::{
    collections::HashSet,
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
};

/// A module whose aliases match a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The module's name, with underscores.
    pub module: String,
    /// Whether the host's configuration keeps it from being loaded for a device.
    pub blacklisted: bool,
}

/// The modules for a modalias, in the order of the running kernel's index, blacklisted ones last; those that hand a
/// device to a VM are left out. Without an index the answer is empty: ask [`known`] which it is.
pub fn candidates(host: &Host, modalias: &str) -> Vec<Candidate> {
    let mut found = Vec::new();
    let mut add = |module: &str| {
        let module = plain(module);
        if !is_vfio(&module) && !found.contains(&module) {
            found.push(module);
        }
    };
    let dir = host.module_indexes();
    each_record(&dir.join("modules.alias"), b'\n', |record| {
        if let Some(module) = alias_match(record, modalias) {
            add(module);
        }
    });
    each_record(&dir.join("modules.builtin.modinfo"), 0, |record| {
        if let Some(module) = builtin_match(record, modalias) {
            add(module);
        }
    });
    let blacklist = if found.is_empty() { HashSet::new() } else { blacklist(host) };
    let candidate = |module: String| Candidate { blacklisted: blacklist.contains(&module), module };
    let mut candidates: Vec<_> = found.into_iter().map(candidate).collect();
    candidates.sort_by_key(|c| c.blacklisted);
    candidates
}

/// Whether the running kernel's module index is there at all.
pub fn known(host: &Host) -> bool {
    tree::exists(&host.module_indexes().join("modules.alias"))
}

/// Whether a driver or module hands devices to a VM, or holds them for that: what is never a host driver.
pub fn is_vfio(driver: &str) -> bool {
    driver.contains("vfio") || matches!(plain(driver).as_str(), "pci_stub" | "xen_pciback" | "pciback")
}

/// The PCI drivers that a module has registered; none while it is not loaded.
pub fn drivers_of(host: &Host, module: &str) -> Vec<String> {
    let dir = host.modules().join(plain(module)).join("drivers");
    names(&dir).iter().filter_map(|n| n.strip_prefix("pci:")).map(str::to_owned).collect()
}

/// The module that registered a PCI driver; `None` where it is built in or not registered.
pub fn module_of_driver(host: &Host, driver: &str) -> Option<String> {
    tree::read_link(&host.pci_driver(driver).join("module")).ok()?.file_name()?.to_str().map(str::to_owned)
}

fn blacklist(host: &Host) -> HashSet<String> {
    let mut modules = HashSet::new();
    for sentence in sentences(host) {
        if let [command, module, ..] = &sentence.words[..]
            && command == "blacklist"
        {
            modules.insert(plain(module));
        }
    }
    for (name, value) in kernel_parameters(host) {
        if matches!(name.as_str(), "modprobe.blacklist" | "module_blacklist") {
            modules.extend(value.split(',').map(plain));
        }
    }
    modules
}

fn each_record(path: &Path, end: u8, mut record: impl FnMut(&str)) {
    let Ok(file) = tree::target(path).and_then(File::open) else { return };
    let mut reader = BufReader::with_capacity(64 << 10, file);
    let mut bytes = Vec::with_capacity(256);
    while reader.read_until(end, &mut bytes).is_ok_and(|n| n > 0) {
        if let Ok(text) = std::str::from_utf8(bytes.strip_suffix(&[end]).unwrap_or(&bytes)) {
            record(text);
        }
        bytes.clear();
    }
}

/// `alias pci:v000010DEd*sv*sd*bc03sc*i* nouveau`
fn alias_match<'a>(line: &'a str, modalias: &str) -> Option<&'a str> {
    let (pattern, module) = line.strip_prefix("alias ")?.trim_end().rsplit_once(' ')?;
    fnmatch(pattern.as_bytes(), modalias.as_bytes()).then_some(module)
}

/// `xhci_pci.alias=pci:v*d*sv*sd*bc0Csc03i30*`
fn builtin_match<'a>(record: &'a str, modalias: &str) -> Option<&'a str> {
    let (module, pattern) = record.split_once(".alias=")?;
    fnmatch(pattern.as_bytes(), modalias.as_bytes()).then_some(module)
}

/// Shell patterns as depmod writes them: `*`, `?` and `[a-f]`.
fn fnmatch(mut pattern: &[u8], mut text: &[u8]) -> bool {
    // Where to go on when the text after the last star does not fit: one character later.
    let mut star: Option<(&[u8], &[u8])> = None;
    loop {
        let fits = match (pattern, text) {
            ([], []) => return true,
            ([b'*', rest @ ..], _) => {
                star = Some((rest, text));
                Some((rest, text))
            }
            ([b'?', rest @ ..], [_, after @ ..]) => Some((rest, after)),
            ([b'[', set @ ..], [c, after @ ..]) => match set.iter().skip(1).position(|b| *b == b']') {
                Some(end) => in_set(&set[..=end], *c).then(|| (&set[end + 2..], after)),
                None => (*c == b'[').then_some((set, after)),
            },
            ([p, rest @ ..], [c, after @ ..]) if p == c => Some((rest, after)),
            _ => None,
        };
        (pattern, text) = match (fits, star) {
            (Some(next), _) => next,
            (None, Some((rest, [_, after @ ..]))) => {
                star = Some((rest, after));
                (rest, after)
            }
            (None, _) => return false,
        };
    }
}

fn in_set(set: &[u8], c: u8) -> bool {
    let ranges = set.windows(3).any(|w| w[1] == b'-' && (w[0]..=w[2]).contains(&c));
    ranges || set.contains(&c)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    const GPU: &str = "pci:v000010DEd00002204sv00001458sd0000403Bbc03sc00i00";

    fn tree(cmdline: &str) -> (tempfile::TempDir, Host) {
        let root = tempfile::tempdir().unwrap();
        let host = Host::new(root.path());
        let put = |path: std::path::PathBuf, text: &str| {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        put(host.at("proc/sys/kernel/osrelease"), "6.8.12-pve\n");
        put(host.kernel_cmdline(), cmdline);
        let alias = "# Aliases\nalias pci:v000010DEd*sv*sd*bc03sc02i00* nvidiafb\nalias pci:v000010DEd*sv*sd*bc03sc*i* nouveau\n\
            alias vfio_pci:v*d*sv*sd*bc*sc*i* vfio_pci\nalias pci:v*d*sv*sd*bc*sc*i* nvgrace_gpu_vfio_pci\n\
            alias pci:v000010DEd00002204sv*sd*bc*sc*i* nvidia\nalias pci:v000010DEd*sv*sd*bc03sc*i* nouveau\n";
        put(host.module_indexes().join("modules.alias"), alias);
        let builtin = "simpledrm.license=GPL\0simpledrm.alias=pci:v000010DE*\0";
        put(host.module_indexes().join("modules.builtin.modinfo"), builtin);
        put(host.at("etc/modprobe.d/a.conf"), "blacklist nouveau\n");
        (root, host)
    }

    fn shown(host: &Host, modalias: &str) -> Vec<String> {
        let show = |c: Candidate| format!("{}{}", c.module, if c.blacklisted { "!" } else { "" });
        candidates(host, modalias).into_iter().map(show).collect()
    }

    #[test]
    fn the_index_names_the_drivers_and_blacklisted_ones_come_last() {
        let (_root, host) = tree("quiet\n");
        assert!(known(&host));
        assert_eq!(shown(&host, GPU), ["nvidia", "simpledrm", "nouveau!"]);
        assert!(shown(&host, "usb:v1").is_empty());
    }

    #[test]
    fn the_kernel_command_line_blacklists_too() {
        let (_root, host) = tree("modprobe.blacklist=nvidia,x module_blacklist=y\n");
        assert_eq!(shown(&host, GPU), ["simpledrm", "nouveau!", "nvidia!"]);
        assert!(!known(&Host::new("/nonexistent")));
    }

    #[test]
    fn modules_and_their_drivers_know_each_other() {
        let (_root, host) = tree("");
        fs::create_dir_all(host.modules().join("snd_hda_intel/drivers/pci:snd_hda_intel")).unwrap();
        fs::create_dir_all(host.pci_driver("snd_hda_intel")).unwrap();
        symlink("../../../../module/snd_hda_intel", host.pci_driver("snd_hda_intel").join("module")).unwrap();
        assert_eq!(drivers_of(&host, "snd-hda-intel"), ["snd_hda_intel"]);
        assert_eq!(module_of_driver(&host, "snd_hda_intel").as_deref(), Some("snd_hda_intel"));
        assert_eq!((drivers_of(&host, "nvidia"), module_of_driver(&host, "nvidia")), (vec![], None));
    }

    #[test]
    fn drivers_for_vms_are_known() {
        for name in ["vfio-pci", "mlx5-vfio-pci", "nvgrace_gpu_vfio_pci", "pci-stub", "pciback", "xen-pciback"] {
            assert!(is_vfio(name), "{name}");
        }
        assert!(!is_vfio("nvidia") && !is_vfio("xhci_hcd"));
    }

    #[test]
    fn patterns_match_as_in_a_shell() {
        for (pattern, text, matches) in [
            ("", "", true),
            ("*", "", true),
            ("a*b*c", "axxbxbyc", true),
            ("a*b*c", "axxbxby", false),
            ("?", "", false),
            ("[a-c]x", "bx", true),
            ("[a-c]x", "dx", false),
            ("[]]", "]", true),
            ("[", "[", true),
            ("*[0-9]", "a7", true),
        ] {
            assert_eq!(fnmatch(pattern.as_bytes(), text.as_bytes()), matches, "{pattern} {text}");
        }
    }

    proptest! {
        #[test]
        fn no_input_makes_it_panic(pattern in any::<Vec<u8>>(), text in any::<Vec<u8>>(), near in "[a*?\\[\\]-]{0,12}", line in "\\PC*") {
            let _ = (fnmatch(&pattern, &text), fnmatch(near.as_bytes(), &text), fnmatch(near.as_bytes(), b"aa-a"));
            let _ = (alias_match(&line, GPU), alias_match(&format!("alias {line}"), GPU), builtin_match(&line, GPU));
        }

        #[test]
        fn a_text_matches_itself_between_stars(text in "[a-z:0-9]*") {
            let pattern = format!("*{text}*");
            prop_assert!(fnmatch(pattern.as_bytes(), text.as_bytes()));
        }
    }
}
