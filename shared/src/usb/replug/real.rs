//! The same on QEMU itself, where it is installed. There is no USB device for it to open, so all but that can be seen.

use super::{
    super::fake::{QEMU, plug, vm},
    *,
};
use crate::{command, config::Config, fault::Code, log::Log, pve::qmp, report::Output};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::{
    fs,
    os::unix::fs::symlink,
    path::Path,
    process::{Child, Command, Stdio},
};

/// A QEMU that ends with the test.
struct Running(Child);

impl Running {
    fn start(socket: &Path) -> Option<Self> {
        let program = command::find("qemu-system-x86_64")?;
        let monitor = format!("unix:{},server=on,wait=off", socket.display());
        let mut qemu = Command::new(program);
        qemu.args(["-machine", "q35,accel=tcg", "-m", "16", "-nodefaults", "-display", "none", "-qmp", &monitor]);
        qemu.args(["-device", "qemu-xhci,p2=15,p3=15,id=xhci"]);
        qemu.args(["-device", "usb-host,bus=xhci.0,port=1,hostbus=4,hostport=1.4,id=usb0"]);
        qemu.args(["-device", "usb-host,bus=xhci.0,port=2,vendorid=0x18d1,productid=0x9302,id=usb1,bootindex=2"]);
        let child = qemu.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        Some(Self(child))
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.0.id()).unwrap()), signal).unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn within(seconds: u64) -> Deadline {
    Deadline::after(Duration::from_secs(seconds))
}

#[test]
fn the_real_qemu_takes_it_off_and_back_with_the_same_options() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::new(dir.path());
    vm(&host, "usb0: host=4-1.4\nusb1: host=18d1:9302\n");
    symlink("/proc/net", host.proc().join("net")).unwrap();
    let coral = plug(&host, "4-1.4", 5, ("18d1", "9302"), "usbfs");
    let Some(qemu) = Running::start(&host.qemu_run().join("275.qmp")) else {
        eprintln!("skipped: qemu-system-x86_64 is not installed");
        return;
    };
    let fd = host.process(QEMU).join("fd");
    fs::remove_dir_all(&fd).unwrap();
    symlink(format!("/proc/{}/fd", qemu.0.id()), &fd).unwrap();
    let started = within(60);
    while Monitor::open(&host, 275, &within(1)).is_err() {
        assert!(!started.expired(), "QEMU does not start");
        thread::sleep(PAUSE);
    }

    let passed = Passed::of(&host, &pve::load(&host, 275).unwrap());
    let seen = || passed.iter().map(|passed| ask(&host, passed, &within(20)).unwrap()).collect::<Vec<_>>();
    let before = seen();
    let options: Vec<_> = before.iter().map(|view| (view.exists, view.attached, view.options.as_str())).collect();
    let [port, id] = ["hostbus=4,hostport=1.4", "vendorid=0x18d1,productid=0x9302"];
    assert_eq!(options, [(true, Some(false), port), (true, Some(false), id)]);

    for passed in &passed {
        let read = |monitor: &mut Monitor| options::look(monitor, &passed.usb.key).unwrap().unwrap().options;
        let old = read(&mut Monitor::open(&host, 275, &within(20)).unwrap());
        let session = Session::new(host.clone(), Config::default(), within(4), Log::new("test", -2), Output::new(true));
        let error = replug(&session, passed, &coral).unwrap_err();
        assert!(error.to_string().ends_with("QEMU has not opened 4-1.4"), "{error:#}");
        assert_eq!(Fault::code_of(&error), Code::Problem);
        assert_eq!(read(&mut Monitor::open(&host, 275, &within(20)).unwrap()), old);
        assert!(Record::all(&host).unwrap().is_empty());
    }
    assert_eq!(seen(), before);

    // Somebody else's session, then a QEMU that does nothing any more.
    let monitor = Monitor::open(&host, 275, &within(20)).unwrap();
    assert_eq!(Monitor::open(&host, 275, &within(2)).unwrap_err(), Trouble::Busy);
    drop(monitor);
    Monitor::open(&host, 275, &within(20)).unwrap();
    thread::sleep(PAUSE);
    qemu.signal(Signal::SIGSTOP);
    let trouble = qmp::ask(&host, 275, "query-status", &json!({}), &within(2)).unwrap_err();
    qemu.signal(Signal::SIGCONT);
    // A sandbox may not list its sockets.
    let listed = fs::read_to_string(host.proc_unix_sockets()).is_ok_and(|list| list.contains("275.qmp"));
    assert_eq!(trouble, if listed { Trouble::NoAnswer } else { Trouble::Busy });
}
