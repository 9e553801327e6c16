//! What QEMU has open, against what there is.

use super::{
    super::fake::{QEMU, hold, node, plug, unplug, vm},
    *,
};

const CORAL: (&str, &str) = ("18d1", "9302");
const STICK: (&str, &str) = ("0781", "5581");

fn tree(config: &str) -> (tempfile::TempDir, Host) {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::new(dir.path());
    vm(&host, config);
    (dir, host)
}

fn stale(text: &str) -> Handle {
    Handle::Stale(text.to_owned())
}

#[test]
fn only_the_node_of_now_is_alive() {
    let (_dir, host) = tree("usb0: host=4-1\n");
    let coral = plug(&host, "4-1", 5, CORAL, "usbfs");
    let look = |links: &[&str]| {
        hold(&host, links);
        handle(&host, QEMU, Some(&coral))
    };
    assert_eq!(look(&["/dev/bus/usb/004/005"]), Handle::Live);
    assert_eq!(look(&["/dev/bus/usb/004/003 (deleted)", "/dev/bus/usb/004/005"]), Handle::Live);
    assert_eq!(look(&[]), Handle::None);
    let text = "QEMU holds /dev/bus/usb/004/003 (deleted); the device is /dev/bus/usb/004/005 now";
    assert_eq!(look(&["/dev/bus/usb/004/003 (deleted)"]), stale(text));
    // A node without udev or devtmpfs stays where it is; nothing has that number any more.
    assert_eq!(look(&["/dev/bus/usb/004/003"]), stale(&text.replace(" (deleted)", "")));
    // The number came round: the same name, another device.
    assert_eq!(look(&["/dev/bus/usb/004/005 (deleted)"]), stale(&text.replace("/003", "/005")));
}

#[test]
fn a_device_of_another_bus_leaves_no_node_here() {
    let (_dir, host) = tree("usb0: host=4-1\n");
    let coral = plug(&host, "4-1", 5, CORAL, "usbfs");
    hold(&host, &["/dev/bus/usb/002/003 (deleted)"]);
    assert_eq!(handle(&host, QEMU, Some(&coral)), Handle::None);
    // Unless both buses are one controller's: the device was there with the lower speed.
    for bus in ["usb2", "usb4"] {
        fs::create_dir_all(host.at("sys/devices/pci0000:00/0000:00:14.0").join(bus)).unwrap();
        let target = host.at("sys/devices/pci0000:00/0000:00:14.0").join(bus);
        std::os::unix::fs::symlink(target, host.usb_devices().join(bus)).unwrap();
    }
    assert!(matches!(handle(&host, QEMU, Some(&coral)), Handle::Stale(_)));
}

#[test]
fn a_dead_node_counts_only_where_no_other_device_can_have_left_it() {
    let (_dir, host) = tree("usb0: host=4-1\nusb1: host=4-2\n");
    let coral = plug(&host, "4-1", 5, CORAL, "usbfs");
    let stick = plug(&host, "4-2", 4, STICK, "usbfs");
    let dead = "/dev/bus/usb/004/003 (deleted)";
    hold(&host, &[dead, &node(4, 4)]);
    assert!(matches!(handle(&host, QEMU, Some(&coral)), Handle::Stale(_)));
    assert_eq!(handle(&host, QEMU, Some(&stick)), Handle::Live);
    // The stick has none either: one dead node, two that may have left it.
    hold(&host, &[dead]);
    let why = format!("QEMU holds {dead}, which may as well be that of usb1");
    assert_eq!(handle(&host, QEMU, Some(&coral)), Handle::Unknown(why));
    // Two dead nodes are enough for both.
    hold(&host, &[dead, "/dev/bus/usb/004/002 (deleted)"]);
    assert!(matches!(handle(&host, QEMU, Some(&coral)), Handle::Stale(_)));
    assert!(matches!(handle(&host, QEMU, Some(&stick)), Handle::Stale(_)));
    // QEMU closed that of the stick when it was unplugged on another bus: that says nothing here.
    fs::write(host.vm_configs().join("275.conf"), "usb0: host=4-1\nusb1: host=3-2\n").unwrap();
    unplug(&stick);
    hold(&host, &[dead]);
    assert!(matches!(handle(&host, QEMU, Some(&coral)), Handle::Stale(_)));
}

#[test]
fn a_device_that_is_gone_leaves_a_stale_handle_or_none() {
    let (_dir, host) = tree("usb0: host=4-1\n");
    hold(&host, &[]);
    assert_eq!(handle(&host, QEMU, None), Handle::None);
    hold(&host, &["/dev/bus/usb/004/003 (deleted)"]);
    let text = "QEMU holds /dev/bus/usb/004/003 (deleted); the device is gone";
    assert_eq!(handle(&host, QEMU, None), stale(text));
}

#[test]
fn what_cannot_be_read_is_unknown() {
    let (_dir, host) = tree("");
    assert!(matches!(handle(&host, 4712, None), Handle::Unknown(_)));
}

#[test]
fn on_the_running_kernel_the_open_file_tells_its_number() {
    use std::os::unix::fs::symlink;
    let dir = tempfile::tempdir().unwrap();
    let zero = dir.path().join("zero");
    symlink("/dev/zero", &zero).unwrap();
    assert_eq!(node_at(&Host::default(), &zero), None, "no node of usbfs");
    let Ok(nodes) = open_nodes(&Host::default(), i32::try_from(std::process::id()).unwrap()) else {
        panic!("this process is readable")
    };
    assert_eq!(nodes, []);
}

#[test]
fn a_claim_is_seen_by_the_driver_of_an_interface() {
    let (_dir, host) = tree("");
    assert_eq!(claimed(&plug(&host, "4-1", 5, CORAL, "usbfs")), Some(true));
    assert_eq!(claimed(&plug(&host, "4-2", 6, CORAL, "apex")), Some(false));
    assert_eq!(claimed(&UsbDevice::new(&host, "4-3")), None);
}
