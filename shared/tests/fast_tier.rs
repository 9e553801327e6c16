//! The fast tier against the kernel itself: a real tap, real bridges and a real QEMU in namespaces of their own. It needs
//! root, `ip` and QEMU, and says so where it is left out.

use passthrough::{
    config::probe::{Origin, Settings},
    host::Host,
    probe::{
        container,
        evidence::{NicReading, Path, ProcessState},
        fast::Sampler,
        instance::{Endpoint, Hardware, Instance, Nic, Power},
    },
};
use std::{
    env, fs,
    process::{Child, Command, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

const INSIDE: &str = "FAST_TIER_INSIDE";
const QEMU: &str = "qemu-system-x86_64";

#[test]
fn what_happens_to_a_tap_is_seen() {
    if env::var_os(INSIDE).is_some() {
        return inside();
    }
    let there = |program: &str| passthrough::command::find(program).is_some();
    if !nix::unistd::geteuid().is_root() || !there("ip") || !there("unshare") || !there(QEMU) {
        eprintln!("left out: it needs root, ip, unshare and {QEMU}");
        return;
    }
    let this = env::current_exe().unwrap();
    let mut again = Command::new("unshare");
    again.arg("-mnp").arg("--fork").arg("--mount-proc").arg(this).args([
        "what_happens_to_a_tap_is_seen",
        "--exact",
        "--nocapture",
    ]);
    assert!(again.env(INSIDE, "1").status().unwrap().success());
}

/// QEMU, gone with the test.
struct Qemu(Child);

impl Qemu {
    fn start() -> Self {
        let words = "-machine none -nodefaults -display none -pidfile /run/qemu-server/111.pid \
                     -netdev tap,id=net0,ifname=tap111i0,script=no,downscript=no \
                     -qmp unix:/run/111.qmp,server=on,wait=off -vnc 127.0.0.1:7";
        let child = Command::new(QEMU).args(words.split_whitespace()).stdin(Stdio::null()).spawn().unwrap();
        Self(child)
    }

    fn signal(&self, signal: &str) {
        run(&format!("kill -{signal} {}", self.0.id()));
    }
}

impl Drop for Qemu {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn run(line: &str) {
    let words: Vec<_> = line.split_whitespace().collect();
    assert!(Command::new(words[0]).args(&words[1..]).status().unwrap().success(), "{line}");
}

struct Probe {
    sampler: Sampler,
    vm: Arc<Instance>,
}

impl Probe {
    fn new(firewall: bool) -> Self {
        let nic = Nic {
            key: "net0".into(),
            tap: "tap111i0".into(),
            bridge: Some("vmbr0".into()),
            firewall,
            ..Nic::default()
        };
        let hardware = Hardware { nics: vec![nic], cores: Some(1), ..Hardware::default() };
        let vm = Instance { vmid: Some(111), hardware: Some(hardware), ..Instance::new("111", Origin::Pve) };
        Self { sampler: Sampler::new(&Host::default(), &Settings::default()), vm: Arc::new(vm) }
    }

    fn nic(&mut self) -> NicReading {
        self.sampler.sample(std::slice::from_ref(&self.vm))[0].take().unwrap().nics.value.unwrap().remove(0)
    }

    fn path(&mut self) -> Path {
        self.nic().path.value.unwrap()
    }

    fn state(&mut self) -> ProcessState {
        self.sampler.sample(std::slice::from_ref(&self.vm))[0].take().unwrap().process.value.unwrap().state
    }

    /// Waits until it is so: QEMU takes a moment to start.
    fn until(&mut self, what: &str, so: impl Fn(&mut Self) -> bool) {
        let end = Instant::now() + Duration::from_secs(60);
        while !so(self) {
            assert!(Instant::now() < end, "{what}: {:?}", self.nic());
            thread::sleep(Duration::from_millis(20));
        }
    }
}

fn inside() {
    run("mount -t sysfs sysfs /sys");
    run("mount -t tmpfs tmpfs /run");
    fs::create_dir_all("/run/qemu-server").unwrap();
    tap_and_bridge();
    behind_the_firewall();
    alone_in_a_container();
}

fn tap_and_bridge() {
    let mut probe = Probe::new(false);
    assert_eq!((probe.state(), probe.nic().present.value), (ProcessState::Gone, Ok(false)));
    for line in [
        "ip link add vmbr0 type bridge",
        "ip link set vmbr0 up",
        "ip tuntap add tap111i0 mode tap",
        "ip link set tap111i0 master vmbr0",
    ] {
        run(line);
    }
    let nic = probe.nic();
    assert_eq!((nic.up.value, nic.path.value), (Ok(false), Ok(Path::Whole)), "down, but a port");
    run("ip link set tap111i0 up");
    assert_eq!(probe.nic().up.value, Ok(false), "up, with nobody at its other end");
    let qemu = Qemu::start();
    probe.until("QEMU has the tap", |probe| probe.nic().up.value == Ok(true) && probe.state() == ProcessState::Alive);
    assert_eq!(probe.path(), Path::Whole);
    assert!(probe.nic().rates.get().is_some());

    run("ip link set vmbr0 down");
    assert_eq!(probe.path(), Path::Down("vmbr0".into()));
    run("ip link set vmbr0 up");
    run("ip link set tap111i0 nomaster");
    assert_eq!(probe.path(), Path::NoPort { interface: "tap111i0".into(), bridge: "vmbr0".into() });
    run("ip link set tap111i0 master vmbr0");
    assert_eq!(probe.path(), Path::Whole);
    run("ip link del vmbr0");
    assert_eq!(probe.path(), Path::Missing("vmbr0".into()));
    run("ip link add vmbr0 type bridge");
    run("ip link set tap111i0 master vmbr0");
    assert_eq!(probe.path(), Path::Down("vmbr0".into()));

    qemu.signal("STOP");
    probe.until("QEMU is halted", |probe| probe.state() == ProcessState::Halted);
    qemu.signal("CONT");
    probe.until("QEMU lives again", |probe| probe.state() == ProcessState::Alive);
    // A deleted tap leaves QEMU running.
    run("ip link del tap111i0");
    assert_eq!((probe.nic().present.value, probe.state()), (Ok(false), ProcessState::Alive));
    assert!(probe.nic().path.value.is_err());
    qemu.signal("KILL");
    probe.until("QEMU has gone", |probe| probe.state() == ProcessState::Gone);
}

fn behind_the_firewall() {
    let mut probe = Probe::new(true);
    for line in [
        "ip link set vmbr0 up",
        "ip link add fwbr111i0 type bridge",
        "ip link add fwln111i0 type veth peer name fwpr111p0",
        "ip tuntap add tap111i0 mode tap",
        "ip link set tap111i0 master fwbr111i0",
        "ip link set fwln111i0 master fwbr111i0",
        "ip link set fwpr111p0 master vmbr0",
        "ip link set fwbr111i0 up",
        "ip link set fwln111i0 up",
        "ip link set fwpr111p0 up",
        "ip link set tap111i0 up",
    ] {
        run(line);
    }
    let _qemu = Qemu::start();
    probe.until("QEMU has the tap", |probe| probe.nic().up.value == Ok(true));
    assert_eq!(probe.path(), Path::Whole);
    for name in ["fwln111i0", "fwpr111p0", "fwbr111i0", "vmbr0"] {
        run(&format!("ip link set {name} down"));
        assert_eq!(probe.path(), Path::Down(name.into()));
        run(&format!("ip link set {name} up"));
        assert_eq!(probe.path(), Path::Whole, "{name}");
    }
    for (name, master) in [("fwln111i0", "fwbr111i0"), ("fwpr111p0", "vmbr0"), ("tap111i0", "fwbr111i0")] {
        run(&format!("ip link set {name} nomaster"));
        assert_eq!(probe.path(), Path::NoPort { interface: name.into(), bridge: master.into() });
        run(&format!("ip link set {name} master {master}"));
    }
    run("ip link del fwln111i0");
    assert_eq!(probe.path(), Path::Missing("fwln111i0".into()));
    // What has the name of one that was kept open is looked at anew.
    run("ip link add fwln111i0 type veth peer name fwpr111p0");
    run("ip link set fwln111i0 master fwbr111i0");
    run("ip link set fwpr111p0 master vmbr0");
    assert_eq!(probe.path(), Path::Down("fwpr111p0".into()));
    run("ip link set fwpr111p0 up");
    assert_eq!(probe.path(), Path::Down("fwln111i0".into()));
}

/// The namespace has no other QEMU: it is a container to this one.
fn alone_in_a_container() {
    let (host, settings) = (Host::default(), Settings::default());
    let none = container::instance(&host, &settings).unwrap();
    assert_eq!((none.power, none.qmp), (Power::Running, None));
    for line in ["ip link set tap111i0 master vmbr0", "ip link set tap111i0 up"] {
        run(line);
    }
    let qemu = Qemu::start();
    let mut probe = Probe::new(false);
    probe.until("QEMU has the tap", |probe| probe.nic().up.value == Ok(true));
    let vm = container::instance(&host, &settings).unwrap();
    assert_eq!(vm.qmp.as_deref(), Some(std::path::Path::new("/run/111.qmp")));
    assert_eq!(vm.vnc, Some(Endpoint::Tcp("127.0.0.1:5907".parse().unwrap())));
    probe.vm = Arc::new(vm);
    let nic = probe.nic();
    assert_eq!((nic.tap.as_str(), nic.bridge.as_deref(), nic.path.value), ("tap111i0", Some("vmbr0"), Ok(Path::Whole)));
    assert_eq!(probe.state(), ProcessState::Alive);
    drop(qemu);
    assert_eq!(probe.state(), ProcessState::Gone);
    // One that was started anew is found without another discovery.
    let _qemu = Qemu::start();
    probe.until("the next QEMU is seen", |probe| probe.state() == ProcessState::Alive);
}
