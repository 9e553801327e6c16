//! The device nodes through which userspace may hold a function, and the names of what its driver made.

use super::Device;
use crate::{host::names, proc::DevNo, sysfs, tree};
use std::path::{Path, PathBuf};

/// Where drivers put the `dev` attributes of their character devices, below a function's directory, and the folder of
/// the node where `uevent` does not tell. A bus of the GPU's own that is held by i2c-dev counts: `i2c_del_adapter`
/// waits for its users as the sound core does (drivers/i2c/i2c-core-base.c).
const PLACES: [(&[&str], &str); 10] = [
    (&["drm", "*"], "dri"),
    (&["virtio*", "drm", "*"], "dri"),
    (&["drm", "card*", "card*", "drm_dp_aux*"], "."),
    (&["drm", "card*", "card*", "i2c-*", "i2c-dev", "*"], "."),
    (&["i2c-*", "i2c-dev", "*"], "."),
    (&["sound", "card*", "*"], "snd"),
    (&["hdaudio*", "hw*"], "snd"),
    (&["virtio*", "sound", "card*", "*"], "snd"),
    (&["graphics", "*"], "."),
    (&["*-framebuffer*", "graphics", "*"], "."),
];

const NVIDIA_MAJOR: u32 = 195;

impl Device<'_> {
    /// The connectors with a screen, such as `card0-HDMI-A-1 (enabled)`.
    pub fn screens(&self) -> Vec<String> {
        let connectors = expand(&self.dir(), &["drm", "card*", "card*-*"]);
        let shown = |path: &PathBuf| {
            let attribute = |name: &str| sysfs::read(&path.join(name)).ok().unwrap_or_default();
            let name = path.file_name()?.to_str()?;
            (attribute("status") == "connected").then(|| format!("{name} ({})", attribute("enabled")))
        };
        connectors.iter().filter_map(shown).collect()
    }

    /// All character devices that userspace may hold this function by, with the path of each: of its DRM cards, its
    /// sound card, its USB devices, its framebuffers, and NVIDIA's own.
    pub fn device_nodes(&self) -> Vec<(DevNo, String)> {
        let dir = self.dir();
        let listing = names(&dir);
        let mut nodes = Vec::new();
        for (pattern, folder) in PLACES {
            nodes.extend(expand_in(&dir, &listing, pattern).iter().filter_map(|made| node(made, folder)));
        }
        for bus in expand_in(&dir, &listing, &["usb*"]) {
            usb_nodes(&bus, &mut nodes);
        }
        nodes.extend(
            self.nvidia_minor().map(|minor| (DevNo { major: NVIDIA_MAJOR, minor }, format!("/dev/nvidia{minor}"))),
        );
        nodes
    }

    /// The devices through which a VM holds this function: its group's, and its own by the newer interface.
    pub fn vfio_nodes(&self) -> Vec<(DevNo, String)> {
        let group = self.iommu_group().and_then(|n| node(&self.host.vfio_class().join(n.to_string()), "vfio"));
        let own = expand(&self.dir(), &["vfio-dev", "vfio*"]);
        group.into_iter().chain(own.iter().filter_map(|made| node(made, "vfio/devices"))).collect()
    }

    /// NVIDIA's number for the GPU, as the proprietary driver tells it.
    pub fn nvidia_minor(&self) -> Option<u32> {
        minor_in(&sysfs::read(&self.nvidia_dir().join("information")).ok()?)
    }

    /// Whether the proprietary NVIDIA driver lists the GPU, which stands for a DRM card with that driver.
    pub fn nvidia_lists_it(&self) -> bool {
        tree::exists(&self.nvidia_dir())
    }

    fn nvidia_dir(&self) -> PathBuf {
        self.host.proc().join("driver/nvidia/gpus").join(self.address.to_string())
    }

    /// What its driver has made for screens and ears, by one look at its directory.
    pub fn made(&self) -> Made {
        let dir = self.dir();
        let listing = names(&dir);
        let find = |patterns: &[&[&str]]| -> Vec<String> {
            let paths = patterns.iter().flat_map(|p| expand_in(&dir, &listing, p));
            paths.filter_map(|p| p.file_name()?.to_str().map(str::to_owned)).collect()
        };
        let mut drm = find(&[&["drm", "*"], &["virtio*", "drm", "*"]]);
        drm.retain(|name| name.starts_with("card") || name.starts_with("renderD"));
        Made {
            drm,
            sound: find(&[&["sound", "card*"], &["virtio*", "sound", "card*"]]),
            framebuffers: find(&[&["graphics", "fb*"], &["*-framebuffer*", "graphics", "fb*"]]),
        }
    }
}

