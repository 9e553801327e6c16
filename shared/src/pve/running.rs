//! Running VMs, by the pid files of PVE and the command lines of QEMU.

use crate::{
    host::{Host, names, read_file, read_text},
    pci::Address,
    plain::plain,
    proc,
};
use nix::sys::statfs::{PROC_SUPER_MAGIC, statfs};
use std::path::Path;

/// A VM that runs on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunningVm {
    /// The VM's number.
    pub vmid: u32,
    /// QEMU's process.
    pub pid: i32,
    /// The PCI functions that QEMU was started with.
    pub passed: Vec<Address>,
}

/// QEMU's process, if the VM runs. A pid file alone proves nothing: it outlives a crash, and its number is given again.
pub fn qemu_pid(host: &Host, vmid: u32) -> Option<i32> {
    live(host, vmid).map(|(pid, _)| pid)
}

/// Who answers at a VM's socket (`/run/qemu-server/VMID.qmp`) and is not its QEMU: a socket or a link that somebody planted,
/// or that another VM's QEMU took. `None` where no QEMU of the VM is known to live, which is another matter, and for a tree
/// that stands in for a host: its processes are not the kernel's, whose numbers a socket tells.
pub fn stranger(host: &Host, socket: &Path, peer: i32) -> Option<String> {
    let vmid = socket.file_stem()?.to_str()?.parse().ok().filter(|_| socket.parent() == Some(&*host.qemu_run()))?;
    let real = statfs(&host.proc()).ok()?.filesystem_type() == PROC_SUPER_MAGIC;
    let own = real.then(|| qemu_pid(host, vmid)).flatten().filter(|own| *own != peer)?;
    let whose = vm_of(host, peer).map_or_else(String::new, |other| format!(", QEMU of VM {other}"));
    let name =
        read_text(&host.process(peer).join("comm")).map_or_else(|_| "gone".into(), |name| plain(name.trim(), 40));
    Some(format!("pid {peer} ({name}{whose}) answers there, and the VM's QEMU is pid {own}"))
}

/// The VM that a process is QEMU for.
pub fn vm_of(host: &Host, pid: i32) -> Option<u32> {
    let line = command_line(host, pid)?;
    let program = arguments(&line).next()?.rsplit('/').next()?;
    // The same test as parse_cmdline in PVE::QemuServer::Helpers; other helpers of a VM carry its number as well.
    let qemu = program.ends_with("kvm") || program.starts_with("qemu-");
    let by_id = || values(&line, "id").find_map(|id| id.parse().ok());
    values(&line, "pidfile").find_map(vmid_of_pidfile).or_else(by_id).filter(|_| qemu)
}

/// Every VM that runs here, sorted.
pub fn running(host: &Host) -> Vec<RunningVm> {
    let files = names(&host.qemu_run());
    let ids = files.iter().filter_map(|name| name.strip_suffix(".pid")?.parse().ok());
    let mut vms: Vec<_> = ids
        .filter_map(|vmid| {
            let (pid, line) = live(host, vmid)?;
            Some(RunningVm { vmid, pid, passed: passed(&line) })
        })
        .collect();
    vms.sort_unstable_by_key(|vm| vm.vmid);
    vms
}

/// Why it cannot be told which VMs run, if so: no process is to be seen, not even of those that pid files name. A tree without
/// `/proc` tells nothing; one that has it, and no pid file, tells that no VM runs. The running machine always has processes.
pub fn unseen(host: &Host) -> Option<String> {
    if !host.proc().is_dir() {
        return Some("there is no /proc".into());
    }
    let named = || names(&host.qemu_run()).iter().any(|name| name.strip_suffix(".pid").is_some());
    proc::unseen(host).filter(|_| host.is_live() || named())
}

/// The PCI functions on QEMU's command line, sorted.
fn passed(line: &str) -> Vec<Address> {
    let mut all: Vec<_> = values(line, "device").filter_map(vfio_address).collect();
    all.sort_unstable();
    all.dedup();
    all
}

