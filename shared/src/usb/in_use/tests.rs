use super::*;
use std::{fs, os::unix::fs::symlink};

fn put(host: &Host, path: &str, text: &str) {
    let path = host.at(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// A hub with a serial converter and a stick below it.
fn tree() -> (tempfile::TempDir, Host) {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::new(dir.path());
    let hub = "sys/devices/pci0000:00/0000:03:00.0/usb3/3-1";
    for (port, place, devnum) in
        [("3-1", hub.to_owned(), 2), ("3-1.1", format!("{hub}/3-1.1"), 3), ("3-1.2", format!("{hub}/3-1.2"), 4)]
    {
        put(&host, &format!("{place}/devnum"), &format!("{devnum}\n"));
        put(&host, &format!("{place}/busnum"), "3\n");
        put(&host, &format!("{place}/dev"), &format!("189:{}\n", 255 + devnum));
        put(&host, &format!("{place}/{port}:1.0/bInterfaceClass"), "ff\n");
        fs::create_dir_all(host.usb_devices()).unwrap();
        symlink(format!("../../../../{place}"), host.usb_devices().join(port)).unwrap();
    }
    put(&host, &format!("{hub}/3-1.1/3-1.1:1.0/ttyUSB0/tty/ttyUSB0/dev"), "188:0\n");
    let disk = format!("{hub}/3-1.2/3-1.2:1.0/host2/target2:0:0/2:0:0:0/block/sda");
    put(&host, &format!("{disk}/dev"), "8:0\n");
    fs::create_dir_all(host.block_class()).unwrap();
    symlink(format!("../../../{disk}"), host.block_class().join("sda")).unwrap();
    (dir, host)
}

fn opens(host: &Host, pid: i32, command: &str, path: &str) {
    let dir = format!("proc/{pid}");
    put(host, &format!("{dir}/cmdline"), command);
    put(host, &format!("{dir}/stat"), &format!("{pid} (x) S 1 1 1"));
    fs::create_dir_all(host.at(&dir).join("fd")).unwrap();
    symlink(path, host.at(&dir).join("fd/7")).unwrap();
}

#[test]
fn each_device_has_its_own_users_and_a_hub_has_not_those_below_it() {
    let (_dir, host) = tree();
    opens(&host, 10, "zigbee2mqtt\0", "/dev/ttyUSB0");
    opens(&host, 11, "/usr/bin/kvm\x00-id\x00111\x00", "/dev/bus/usb/003/004");
    opens(&host, 12, "dd\0", "/dev/sda");
    put(&host, "proc/1/mountinfo", "36 35 8:0 / /srv rw - ext4 /dev/sda rw\n");
    let all: Vec<_> = ["3-1", "3-1.1", "3-1.2"].map(|port| UsbDevice::new(&host, port)).into();
    let uses = in_use(&host, &all);
    let texts = |port| uses.of(port).map(|found| found.text.as_str()).collect::<Vec<_>>();
    assert!(texts("3-1").is_empty());
    assert_eq!(texts("3-1.1").len(), 1);
    assert!(texts("3-1.1")[0].contains("has /dev/ttyUSB0 open"), "{:?}", texts("3-1.1"));
    let of_stick = texts("3-1.2");
    assert_eq!(of_stick.len(), 3, "{of_stick:?}");
    assert_eq!(of_stick[0], "sda is mounted on /srv");
    assert_eq!(of_stick[1], "VM 111 (pid 11) has /dev/bus/usb/003/004 open");
    assert!(of_stick[2].contains("dd") && of_stick[2].contains("/dev/sda"));
    let handles: Vec<_> = uses.found.iter().filter_map(|found| found.handle).collect();
    assert_eq!(handles, [UsbHandle { pid: 11, vmid: Some(111) }]);
}

#[test]
fn a_keyboard_counts_only_while_there_is_no_other() {
    let (_dir, host) = tree();
    let keyboard = |port: &str| {
        let place = format!("/devices/pci0000:00/0000:03:00.0/usb3/{port}/{port}:1.0/0003:1:2.1/input/input4");
        format!("N: Name=\"Keys\"\nS: Sysfs={place}\nH: Handlers=sysrq kbd\nB: KEY=fffffffffffffffe\n\n")
    };
    let one = [UsbDevice::new(&host, "3-1.1")];
    let both = ["3-1.1", "3-1.2"].map(|port| UsbDevice::new(&host, port));
    assert_eq!(last_keyboard(&host, &one), Ok(None), "nobody can type on that");
    put(&host, "proc/bus/input/devices", &keyboard("3-1.1"));
    assert_eq!(last_keyboard(&host, &one).unwrap().unwrap().text, "Keys is the last keyboard of the host");
    put(&host, "proc/bus/input/devices", &(keyboard("3-1.1") + &keyboard("3-1.2")));
    assert_eq!(last_keyboard(&host, &one), Ok(None));
    assert!(last_keyboard(&host, &both).unwrap().is_some());
}

#[test]
fn a_list_of_inputs_that_cannot_be_read_matters_to_those_that_may_be_a_keyboard() {
    let (_dir, host) = tree();
    let [hub, keys] = ["3-1", "3-1.1"].map(|port| [UsbDevice::new(&host, port)]);
    put(&host, "sys/devices/pci0000:00/0000:03:00.0/usb3/3-1/3-1.1/3-1.1:1.0/bInterfaceClass", "03\n");
    for list in [None, Some(""), Some("\u{fffd}\u{1}ELF\n"), Some("N: Name=\"Keys\"\nnonsense\n")] {
        if let Some(list) = list {
            put(&host, "proc/bus/input/devices", list);
        }
        let why = last_keyboard(&host, &keys).unwrap_err();
        let told = "whether it is the last keyboard is not known: cannot read /proc/bus/input/devices: ";
        assert!(why.port == "3-1.1" && why.text.starts_with(told), "{list:?}: {why:?}");
        assert_eq!(last_keyboard(&host, &hub), Ok(None), "{list:?}");
    }
    put(&host, "proc/bus/input/devices", "I: Bus=0019\nN: Name=\"Power Button\"\nH: Handlers=kbd\n\n");
    assert_eq!(last_keyboard(&host, &keys), Ok(None));
}

#[test]
fn only_who_has_a_disk_is_asked_for_mounts() {
    let (_dir, host) = tree();
    let unknown = |port: &str| {
        let uses = in_use(&host, &[UsbDevice::new(&host, port)]);
        uses.unknown.into_iter().map(|one| one.text).collect::<Vec<_>>()
    };
    assert!(unknown("3-1").is_empty() && unknown("3-1.1").is_empty());
    let told = unknown("3-1.2");
    let mounted = "whether sda is mounted is not known: cannot read /proc/1/mountinfo: No such file or directory";
    assert!(told[0].starts_with(mounted) && told[1].contains("swap space") && told.len() == 2, "{told:?}");
    // A list of disks that does not name it tells nothing either.
    put(&host, "proc/mounts", "/dev/root / ext4 rw 0 0\n");
    put(&host, "proc/swaps", "Filename Type Size Used Priority\n");
    assert!(unknown("3-1.2").is_empty());
    fs::remove_file(host.block_class().join("sda")).unwrap();
    assert!(unknown("3-1.2")[0].starts_with("whether sda is in use is not known: cannot read /sys/class/block/sda"));
}

#[test]
fn processes_that_cannot_be_looked_into_are_told_of_in_a_tree_too() {
    let (_dir, host) = tree();
    // Root reads every directory; what is none cannot be read by anybody.
    put(&host, "proc/10/fd", "");
    let uses = in_use(&host, &[UsbDevice::new(&host, "3-1.1")]);
    assert_eq!(uses.not_all(), Some("1 processes cannot be looked into"));
    assert_eq!(uses.blind, None);
}