/// What a driver made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Made {
    /// The DRM nodes, such as `card0` and `renderD128`.
    pub drm: Vec<String>,
    /// The sound cards, such as `card1`.
    pub sound: Vec<String>,
    /// The framebuffers, such as `fb0`; those that the firmware set up are among them.
    pub framebuffers: Vec<String>,
}

/// The paths below a directory that match names, each of which may have stars.
fn expand(dir: &Path, pattern: &[&str]) -> Vec<PathBuf> {
    expand_in(dir, &names(dir), pattern)
}

/// The same where the directory was listed already.
fn expand_in(dir: &Path, listing: &[String], pattern: &[&str]) -> Vec<PathBuf> {
    let Some((first, rest)) = pattern.split_first() else { return Vec::new() };
    let mut paths: Vec<_> = listing.iter().filter(|name| glob_name(first, name)).map(|name| dir.join(name)).collect();
    for part in rest {
        let below = |path: PathBuf| -> Vec<PathBuf> {
            let matching = |name: String| glob_name(part, &name).then(|| path.join(name));
            if part.contains('*') {
                names(&path).into_iter().filter_map(matching).collect()
            } else {
                vec![path.join(part)]
            }
        };
        paths = paths.into_iter().flat_map(below).collect();
    }
    paths
}

fn glob_name(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((head, tail)) => name
            .strip_prefix(head)
            .is_some_and(|rest| rest.char_indices().any(|(i, _)| glob_name(tail, &rest[i..])) || glob_name(tail, "")),
    }
}

fn node(dir: &Path, folder: &str) -> Option<(DevNo, String)> {
    let number = sysfs::read(&dir.join("dev")).ok()?.parse().ok()?;
    let told = sysfs::read(&dir.join("uevent"))
        .ok()
        .and_then(|t| t.lines().find_map(|l| l.strip_prefix("DEVNAME=").map(str::to_owned)));
    let name = match told {
        Some(name) => name,
        None if folder == "." => dir.file_name()?.to_str()?.to_owned(),
        None => format!("{folder}/{}", dir.file_name()?.to_str()?),
    };
    Some((number, format!("/dev/{}", name.trim_start_matches("/dev/"))))
}

/// A USB device and those behind its ports. Interfaces have a colon in their names.
fn usb_nodes(dir: &Path, nodes: &mut Vec<(DevNo, String)>) {
    let number = |file| sysfs::read(&dir.join(file)).ok().and_then(|n| n.parse::<u32>().ok());
    let dev = sysfs::read(&dir.join("dev")).ok().and_then(|d| d.parse().ok());
    if let (Some(dev), Some(bus), Some(device)) = (dev, number("busnum"), number("devnum")) {
        nodes.push((dev, format!("/dev/bus/usb/{bus:03}/{device:03}")));
    }
    let port =
        |name: &String| name.starts_with(|c: char| c.is_ascii_digit()) && name.contains('-') && !name.contains(':');
    for name in names(dir).into_iter().filter(port) {
        usb_nodes(&dir.join(name), nodes);
    }
}

