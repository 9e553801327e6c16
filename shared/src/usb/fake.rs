//! USB devices and a QEMU in a tree, for tests.

use super::UsbDevice;
use crate::host::Host;
use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

/// QEMU's process in the tree.
pub(crate) const QEMU: i32 = 4711;

/// The node of a device number.
pub(crate) fn node(bus: u16, devnum: u16) -> String {
    format!("/dev/bus/usb/{bus:03}/{devnum:03}")
}

/// Plugs a device in, with one interface on a driver; instead of one that is there already.
pub(crate) fn plug<'h>(host: &'h Host, port: &str, devnum: u16, id: (&str, &str), driver: &str) -> UsbDevice<'h> {
    let bus: u16 = port.split('-').next().unwrap().parse().unwrap();
    let device = UsbDevice::new(host, port);
    let interface = device.dir().join(format!("{port}:1.0"));
    fs::create_dir_all(&interface).unwrap();
    let dev = format!("189:{}", (bus - 1) * 128 + devnum - 1);
    for (name, text) in [
        ("idVendor", id.0),
        ("idProduct", id.1),
        ("busnum", &bus.to_string()),
        ("devnum", &devnum.to_string()),
        ("dev", &dev),
    ] {
        fs::write(device.dir().join(name), format!("{text}\n")).unwrap();
    }
    let link = interface.join("driver");
    let _ = fs::remove_file(&link);
    symlink(PathBuf::from("/sys/bus/usb/drivers").join(driver), link).unwrap();
    device
}

/// Takes a device out.
pub(crate) fn unplug(device: &UsbDevice<'_>) {
    fs::remove_dir_all(device.dir()).unwrap();
}

/// VM 275 with this configuration, running in a QEMU that has nothing open.
pub(crate) fn vm(host: &Host, config: &str) {
    fs::create_dir_all(host.vm_configs()).unwrap();
    fs::write(host.vm_configs().join("275.conf"), config).unwrap();
    fs::create_dir_all(host.qemu_run()).unwrap();
    fs::write(host.qemu_run().join("275.pid"), QEMU.to_string()).unwrap();
    let dir = host.process(QEMU);
    fs::create_dir_all(dir.join("fd")).unwrap();
    fs::write(
        dir.join("cmdline"),
        ["/usr/bin/kvm", "-id", "275", "-pidfile", "/var/run/qemu-server/275.pid", ""].join("\0"),
    )
    .unwrap();
    fs::write(dir.join("stat"), format!("{QEMU} (kvm) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 5")).unwrap();
}

/// Lets QEMU hold exactly these.
pub(crate) fn hold(host: &Host, links: &[&str]) {
    let dir = host.process(QEMU).join("fd");
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).unwrap();
    for (n, link) in ["/dev/null", "socket:[1]", "/dev/kvm"].iter().chain(links).enumerate() {
        symlink(Path::new(link), dir.join(n.to_string())).unwrap();
    }
}
