use super::{rate::TWO, track::NOT_RUNNING, *};
use crate::probe::{
    container,
    evidence::{Path, Process, ProcessState},
    instance::{Hardware, Nic},
};
use std::{fs, os::unix::fs::symlink, thread, time::Duration};

/// A machine with VM 111, whose one card is behind PVE's firewall.
struct Tree {
    _dir: tempfile::TempDir,
    host: Host,
}

const GROUP: &str = "sys/fs/cgroup/qemu.slice/111.scope";

impl Tree {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let tree = Self { host: Host::new(dir.path()), _dir: dir };
        tree.write("proc/stat", "cpu  100 0 0 100 0 0 0 0 0 0\ncpu0 1\ncpu1 1\nintr 1\n");
        tree.write("proc/meminfo", "MemTotal: 1000 kB\nMemAvailable: 250 kB\n");
        tree.write("proc/loadavg", "0.50 0.40 0.30 1/99 4711\n");
        tree.write("sys/fs/cgroup/cgroup.controllers", "cpu memory\n");
        tree.write("run/qemu-server/111.pid", "4711\n");
        tree.process(4711, 'S', 100);
        tree.usage(1_000_000);
        tree.write(&format!("{GROUP}/memory.current"), "900\n");
        tree.write(&format!("{GROUP}/memory.stat"), "anon 500\nfile 400\nshmem 100\n");
        tree.write(&format!("{GROUP}/cpu.pressure"), "some avg10=1.00 avg60=2.50 avg300=0.00 total=9\n");
        for (name, master) in [
            ("tap111i0", Some("fwbr111i0")),
            ("fwbr111i0", None),
            ("fwln111i0", Some("fwbr111i0")),
            ("fwpr111p0", Some("vmbr0")),
            ("vmbr0", None),
        ] {
            tree.interface(name, master);
        }
        tree.devices(&["tap111i0", "fwbr111i0", "fwln111i0", "fwpr111p0", "vmbr0"], 1000);
        tree
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.host.at(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn remove(&self, path: &str) {
        let path = self.host.at(path);
        fs::remove_dir_all(&path).or_else(|_| fs::remove_file(&path)).unwrap();
    }

    fn process(&self, pid: i32, state: char, started: u64) {
        let line = ["/usr/bin/kvm", "-id", "111", "-pidfile", "/var/run/qemu-server/111.pid", ""].join("\0");
        self.write(&format!("proc/{pid}/cmdline"), &line);
        let stat = format!("{pid} (kvm) {state} 1 1 1 0 0 0 0 0 0 0 200 100 0 0 20 0 4 0 {started} 0 0");
        self.write(&format!("proc/{pid}/stat"), &stat);
        self.write(&format!("proc/{pid}/statm"), "1000 2 1 1 0 1 0\n");
    }

    fn usage(&self, microseconds: u64) {
        self.write(&format!("{GROUP}/cpu.stat"), &format!("usage_usec {microseconds}\nuser_usec 1\n"));
    }

    fn interface(&self, name: &str, master: Option<&str>) {
        let dir = format!("sys/class/net/{name}");
        self.write(&format!("{dir}/carrier"), "1\n");
        self.write(&format!("{dir}/flags"), "0x1103\n");
        if name.contains("br") {
            fs::create_dir_all(self.host.at(&dir).join("bridge")).unwrap();
        }
        let link = self.host.at(&dir).join("master");
        let _ = fs::remove_file(&link);
        if let Some(master) = master {
            symlink(format!("../{master}"), link).unwrap();
        }
    }

    fn devices(&self, names: &[&str], bytes: u64) {
        let line = |name: &&str| format!("{name}: {bytes} 1 0 0 0 0 0 0 {bytes} 1 0 0 0 0 0 0\n");
        self.write("proc/net/dev", &names.iter().map(line).collect::<String>());
    }
}

fn nic(firewall: bool) -> Nic {
    Nic { key: "net0".into(), tap: "tap111i0".into(), bridge: Some("vmbr0".into()), firewall, ..Nic::default() }
}

fn vm(nics: Vec<Nic>) -> Arc<Instance> {
    let hardware = Hardware { nics, cores: Some(2), memory: Some(1200), ..Hardware::default() };
    Arc::new(Instance { vmid: Some(111), hardware: Some(hardware), ..Instance::new("111", Origin::Pve) })
}

fn one(sampler: &mut Sampler, vm: &Arc<Instance>) -> Fast {
    sampler.sample(std::slice::from_ref(vm)).remove(0).unwrap()
}

#[test]
fn a_vm_that_is_well_is_read_whole() {
    let tree = Tree::new();
    let (vm, mut sampler) = (vm(vec![nic(true)]), Sampler::new(&tree.host, &Settings::default()));
    let begun = Instant::now();
    let first = one(&mut sampler, &vm);
    assert_eq!(first.process.get(), Some(&Process { pid: 4711, state: ProcessState::Alive }));
    assert_eq!((first.cpu.reason(), first.host_cpu.reason()), (Some(TWO), Some(TWO)));
    // 300 of its 400 bytes of cache can be given back, the rest is shared memory.
    assert_eq!((first.memory.get(), first.memory_percent.get()), (Some(&600), Some(&50.0)));
    assert_eq!((first.host_memory.get(), first.load_average.get()), (Some(&75.0), Some(&0.5)));
    let pressure = first.pressure.get().unwrap();
    assert_eq!((pressure.cpu, pressure.memory), (Some(2.5), None));
    let card = &first.nics.get().unwrap()[0];
    assert_eq!((card.present.get(), card.up.get(), card.path.get()), (Some(&true), Some(&true), Some(&Path::Whole)));
    assert_eq!((card.counters.get().unwrap().rx_bytes, card.rates.reason()), (1000, Some(TWO)));

    thread::sleep(Duration::from_millis(50));
    tree.usage(1_020_000);
    tree.write("proc/stat", "cpu  150 0 0 250 0 0 0 0 0 0\ncpu0 1\ncpu1 1\n");
    tree.devices(&["tap111i0", "fwbr111i0", "fwln111i0", "fwpr111p0", "vmbr0"], 3000);
    let second = one(&mut sampler, &vm);
    let cpu = *second.cpu.get().unwrap();
    let least = 1.0 / begun.elapsed().as_secs_f64();
    assert!(cpu >= least * 0.999 && cpu <= 20.0, "20 ms of two processors in 50 ms or more: {cpu}, at least {least}");
    assert_eq!((second.cpu.source, second.host_cpu.get()), ("cgroup cpu.stat", Some(&25.0)));
    let rates = *second.nics.get().unwrap()[0].rates.get().unwrap();
    assert!(rates.rx_bytes > 0.0 && rates.rx_bytes <= 40_000.0 && rates.errors == 0.0, "{rates:?}");
}

#[test]
fn a_process_is_what_it_was_found_to_be() {
    let tree = Tree::new();
    let (vm, mut sampler) = (vm(Vec::new()), Sampler::new(&tree.host, &Settings::default()));
    one(&mut sampler, &vm);
    tree.process(4711, 'T', 100);
    assert_eq!(one(&mut sampler, &vm).process.get().unwrap().state, ProcessState::Halted);
    // Another QEMU with the same number has begun anew, and so do the rates.
    tree.process(4711, 'S', 200);
    assert_eq!(one(&mut sampler, &vm).cpu.reason(), Some(TWO));
    tree.process(4711, 'Z', 200);
    let dead = one(&mut sampler, &vm);
    assert_eq!(dead.process.get(), Some(&Process { pid: 4711, state: ProcessState::Gone }));
    assert_eq!((dead.cpu.reason(), dead.memory.reason()), (Some(NOT_RUNNING), Some(NOT_RUNNING)));
    // Its number is somebody else's by now.
    tree.write("proc/4711/cmdline", "/usr/bin/less\0");
    tree.write("proc/4711/stat", "4711 (less) S 1 1 1 0 0 0 0 0 0 0 200 100 0 0 20 0 4 0 300 0 0");
    assert_eq!(one(&mut sampler, &vm).process.get().unwrap().state, ProcessState::Gone);
}

#[test]
fn where_no_process_is_to_be_seen_none_is_called_gone() {
    let tree = Tree::new();
    let (vm, mut sampler) = (vm(Vec::new()), Sampler::new(&tree.host, &Settings::default()));
    assert_eq!(one(&mut sampler, &vm).process.get().unwrap().state, ProcessState::Alive);
    tree.remove("proc/4711");
    assert_eq!(one(&mut sampler, &vm).process.get().unwrap().state, ProcessState::Gone);
    // As after umount -l /proc.
    tree.remove("proc");
    fs::create_dir(tree.host.proc()).unwrap();
    let unseen = one(&mut Sampler::new(&tree.host, &Settings::default()), &vm);
    assert_eq!(unseen.process.reason(), Some("no process is to be seen in /proc"));
}

#[test]
fn without_a_control_group_the_process_tells() {
    let tree = Tree::new();
    tree.remove(GROUP);
    let (vm, mut sampler) = (vm(Vec::new()), Sampler::new(&tree.host, &Settings::default()));
    one(&mut sampler, &vm);
    thread::sleep(Duration::from_millis(10));
    let it = one(&mut sampler, &vm);
    assert_eq!((it.cpu.get(), it.cpu.source), (Some(&0.0), "/proc/PID/stat"));
    assert!(it.memory.source.ends_with("statm") && *it.memory.get().unwrap() >= 8192);
    assert!(it.pressure.get().is_none());
}

#[test]
fn groups_of_both_versions_and_of_other_names_are_found() {
    let tree = Tree::new();
    tree.remove("sys/fs/cgroup");
    tree.write("sys/fs/cgroup/unified/cgroup.controllers", "");
    tree.write("sys/fs/cgroup/unified/vms/vm-111/cpu.stat", "usage_usec 5\n");
    let settings = Settings { cgroup: Some("/vms/vm-{vmid}".into()), ..Settings::default() };
    let it = one(&mut Sampler::new(&tree.host, &settings), &vm(Vec::new()));
    assert_eq!(it.cpu.source, "cgroup cpu.stat");
    // This layout has memory elsewhere.
    assert_eq!((it.memory.source, it.memory.get().is_some()), ("/proc/PID/statm", true));
}

type Break = (Box<dyn Fn(&Tree)>, Path);

#[test]
fn every_break_on_the_way_to_the_bridge_is_named() {
    let no_port = |interface: &str, bridge: &str| Path::NoPort { interface: interface.into(), bridge: bridge.into() };
    let down = |name: &'static str| move |tree: &Tree| tree.write(&format!("sys/class/net/{name}/flags"), "0x1002\n");
    let cut = |name: &'static str| {
        move |tree: &Tree| {
            tree.write(&format!("sys/class/net/{name}/carrier"), "");
            down(name)(tree);
        }
    };
    let lost = |name: &'static str| move |tree: &Tree| tree.interface(name, None);
    let breaks: Vec<Break> = vec![
        (Box::new(|_| {}), Path::Whole),
        (Box::new(lost("tap111i0")), no_port("tap111i0", "fwbr111i0")),
        (Box::new(lost("fwln111i0")), no_port("fwln111i0", "fwbr111i0")),
        (Box::new(lost("fwpr111p0")), no_port("fwpr111p0", "vmbr0")),
        (Box::new(|tree| tree.interface("fwpr111p0", Some("vmbr1"))), no_port("fwpr111p0", "vmbr0")),
        (Box::new(cut("fwbr111i0")), Path::Down("fwbr111i0".into())),
        (Box::new(cut("vmbr0")), Path::Down("vmbr0".into())),
        (Box::new(cut("fwpr111p0")), Path::Down("fwpr111p0".into())),
        (Box::new(|tree| tree.write("sys/class/net/fwpr111p0/carrier", "0\n")), Path::Down("fwln111i0".into())),
        (
            Box::new(|t| t.devices(&["tap111i0", "fwbr111i0", "fwln111i0", "vmbr0"], 1)),
            Path::Missing("fwpr111p0".into()),
        ),
        (
            Box::new(|t| t.devices(&["tap111i0", "fwbr111i0", "fwln111i0", "fwpr111p0"], 1)),
            Path::Missing("vmbr0".into()),
        ),
        // nftables: no bridge of the firewall's own.
        (
            Box::new(|t| {
                t.devices(&["tap111i0", "vmbr0"], 1);
                t.interface("tap111i0", Some("vmbr0"));
            }),
            Path::Whole,
        ),
        (
            Box::new(|t| {
                t.devices(&["tap111i0", "vmbr0"], 1);
                t.interface("tap111i0", None);
            }),
            no_port("tap111i0", "vmbr0"),
        ),
    ];
    for (n, (make, expected)) in breaks.into_iter().enumerate() {
        let tree = Tree::new();
        make(&tree);
        let it = one(&mut Sampler::new(&tree.host, &Settings::default()), &vm(vec![nic(true)]));
        assert_eq!(it.nics.get().unwrap()[0].path.get(), Some(&expected), "{n}");
    }
}