fn vfio_address(device: &str) -> Option<Address> {
    if device.trim_start().starts_with('{') {
        let device: serde_json::Value = serde_json::from_str(device).ok()?;
        let text = |key: &str| device.get(key).and_then(serde_json::Value::as_str);
        return text("driver").filter(|d| is_vfio(d)).and_then(|_| address(text("host"), text("sysfsdev")));
    }
    let (driver, options) = device.split_once(',')?;
    let option =
        |key: &str| options.split(',').find_map(|o| o.split_once('=').filter(|(k, _)| *k == key).map(|(_, v)| v));
    is_vfio(driver.strip_prefix("driver=").unwrap_or(driver)).then(|| address(option("host"), option("sysfsdev")))?
}

fn is_vfio(driver: &str) -> bool {
    driver.starts_with("vfio-pci")
}

/// A device is named by address, or by its directory in sysfs; that of a mediated device names no function.
fn address(host: Option<&str>, sysfsdev: Option<&str>) -> Option<Address> {
    host.or_else(|| sysfsdev?.trim_end_matches('/').rsplit('/').next())?.parse().ok()
}

fn live(host: &Host, vmid: u32) -> Option<(i32, String)> {
    let text = read_text(&host.qemu_run().join(format!("{vmid}.pid"))).ok()?;
    let pid = text.trim().parse().ok().filter(|pid| *pid > 0)?;
    let line = command_line(host, pid)?;
    let ours = values(&line, "pidfile").any(|file| vmid_of_pidfile(file) == Some(vmid));
    (ours && is_alive(host, pid)).then_some((pid, line))
}

/// A zombie no longer holds anything, but still has its directory in `/proc`.
fn is_alive(host: &Host, pid: i32) -> bool {
    let Ok(stat) = read_file(&host.process(pid).join("stat")) else { return false };
    // The command's name stands in brackets and may hold anything, brackets included: proc_pid_stat(5).
    let behind_name = stat.iter().rposition(|b| *b == b')').map(|at| &stat[at + 1..]);
    let state = behind_name.and_then(|rest| rest.iter().find(|b| !b.is_ascii_whitespace()));
    state.is_some_and(|state| !matches!(state, b'Z' | b'X' | b'x'))
}

fn command_line(host: &Host, pid: i32) -> Option<String> {
    let bytes = read_file(&host.process(pid).join("cmdline")).ok().filter(|bytes| !bytes.is_empty())?;
    Some(String::from_utf8(bytes).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned()))
}

fn arguments(line: &str) -> impl Iterator<Item = &str> {
    line.split_terminator('\0')
}

/// The values of an option; QEMU takes `-option` and `--option`.
fn values<'a>(line: &'a str, option: &'a str) -> impl Iterator<Item = &'a str> {
    let is_option = move |word: &str| word.strip_prefix("--").or(word.strip_prefix('-')) == Some(option);
    arguments(line).zip(arguments(line).skip(1)).filter(move |(word, _)| is_option(word)).map(|(_, value)| value)
}

