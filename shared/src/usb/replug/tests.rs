//! Re-plugs on a stand-in for QEMU, which opens a device when it is told to.

use super::{
    super::fake::{QEMU, hold, node, plug, vm},
    *,
};
use crate::{
    config::Config,
    fault::Code,
    log::Log,
    pve::qmp::fake::{Reply, fails, returns, serve},
    report::Output,
};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs,
    sync::{Arc, Mutex, MutexGuard},
};

/// What the stand-in has and was told.
#[derive(Default)]
struct Qemu {
    devices: BTreeMap<String, Value>,
    /// The commands that change something.
    told: Vec<String>,
    /// How often `device_add` still fails.
    failures: usize,
    /// Whether the session ends instead of an answer to `device_add`.
    hangs_up: bool,
    /// Whether a device that is added is opened.
    blind: bool,
    paused: bool,
}

struct Ground {
    _dir: tempfile::TempDir,
    session: Session,
    qemu: Arc<Mutex<Qemu>>,
}

impl Ground {
    /// VM 275 with usb0 on port 4-1, and QEMU with a handle that is dead.
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::new(dir.path());
        vm(&host, "usb0: host=4-1\n");
        plug(&host, "4-1", 5, ("18d1", "9302"), "usbfs");
        hold(&host, &["/dev/bus/usb/004/003 (deleted)"]);
        let qemu = Arc::new(Mutex::new(Qemu::default()));
        let usb0 = json!({
            "type": "usb-host", "parent_bus": "/machine/peripheral/xhci/xhci.0", "port": "1", "attached": true,
            "hostbus": 4, "hostport": "1", "hostaddr": 0, "vendorid": 0, "productid": 0, "bootindex": -1,
            "guest-reset": true, "pipeline": true,
        });
        let xhci = json!({ "type": "qemu-xhci" });
        qemu.lock().unwrap().devices = [("usb0".to_owned(), usb0), ("xhci".to_owned(), xhci)].into();
        let (shared, tree) = (Arc::clone(&qemu), host.clone());
        serve(&host, 275, move |command, arguments| answer(&mut shared.lock().unwrap(), &tree, command, arguments));
        let deadline = Deadline::after(Duration::from_secs(60));
        let session = Session::new(host, Config::default(), deadline, Log::new("test", -2), Output::new(true));
        Self { _dir: dir, session, qemu }
    }

    /// For what never comes.
    fn impatient() -> Self {
        let mut ground = Self::new();
        ground.session.deadline = Deadline::after(Duration::from_secs(3));
        ground
    }

    fn qemu(&self) -> MutexGuard<'_, Qemu> {
        self.qemu.lock().unwrap()
    }

    fn passed(&self) -> Passed {
        Passed::of(&self.session.host, &pve::load(&self.session.host, 275).unwrap()).remove(0)
    }

    fn replug(&self) -> Result<()> {
        replug(&self.session, &self.passed(), &UsbDevice::new(&self.session.host, "4-1"))
    }

    /// The code and the message of a re-plug that fails, and the next command.
    fn refusal(&self) -> (Code, String, String) {
        let error = self.replug().unwrap_err();
        let fault = Fault::of(&error).unwrap_or_else(|| panic!("{error:#}"));
        (fault.code, fault.what.clone(), fault.next.clone().unwrap_or_default())
    }

    fn records(&self) -> usize {
        Record::all(&self.session.host).unwrap().len()
    }
}

