use super::*;
use std::fs;
use std::{os::unix::fs::symlink, path::PathBuf};

fn put(path: PathBuf, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// A stick with these partitions at 3-1.
fn stick(host: &Host, partitions: &[&str]) {
    for name in partitions {
        put(host.block_class().join("..").join(name).join("dev"), "8:1\n");
        fs::create_dir_all(host.block_class()).unwrap();
        let place = "../../devices/pci0000:00/0000:03:00.0/usb3/3-1/3-1:1.0/host2/target2:0:0/2:0:0:0/block";
        symlink(format!("{place}/{name}"), host.block_class().join(name)).unwrap();
    }
}

#[test]
fn a_disk_that_is_no_file_system_may_be_an_osd_or_behind_a_loop_device() {
    let root = tempfile::tempdir().unwrap();
    let host = Host::new(root.path());
    stick(&host, &["sda1", "sda2", "sda3"]);
    fs::create_dir_all(host.ceph_osds().join("ceph-0")).unwrap();
    symlink("/dev/disk/by-partuuid/1", host.ceph_osds().join("ceph-0/block")).unwrap();
    put(host.at("dev/sda1"), "");
    fs::create_dir_all(host.at("dev/disk/by-partuuid")).unwrap();
    symlink("../../sda1", host.at("dev/disk/by-partuuid/1")).unwrap();
    put(host.block_class().join("loop0/loop/backing_file"), "/dev/sda2\n");
    put(host.btrfs().join("0123/devices/sda3/size"), "");
    put(host.btrfs().join("0123/label"), "pool\n");
    let users = Users::look(&host);
    let expected =
        ["sda1 is the OSD ceph-0 of Ceph", "sda2 is part of loop0", "sda3 belongs to the btrfs file system pool"];
    assert_eq!(users.of("/3-1/3-1:"), expected);
    assert_eq!(users.of("/0000:03:00.0/"), expected);
    assert!(users.of("/3-2/").is_empty());
}
