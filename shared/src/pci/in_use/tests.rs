use super::*;
use proptest::prelude::*;
use std::{fs, os::unix::fs::symlink, path::PathBuf};

struct Tree {
    _root: tempfile::TempDir,
    host: Host,
}

fn put(path: PathBuf, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// What is found, or what is not known.
fn told(uses: Result<Vec<String>, Vec<String>>) -> Vec<String> {
    uses.unwrap_or_else(|unknown| unknown)
}

impl Tree {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let host = Host::new(root.path());
        Self { _root: root, host }
    }

    fn class(&self, class: &str, name: &str, place: &str) -> PathBuf {
        let dir = self.host.at("sys/devices").join(place).join(name);
        fs::create_dir_all(&dir).unwrap();
        let class = self.host.at("sys/class").join(class);
        fs::create_dir_all(&class).unwrap();
        symlink(format!("../../devices/{place}/{name}"), class.join(name)).unwrap();
        dir
    }

    fn uses(&self, address: &str) -> Vec<String> {
        told(in_use(&self.host, &Device::new(&self.host, address.parse().unwrap()), Asked::No))
    }

    fn needing(&self, address: &str) -> Vec<String> {
        told(in_use(&self.host, &Device::new(&self.host, address.parse().unwrap()), Asked::ByName))
    }
}

#[test]
fn a_network_card_may_be_up_enslaved_or_the_way_out() {
    let tree = Tree::new();
    let eno1 = tree.class("net", "eno1", "pci0000:00/0000:04:00.0/net");
    tree.class("net", "idle", "pci0000:00/0000:05:00.0/net");
    put(eno1.join("flags"), "0x1003\n");
    for (link, to) in [("master", "vmbr0"), ("upper_vmbr0", "vmbr0"), ("upper_eno1.7", "eno1.7")] {
        symlink(format!("../../../virtual/net/{to}"), eno1.join(link)).unwrap();
    }
    let routes = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\nvmbr0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000000\n";
    put(tree.host.proc().join("net/route"), routes);
    let expected =
        ["the default route goes through vmbr0", "eno1 belongs to vmbr0", "eno1 carries eno1.7", "eno1 is up"];
    assert_eq!(tree.uses("04:00.0"), expected);
    // Whoever names it knows that it is up, and not what needs it.
    assert_eq!(tree.needing("04:00.0"), expected[..3]);
    assert_eq!(
        tree.uses("05:00.0"),
        [
            "whether idle is up is not known: cannot read /sys/class/net/idle/flags: No such file or directory (os error 2)"
        ]
    );
}

#[test]
fn a_disk_may_be_mounted_swap_or_part_of_another() {
    let tree = Tree::new();
    for (name, number) in [("sda", "8:0"), ("sda1", "8:1"), ("sda2", "8:2"), ("sda3", "8:3"), ("sda4", "8:4")] {
        let dir = tree.class("block", name, "pci0000:00/0000:02:00.0/ata1/block");
        put(dir.join("dev"), &format!("{number}\n"));
        put(tree.host.udev_data().join(format!("b{number}")), "E:ID_FS_TYPE=ext4\n");
    }
    let block = tree.host.block_class();
    fs::create_dir_all(block.join("sda3/holders/dm-0")).unwrap();
    put(block.join("dm-0/dm/name"), "pve-root\n");
    put(
        tree.host.proc().join("1/mountinfo"),
        "36 35 8:1 / /srv/my\\040data rw - ext4 /dev/x rw\n37 35 0:40 / /b rw - btrfs /dev/sda rw\n",
    );
    put(tree.host.proc().join("swaps"), "Filename Type Size Used Priority\n/dev/sda2 partition 1 0 -2\n");
    put(tree.host.udev_data().join("b8:4"), "E:ID_FS_TYPE=zfs_member\nE:ID_FS_LABEL=rpool\n");
    fs::create_dir_all(tree.host.proc().join("spl/kstat/zfs/rpool")).unwrap();
    let expected = [
        "sda is mounted on /b",
        "sda1 is mounted on /srv/my data",
        "sda2 is swap space",
        "sda3 is part of dm-0 (pve-root)",
        "sda4 belongs to the ZFS pool rpool",
    ];
    assert_eq!(tree.uses("02:00.0"), expected);
}

#[test]
fn an_nvme_disk_that_hangs_at_its_subsystem_is_found() {
    let tree = Tree::new();
    let head = tree.class("block", "nvme0n1p2", "virtual/nvme-subsystem/nvme-subsys0/nvme0n1");
    tree.class("block", "nvme0n11", "virtual/nvme-subsystem/nvme-subsys0");
    // It has no number, so that nothing could be told of it.
    tree.class("block", "nvme0c0n1", "pci0000:00/0000:03:00.0/nvme/nvme0");
    fs::create_dir_all(tree.host.proc().join("spl/kstat/zfs/rpool")).unwrap();
    put(tree.host.udev_data().join("b259:2"), "E:ID_FS_TYPE=ext4\n");
    put(head.join("dev"), "259:2\n");
    put(tree.host.proc().join("self/mountinfo"), "1 0 259:2 / / rw - ext4 /dev/root rw\n");
    let device = tree.host.pci_devices().join("0000:03:00.0");
    fs::create_dir_all(device.join("nvme/nvme0/nvme0c0n1")).unwrap();
    assert_eq!(tree.uses("03:00.0"), ["nvme0n1p2 is mounted on /"]);
    assert!(Users::look(&tree.host).disks_of("/0000:03:00.0/").is_empty());
}

#[test]
fn what_cannot_be_read_does_not_count_as_unused() {
    let tree = Tree::new();
    let dir = tree.class("block", "sda", "pci0000:00/0000:02:00.0/ata1/block");
    put(dir.join("dev"), "8:0\n");
    let address = "02:00.0".parse().unwrap();
    assert!(in_use(&tree.host, &Device::new(&tree.host, address), Asked::ByName).is_err());
    for uses in [tree.uses("02:00.0"), tree.needing("02:00.0")] {
        assert!(uses[0].starts_with("whether sda is mounted is not known: cannot read /proc/1/mountinfo"), "{uses:?}");
    }
    put(tree.host.proc().join("self/mountinfo"), "1 0 259:2 / / rw - ext4 /dev/root rw\n");
    assert!(tree.uses("02:00.0").is_empty());
}

proptest! {
    #[test]
    fn no_input_makes_it_panic(text in "\\PC*", name in "nvme[0-9cnp]*") {
        let _ = (multipath_head(&name), multipath_head(&text));
    }
}