/// PVE writes below `/run` and tells QEMU `/var/run`.
fn vmid_of_pidfile(file: &str) -> Option<u32> {
    let name = file.strip_prefix("/var").unwrap_or(file).strip_prefix("/run/qemu-server/")?;
    name.strip_suffix(".pid")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fs;

    fn tree() -> (tempfile::TempDir, Host) {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::new(dir.path());
        fs::create_dir_all(host.qemu_run()).unwrap();
        (dir, host)
    }

    fn process(host: &Host, pid: i32, state: char, arguments: &[&str]) {
        fs::create_dir_all(host.process(pid)).unwrap();
        let end = if arguments.is_empty() { "" } else { "\0" };
        fs::write(host.process(pid).join("cmdline"), arguments.join("\0") + end).unwrap();
        fs::write(host.process(pid).join("stat"), format!("{pid} (a) S (b) {state} 1 1 1")).unwrap();
    }

    fn pidfile(host: &Host, vmid: u32, text: &str) {
        fs::write(host.qemu_run().join(format!("{vmid}.pid")), text).unwrap();
    }

    const QEMU: [&str; 3] = ["/usr/bin/kvm", "-id", "111"];

    #[test]
    fn a_pid_is_trusted_only_with_its_pidfile_and_alive() {
        for (state, file, trusted) in [
            ('S', "/var/run/qemu-server/111.pid", true),
            ('D', "/run/qemu-server/111.pid", true),
            ('T', "/var/run/qemu-server/111.pid", true),
            ('Z', "/var/run/qemu-server/111.pid", false),
            ('X', "/var/run/qemu-server/111.pid", false),
            ('S', "/var/run/qemu-server/1111.pid", false),
            ('S', "/tmp/111.pid", false),
        ] {
            let (_dir, host) = tree();
            pidfile(&host, 111, "4711\n");
            process(&host, 4711, state, &[QEMU[0], QEMU[1], QEMU[2], "-pidfile", file]);
            assert_eq!(qemu_pid(&host, 111), trusted.then_some(4711), "{state} {file}");
        }
    }

    #[test]
    fn no_file_no_process_or_no_number_is_no_vm() {
        let (_dir, host) = tree();
        assert_eq!(qemu_pid(&host, 111), None);
        for text in ["", "4711\n", "-1", "0", "x", "99999999999"] {
            pidfile(&host, 111, text);
            assert_eq!(qemu_pid(&host, 111), None, "{text}");
        }
    }

    #[test]
    fn without_processes_it_is_not_known_what_runs() {
        let (_dir, host) = tree();
        assert_eq!(unseen(&host).as_deref(), Some("there is no /proc"));
        fs::create_dir_all(host.proc().join("sys")).unwrap();
        assert_eq!(unseen(&host), None, "no pid file");
        pidfile(&host, 111, "4711");
        assert_eq!(unseen(&host).as_deref(), Some("no process is to be seen in /proc"));
        process(&host, 1, 'S', &["/sbin/init"]);
        assert_eq!(unseen(&host), None, "a pid file that is left over");
        assert_eq!(unseen(&Host::default()), None);
    }

    #[test]
    fn a_process_tells_its_vm() {
        let (_dir, host) = tree();
        process(&host, 1, 'S', &["/usr/bin/kvm", "-id", "7", "-pidfile", "/var/run/qemu-server/111.pid"]);
        process(&host, 2, 'S', &["/usr/bin/qemu-system-x86_64", "-id", "112"]);
        process(&host, 3, 'S', &["/usr/bin/less", "-id", "112"]);
        process(&host, 4, 'S', &[]);
        let vms: Vec<_> = (1..6).map(|pid| vm_of(&host, pid)).collect();
        assert_eq!(vms, [Some(111), Some(112), None, None, None]);
    }

    #[test]
    fn passed_devices_are_read_off_the_command_line() {
        let (_dir, host) = tree();
        pidfile(&host, 20, "5\n");
        process(&host, 5, 'S', &["/usr/bin/kvm", "--pidfile", "/run/qemu-server/20.pid"]);
        pidfile(&host, 111, "4711");
        #[rustfmt::skip]
        process(&host, 4711, 'R', &[
            "/usr/bin/kvm", "-pidfile", "/var/run/qemu-server/111.pid",
            "-device", "vfio-pci,host=0000:01:00.0,id=hostpci0.0,bus=ich9-pcie-port-1,addr=0x0.0,multifunction=on",
            "-device", "vfio-pci,host=0000:01:00.1,id=hostpci0.1",
            "-device", r#"{"driver":"vfio-pci","host":"0000:02:00.0","id":"hostpci1"}"#,
            "-device", "vfio-pci-nohotplug,sysfsdev=/sys/bus/pci/devices/0000:03:00.4",
            "-device", "vfio-pci,sysfsdev=/sys/bus/mdev/devices/00000000-0000-0000-0000-000000000111",
            "-device", "usb-host,hostbus=3,hostport=1,id=usb0",
            "-device", r#"{"driver":"vfio-pci","#,
        ]);
        let vms = running(&host);
        assert_eq!(vms.iter().map(|vm| (vm.vmid, vm.pid)).collect::<Vec<_>>(), [(20, 5), (111, 4711)]);
        let passed: Vec<_> = vms[1].passed.iter().map(ToString::to_string).collect();
        assert_eq!(passed, ["0000:01:00.0", "0000:01:00.1", "0000:02:00.0", "0000:03:00.4"]);
        assert!(vms[0].passed.is_empty());
    }

    proptest! {
        #[test]
        fn no_input_makes_it_panic(line in "(-(device|id|pidfile)\0)?(vfio-pci,|\\{)?\\PC*\0?\\PC*") {
            let _ = passed(&line);
            let _ = values(&line, "pidfile").find_map(vmid_of_pidfile);
        }
    }
}
