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

/// Puts the number of the stick's partition where the link of its class leads.
fn number(host: &Host) {
    let place = "sys/devices/pci0000:00/0000:03:00.0/usb3/3-1/3-1:1.0/host2/target2:0:0/2:0:0:0/block/sda1/dev";
    put(host.at(place), "8:1\n");
}

#[test]
fn mounts_are_read_where_they_are_told_and_otherwise_not_known() {
    let root = tempfile::tempdir().unwrap();
    let host = Host::new(root.path());
    stick(&host, &["sda1"]);
    number(&host);
    put(host.proc().join("swaps"), "Filename Type Size Used Priority\n");
    let (info, plain) = ("36 35 8:1 / /srv rw - ext4 /dev/sda1 rw\n", "/dev/sda1 /srv ext4 rw 0 0\n");
    let look = || {
        let users = Users::look(&host);
        (users.of("/3-1/3-1:"), users.unknown("/3-1/3-1:"))
    };
    let unknown = |why: &str| (vec![], vec![format!("whether sda1 is mounted is not known: cannot read {why}")]);
    let first = "/proc/1/mountinfo: ";
    assert_eq!(look(), unknown(&format!("{first}No such file or directory (os error 2)")));
    let mounted = (vec!["sda1 is mounted on /srv".to_owned()], vec![]);
    for (file, text) in [("self/mounts", plain), ("mounts", plain), ("self/mountinfo", info), ("1/mountinfo", info)] {
        put(host.proc().join(file), text);
        assert_eq!(look(), mounted, "{file}");
        // What a copy of /proc may have in its place; then the others are asked.
        for bad in ["", "\u{1}\u{2}ELF", "36 35 none / /srv rw - ext4 /dev/sda1 rw\n"] {
            put(host.proc().join(file), bad);
            assert_eq!(
                look(),
                unknown(&if file.starts_with('1') {
                    format!("{first}it is not what the kernel writes there")
                } else {
                    format!("{first}No such file or directory (os error 2)")
                })
            );
        }
        fs::remove_file(host.proc().join(file)).unwrap();
    }
    nix::unistd::mkfifo(&host.proc().join("1/mountinfo"), nix::sys::stat::Mode::S_IRUSR).unwrap();
    assert_eq!(look(), unknown(&format!("{first}not a regular file")));
}

#[test]
fn swap_space_numbers_pools_and_links_that_cannot_be_read_are_not_known() {
    let root = tempfile::tempdir().unwrap();
    let host = Host::new(root.path());
    stick(&host, &["sda1"]);
    number(&host);
    put(host.proc().join("1/mountinfo"), "1 0 8:99 / / rw - ext4 /dev/root rw\n");
    let unknown = || Users::look(&host).unknown("/3-1/3-1:").join("\n");
    // Without swap space the kernel has no such file.
    assert_eq!(unknown(), "");
    for swaps in ["", "nonsense", "Filename\nnonsense\n"] {
        put(host.proc().join("swaps"), swaps);
        let told = unknown();
        assert!(told.starts_with("whether sda1 is swap space is not known: cannot read /proc/swaps: "), "{told}");
    }
    put(host.proc().join("swaps"), "Filename Type Size Used Priority\n/dev/sdb2 partition 1 0 -2\n");
    assert_eq!(unknown(), "");
    fs::create_dir_all(host.proc().join("spl/kstat/zfs/rpool")).unwrap();
    assert!(
        unknown().starts_with("whether sda1 is part of a ZFS pool is not known: cannot read /run/udev/data/b8:1: ")
    );
    put(host.udev_data().join("b8:1"), "E:ID_FS_TYPE=ext4\n");
    assert_eq!(unknown(), "");
    fs::remove_file(host.block_class().join("sda1/dev")).unwrap();
    assert_eq!(unknown(), "");
    fs::create_dir(host.block_class().join("sda1/dev")).unwrap();
    assert!(unknown().starts_with("whether sda1 is in use is not known: cannot read /sys/class/block/sda1/dev: "));
}

#[test]
fn an_interface_without_flags_may_be_up() {
    let root = tempfile::tempdir().unwrap();
    let host = Host::new(root.path());
    let place = host.at("sys/devices/pci0000:00/0000:03:00.0/usb3/3-1/3-1:1.0/net/eth1");
    fs::create_dir_all(&place).unwrap();
    fs::create_dir_all(host.net_class()).unwrap();
    symlink("../../devices/pci0000:00/0000:03:00.0/usb3/3-1/3-1:1.0/net/eth1", host.net_class().join("eth1")).unwrap();
    let unknown = || Users::look(&host).unknown("/3-1/3-1:").join("\n");
    assert!(unknown().starts_with("whether eth1 is up is not known: cannot read /sys/class/net/eth1/flags: "));
    put(place.join("flags"), "0x1002\n");
    assert_eq!(unknown(), "");
}