#[test]
fn vlans_and_other_switches_are_understood() {
    let path = |tree: &Tree, nic| {
        let it = one(&mut Sampler::new(&tree.host, &Settings::default()), &vm(vec![nic]));
        it.nics.get().unwrap()[0].path.clone()
    };
    let tree = Tree::new();
    tree.devices(&["tap111i0", "vmbr0", "vmbr0v5"], 1);
    tree.interface("vmbr0v5", None);
    tree.interface("tap111i0", Some("vmbr0v5"));
    assert_eq!(path(&tree, Nic { tag: Some(5), ..nic(false) }).get(), Some(&Path::Whole));
    assert!(matches!(path(&tree, Nic { tag: Some(6), ..nic(false) }).get(), Some(Path::NoPort { .. })));
    assert!(matches!(path(&tree, nic(false)).get(), Some(Path::NoPort { .. })));
    // Open vSwitch: no port says in which of its bridges it is.
    tree.remove("sys/class/net/vmbr0/bridge");
    tree.interface("tap111i0", Some("ovs-system"));
    assert_eq!(path(&tree, nic(false)).get(), Some(&Path::Whole));
    tree.interface("tap111i0", None);
    assert!(path(&tree, nic(false)).reason().unwrap().contains("vmbr0 is no bridge of the kernel's"));
    tree.devices(&["tap111i0", "fwbr111i0", "fwln111o0", "vmbr0"], 1);
    tree.interface("tap111i0", Some("fwbr111i0"));
    tree.interface("fwln111o0", Some("fwbr111i0"));
    assert_eq!(path(&tree, nic(true)).get(), Some(&Path::Whole));
}