fn answer(qemu: &mut Qemu, host: &Host, command: &str, arguments: &Value) -> Reply {
    let text = |key: &str| arguments[key].as_str().unwrap_or_default().to_owned();
    let id = text("id");
    match command {
        "query-status" => {
            returns(json!({ "running": !qemu.paused, "status": if qemu.paused { "paused" } else { "running" } }))
        }
        "qom-list" if text("path") == "/machine/peripheral" => {
            let entry = |(name, device): (&String, &Value)| json!({ "name": name, "type": format!("child<{}>", device["type"].as_str().unwrap()) });
            returns(qemu.devices.iter().map(entry).collect())
        }
        "qom-list" | "qom-get" => {
            let path = text("path");
            let Some(device) = qemu.devices.get(path.rsplit('/').next().unwrap()) else {
                return fails("DeviceNotFound", "no such device");
            };
            if command == "qom-get" {
                return returns(device[text("property")].clone());
            }
            returns(device.as_object().unwrap().keys().map(|name| json!({ "name": name })).collect())
        }
        "device_del" => {
            qemu.told.push(format!("device_del {id}"));
            if qemu.devices.remove(&id).is_none() {
                return fails("DeviceNotFound", "Device not found");
            }
            hold(host, &[]);
            let gone = json!({ "event": "DEVICE_DELETED", "data": { "device": id } });
            Reply::Say(vec![gone, json!({ "return": {} })])
        }
        "device_add" => {
            qemu.told.push(format!("device_add {id}"));
            if qemu.failures > 0 {
                qemu.failures -= 1;
                return fails("GenericError", "failed to open host usb device");
            }
            let mut device = arguments.clone();
            device["type"] = "usb-host".into();
            device["parent_bus"] = "/machine/peripheral/xhci/xhci.0".into();
            device["attached"] = (!qemu.blind).into();
            qemu.devices.insert(id, device);
            if !qemu.blind {
                hold(host, &[&node(4, 5)]);
            }
            if qemu.hangs_up { Reply::HangUp } else { returns(json!({})) }
        }
        other => fails("CommandNotFound", other),
    }
}

const BOTH: [&str; 2] = ["device_del usb0", "device_add usb0"];

#[test]
fn a_stale_handle_is_cured_with_the_same_options() {
    let ground = Ground::new();
    ground.replug().unwrap();
    let qemu = ground.qemu();
    assert_eq!(qemu.told, BOTH);
    let device = &qemu.devices["usb0"];
    let options = ["driver", "bus", "port", "hostbus", "hostport"].map(|name| device[name].clone());
    assert_eq!(json!(options), json!(["usb-host", "xhci.0", "1", 4, "1"]));
    assert_eq!(device.get("vendorid"), None);
    assert_eq!(handle(&ground.session.host, QEMU, Some(&UsbDevice::new(&ground.session.host, "4-1"))), Handle::Live);
    assert_eq!(ground.records(), 0);
}

#[test]
fn qemu_says_what_it_looks_for() {
    let ground = Ground::new();
    let deadline = ground.session.deadline;
    let view = ask(&ground.session.host, &ground.passed(), &deadline).unwrap();
    assert_eq!(view, QemuView { exists: true, attached: Some(true), options: "hostbus=4,hostport=1".into() });
    ground.qemu().devices.remove("usb0");
    let view = ask(&ground.session.host, &ground.passed(), &deadline).unwrap();
    assert_eq!(view, QemuView { exists: false, attached: None, options: String::new() });
}

#[test]
fn one_failure_is_tried_again_and_a_lost_answer_is_looked_up() {
    let ground = Ground::new();
    ground.qemu().failures = 1;
    ground.replug().unwrap();
    assert_eq!(ground.qemu().told, ["device_del usb0", "device_add usb0", "device_add usb0"]);
    let ground = Ground::new();
    ground.qemu().hangs_up = true;
    ground.replug().unwrap();
    assert_eq!(ground.qemu().told, BOTH, "it was done, though nobody said so");
}

#[test]
fn what_cannot_be_given_back_is_told_with_the_command_and_healed_later() {
    let ground = Ground::new();
    ground.qemu().failures = 3;
    let (code, what, next) = ground.refusal();
    let command = "device_add usb-host,id=usb0,bus=xhci.0,port=1,hostbus=4,hostport=1";
    assert_eq!(code, Code::Problem);
    assert_eq!(what, format!("VM 275: QMP {command}: QEMU says: failed to open host usb device; the VM is without it"));
    assert_eq!(next, format!("qm monitor 275   # and there: {command}"));
    assert_eq!(ground.records(), 1);
    ground.qemu().told.clear();
    assert_eq!(heal(&ground.session).unwrap(), ["VM 275: usb0 was given back (hostbus=4,hostport=1)"]);
    assert_eq!((ground.qemu().told.join(","), ground.records()), ("device_add usb0".to_owned(), 0));
    assert_eq!(heal(&ground.session).unwrap(), Vec::<String>::new());
}