fn minor_in(information: &str) -> Option<u32> {
    information.lines().find_map(|l| l.strip_prefix("Device Minor:")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Host;
    use proptest::prelude::*;
    use std::{fs, os::unix::fs::symlink};

    #[test]
    fn every_node_of_every_driver_is_found() {
        let root = tempfile::tempdir().unwrap();
        let host = Host::new(root.path());
        let device = Device::new(&host, "01:00.0".parse().unwrap());
        let put = |path: PathBuf, text: &str| {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let files = [
            ("drm/card0/dev", "226:0\n"),
            ("drm/card0/card0-DP-1/drm_dp_aux0/dev", "236:0\n"),
            ("drm/renderD128/dev", "226:128\n"),
            ("virtio3/drm/card1/dev", "226:1\n"),
            ("sound/card2/controlC2/dev", "116:7\n"),
            ("sound/card2/controlC2/uevent", "MAJOR=116\nDEVNAME=snd/controlC2\n"),
            ("sound/card2/id", "NVidia\n"),
            ("graphics/fb0/dev", "29:0\n"),
            ("i2c-5/i2c-dev/i2c-5/dev", "89:5\n"),
            ("usb3/dev", "189:256\n"),
            ("usb3/busnum", "3\n"),
            ("usb3/devnum", "1\n"),
            ("usb3/3-1/3-1.4/dev", "189:260\n"),
            ("usb3/3-1/3-1.4/busnum", "3\n"),
            ("usb3/3-1/3-1.4/devnum", "5\n"),
            ("usb3/3-1/3-1:1.0/dev", "1:1\n"),
            ("vfio-dev/vfio0/dev", "511:0\n"),
        ];
        for (file, text) in files {
            put(device.dir().join(file), text);
        }
        put(host.proc().join("driver/nvidia/gpus/0000:01:00.0/information"), "Model: \t\tX\nDevice Minor: \t 1\n");
        put(host.vfio_class().join("13/dev"), "510:0\n");
        symlink("../13", device.dir().join("iommu_group")).unwrap();

        let shown: Vec<_> = device.device_nodes().into_iter().map(|(n, path)| format!("{n} {path}")).collect();
        let expected = [
            "226:0 /dev/dri/card0",
            "226:128 /dev/dri/renderD128",
            "226:1 /dev/dri/card1",
            "236:0 /dev/drm_dp_aux0",
            "89:5 /dev/i2c-5",
            "116:7 /dev/snd/controlC2",
            "29:0 /dev/fb0",
            "189:256 /dev/bus/usb/003/001",
            "189:260 /dev/bus/usb/003/005",
            "195:1 /dev/nvidia1",
        ];
        assert_eq!(shown, expected);
        let made = device.made();
        assert_eq!(made.drm, ["card0", "renderD128", "card1"]);
        assert_eq!((made.sound, made.framebuffers), (vec!["card2".into()], vec!["fb0".into()]));
        assert!(device.nvidia_lists_it());
        let vfio: Vec<_> = device.vfio_nodes().into_iter().map(|(_, path)| path).collect();
        assert_eq!(vfio, ["/dev/vfio/13", "/dev/vfio/devices/vfio0"]);
    }

    #[test]
    fn stars_match_any_text() {
        for (pattern, name, matches) in [
            ("card*", "card0", true),
            ("*", "", true),
            ("*-framebuffer*", "efi-framebuffer.0", true),
            ("*-framebuffer*", "efi", false),
            ("i2c-*", "i2c", false),
            ("usb*", "musb", false),
        ] {
            assert_eq!(glob_name(pattern, name), matches, "{pattern} {name}");
        }
    }

    proptest! {
        #[test]
        fn no_input_makes_it_panic(text in "\\PC*", name in "\\PC*") {
            let _ = minor_in(&text);
            let _ = minor_in(&format!("Device Minor:{text}"));
            let _ = glob_name("*-framebuffer*", &name);
        }
    }
}