#[test]
fn what_cannot_be_read_is_unknown_and_a_tap_that_is_missing_is_missing() {
    let tree = Tree::new();
    let (with, mut sampler) = (vm(vec![nic(false)]), Sampler::new(&tree.host, &Settings::default()));
    tree.devices(&["vmbr0"], 1);
    let card = one(&mut sampler, &with).nics.get().unwrap()[0].clone();
    assert_eq!((card.present.get(), card.up.get(), card.path.get()), (Some(&false), None, None));
    tree.remove("proc/net/dev");
    let card = one(&mut sampler, &with).nics.get().unwrap()[0].clone();
    assert_eq!((card.present.get(), card.up.get(), card.path.get()), (None, None, None));
    let user = vm(vec![Nic { key: "net0".into(), ..Nic::default() }]);
    assert!(one(&mut sampler, &user).nics.get().unwrap()[0].present.reason().unwrap().contains("there is no tap"));
    let unknown = Arc::new(Instance { vmid: Some(111), ..Instance::new("111", Origin::Pve) });
    assert!(one(&mut sampler, &unknown).nics.get().is_none());
}

#[test]
fn counters_that_go_back_begin_anew() {
    let tree = Tree::new();
    let (vm, mut sampler) = (vm(vec![nic(false)]), Sampler::new(&tree.host, &Settings::default()));
    let mut reason = |bytes| {
        tree.devices(&["tap111i0", "vmbr0"], bytes);
        one(&mut sampler, &vm).nics.get().unwrap()[0].rates.reason().map(str::to_owned)
    };
    assert_eq!(reason(1000).as_deref(), Some(TWO));
    assert_eq!(reason(5).as_deref(), Some("its counters began anew"));
    assert_eq!(reason(5), None);
}