#[test]
fn an_intent_of_another_qemu_or_another_configuration_is_dropped() {
    let config = "etc/pve/qemu-server/275.conf";
    for (path, from, to, expected) in [
        ("proc/4711/stat", " 1 0 5", " 1 0 6", None),
        (
            config,
            "usb0: host",
            "usb1: host",
            Some("VM 275: usb0 is not in /etc/pve/qemu-server/275.conf any more, so it is not given back"),
        ),
        (
            config,
            "=4-1",
            "=4-2",
            Some("VM 275: usb0: 4-1 is not given back: it is 4-2 now, which counts from the next start of the VM"),
        ),
    ] {
        let ground = Ground::new();
        ground.qemu().failures = 3;
        ground.replug().unwrap_err();
        ground.qemu().told.clear();
        let file = ground.session.host.at(path);
        let text = fs::read_to_string(&file).unwrap();
        fs::write(file, text.replace(from, to)).unwrap();
        assert_eq!(heal(&ground.session).unwrap(), Vec::from_iter(expected.map(str::to_owned)));
        assert_eq!((ground.qemu().told.len(), ground.records()), (0, 0), "{path}");
    }
}

#[test]
fn an_intent_outlives_a_pid_file_that_says_nothing() {
    let ground = Ground::new();
    ground.qemu().failures = 3;
    ground.replug().unwrap_err();
    ground.qemu().failures = 0;
    ground.qemu().told.clear();
    let file = ground.session.host.qemu_run().join("275.pid");
    let pid = fs::read_to_string(&file).unwrap();
    for text in [Some(""), None] {
        text.map_or_else(|| fs::remove_file(&file), |text| fs::write(&file, text)).unwrap();
        let told = heal(&ground.session).unwrap_err().to_string();
        assert!(told.ends_with("its QEMU lives, and /run/qemu-server/275.pid does not name it"), "{told}");
        assert_eq!((ground.qemu().told.len(), ground.records()), (0, 1));
    }
    fs::write(file, pid).unwrap();
    assert_eq!(heal(&ground.session).unwrap(), ["VM 275: usb0 was given back (hostbus=4,hostport=1)"]);
    assert_eq!(ground.records(), 0);
}

#[test]
fn a_damaged_intent_is_told_and_set_aside() {
    let ground = Ground::new();
    ground.qemu().failures = 3;
    ground.replug().unwrap_err();
    ground.qemu().told.clear();
    let file = ground.session.host.at("run/pve-hooks/usb/replug-275-usb0.json");
    let half = fs::read_to_string(&file).unwrap().replace('}', "");
    fs::write(&file, &half).unwrap();
    let error = heal(&ground.session).unwrap_err();
    let shown = "/run/pve-hooks/usb/replug-275-usb0.json";
    let told = error.to_string();
    assert!(told.starts_with(&format!("{shown}: EOF while parsing")), "{told}");
    assert!(told.ends_with(&format!("is not known; it is {shown}.damaged now")), "{told}");
    let next = Fault::of(&error).unwrap().next.clone().unwrap();
    assert_eq!(next, format!("cat {shown}.damaged && qm reboot 275   # where the VM is without a device"));
    assert_eq!(fs::read_to_string(ground.session.host.at(&format!("{shown}.damaged"))).unwrap(), half);
    assert_eq!(heal(&ground.session).unwrap(), Vec::<String>::new());
    assert_eq!((ground.qemu().told.len(), ground.records()), (0, 0));
    // What cannot be looked into is not empty.
    fs::remove_dir_all(ground.session.host.at("run/pve-hooks/usb")).unwrap();
    fs::write(ground.session.host.at("run/pve-hooks/usb"), "").unwrap();
    let told = heal(&ground.session).unwrap_err().to_string();
    assert!(told.contains("/run/pve-hooks/usb: Not a directory"), "{told}");
}

#[test]
fn a_device_that_qemu_lost_is_added_where_pve_puts_it() {
    let ground = Ground::new();
    ground.qemu().devices.remove("usb0");
    ground.replug().unwrap();
    assert_eq!(ground.qemu().told, ["device_add usb0"]);
    assert_eq!(ground.qemu().devices["usb0"]["hostport"], "1");
    let ground = Ground::new();
    ground.qemu().devices.remove("usb0");
    ground.qemu().devices.remove("xhci");
    let (code, what, _) = ground.refusal();
    assert_eq!(code, Code::Refused);
    assert!(what.ends_with("its place in this machine is not known; nothing was changed"), "{what}");
}

#[test]
fn success_is_not_what_device_add_says() {
    let ground = Ground::impatient();
    ground.qemu().blind = true;
    let (code, what, next) = ground.refusal();
    assert_eq!((code, next.as_str()), (Code::Problem, "usb-reset 4-1 --rung port"));
    assert!(what.ends_with("QEMU has not opened 4-1"), "{what}");
    assert_eq!(ground.records(), 0, "QEMU has the device, there is nothing to give back");
}

#[test]
fn what_would_do_no_good_is_refused_before_anything_is_touched() {
    type Change = fn(&Ground);
    let config =
        |ground: &Ground, text: &str| fs::write(ground.session.host.vm_configs().join("275.conf"), text).unwrap();
    // The place in QEMU is of no matter to a reset from outside; all else stands in the way of that too.
    let (this_way, all_ways) = (true, false);
    let cases: [(Code, bool, &str, Change); 7] = [
        (Code::Refused, all_ways, "in the state \"paused\"", |ground| ground.qemu().paused = true),
        (Code::Refused, this_way, "is on the bus \"ehci.0\"", |ground| {
            ground.qemu().devices.get_mut("usb0").unwrap()["parent_bus"] = "/machine/peripheral/ehci/ehci.0".into();
        }),
        (Code::Refused, this_way, "is a \"usb-redir\"", |ground| {
            ground.qemu().devices.get_mut("usb0").unwrap()["type"] = "usb-redir".into();
        }),
        (Code::Refused, all_ways, "QEMU looks for hostbus=4,hostport=2, and 4-1 is not that", |ground| {
            ground.qemu().devices.get_mut("usb0").unwrap()["hostport"] = "2".into();
        }),
        (Code::Problem, all_ways, "the VM does not run", |ground| {
            fs::remove_file(ground.session.host.qemu_run().join("275.pid")).unwrap();
        }),
        (Code::Problem, all_ways, "4-1 is not plugged in", |ground| {
            super::super::fake::unplug(&UsbDevice::new(&ground.session.host, "4-1"));
        }),
        (Code::Busy, all_ways, "VM 275 is locked (backup)", |ground| {
            let conf = ground.session.host.vm_configs().join("275.conf");
            fs::write(conf, "usb0: host=4-1\nlock: backup\n").unwrap();
        }),
    ];
    for (expected, this_way, part, change) in cases {
        let ground = Ground::new();
        change(&ground);
        let error = ground.replug().unwrap_err();
        let Fault { code, what, this_way_only, .. } = Fault::of(&error).unwrap_or_else(|| panic!("{error:#}"));
        assert_eq!(*code, expected, "{what}");
        assert!(what.contains(part), "{what}");
        assert_eq!(*this_way_only, this_way, "{what}");
        assert_eq!((ground.qemu().told.len(), ground.records()), (0, 0), "{part}");
    }
    let ground = Ground::impatient();
    config(&ground, "usb0: host=4-1\n");
    let name = ["usb-275-usb0".to_owned()];
    let _held = Locks::take(&ground.session.host, &name, "another", &Deadline::after(Duration::ZERO)).unwrap();
    let (code, what, _) = ground.refusal();
    assert_eq!(code, Code::Busy, "{what}");
    assert!(ground.qemu().told.is_empty());
}

#[test]
fn a_dry_run_tells_both_commands_and_writes_nothing() {
    let mut ground = Ground::new();
    ground.session.dry_run = true;
    ground.replug().unwrap();
    let command = "run QMP device_add usb-host,id=usb0,bus=xhci.0,port=1,hostbus=4,hostport=1 on VM 275";
    assert_eq!(ground.session.planned(), ["run QMP device_del id=usb0 on VM 275", command]);
    assert!(ground.qemu().told.is_empty());
    assert!(!ground.session.host.run_dir().exists());
}

#[test]
fn options_are_shown_as_the_human_monitor_takes_them() {
    let rest = [
        ("vendorid", json!(0x18d1)),
        ("productid", json!(0x9302)),
        ("guest-reset", json!(false)),
        ("bootindex", json!(2)),
    ];
    let rest = rest.map(|(name, value)| (name.to_owned(), value)).to_vec();
    let options = Options { id: "usb1".into(), bus: "xhci.0".into(), port: "2".into(), rest };
    let shown = "usb-host,id=usb1,bus=xhci.0,port=2,vendorid=0x18d1,productid=0x9302,guest-reset=off,bootindex=2";
    assert_eq!(options.to_string(), shown);
    assert_eq!(options.criteria(), "vendorid=0x18d1,productid=0x9302");
    assert_eq!(options.arguments()["vendorid"], 0x18d1);
}