#[test]
fn others_are_left_out_and_what_vanished_is_forgotten() {
    let tree = Tree::new();
    let (mine, mut sampler) = (vm(Vec::new()), Sampler::new(&tree.host, &Settings::default()));
    let pod = Arc::new(Instance::new("pod", Origin::Kubernetes));
    let both = sampler.sample(&[pod.clone(), mine.clone()]);
    assert!(both[0].is_none() && both[1].is_some());
    assert_eq!(sampler.tracks.len(), 1);
    sampler.sample(&[pod]);
    assert!(sampler.tracks.is_empty());
    assert_eq!(one(&mut sampler, &mine).cpu.reason(), Some(TWO));
}

#[test]
fn a_container_is_measured_by_its_own_limits() {
    let tree = Tree::new();
    tree.write("proc/self/cgroup", "0::/\n");
    for (file, text) in [
        ("cpu.stat", "usage_usec 1000\n"),
        ("cpu.max", "50000 100000\n"),
        ("memory.current", "800\n"),
        ("memory.stat", "file 300\nshmem 0\n"),
        ("memory.max", "1000\n"),
        ("io.pressure", "some avg10=0 avg60=7.00 avg300=0 total=1\n"),
    ] {
        tree.write(&format!("sys/fs/cgroup/{file}"), text);
    }
    let line = ["qemu-system-i386", "-netdev", "tap,ifname=tap111i0", "-audiodev", "pa,id=a", ""].join("\0");
    tree.write("proc/4711/cmdline", &line);
    let settings = Settings::default();
    let mut sampler = Sampler::new(&tree.host, &settings);
    let instance = Arc::new(container::instance(&tree.host, &settings).unwrap());
    let it = one(&mut sampler, &instance);
    assert_eq!(it.process.get().unwrap().pid, 4711);
    assert_eq!((it.host_memory.get(), it.pressure.get().unwrap().io), (Some(&50.0), Some(7.0)));
    let card = &it.nics.get().unwrap()[0];
    assert_eq!((card.path.get(), card.bridge.as_deref()), (Some(&Path::Whole), Some("fwbr111i0")));
    assert_eq!(it.sound.get().unwrap().server_running, Some(false));
    thread::sleep(Duration::from_millis(20));
    tree.write("sys/fs/cgroup/cpu.stat", "usage_usec 3000\n");
    let it = one(&mut sampler, &instance);
    let cpu = *it.host_cpu.get().unwrap();
    assert!(cpu > 0.0 && cpu <= 20.0, "2 ms of half a processor in 20 ms or more: {cpu}");
    tree.process(4711, 'Z', 100);
    assert_eq!(one(&mut sampler, &instance).process.get().unwrap().state, ProcessState::Gone);
}
