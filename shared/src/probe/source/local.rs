//! The VMs of this PVE host, from its own files: none is left out because its configuration cannot be read, or is gone.

use super::{
    NAME,
    known::{Configured, Known},
    tasks::{Ha, running_tasks},
    told,
};
use crate::{
    clock,
    config::probe::Origin,
    fault::Fault,
    host::{Host, names, read_if_there},
    plain::plain,
    probe::instance::{Endpoint, Instance, Power},
    pve, tree,
};
use anyhow::Result;
use std::collections::{BTreeMap, BTreeSet};

/// Every VM of this host; `None` where it is no PVE host.
pub(super) fn look(host: &Host, known: &mut Known) -> Option<Result<Vec<Instance>>> {
    (is_there(host) || is_dark(host)).then(|| list(host, known))
}

/// Whether this is a PVE host.
fn is_there(host: &Host) -> bool {
    tree::exists(&host.vm_configs()) || tree::exists(&host.pve_nodes())
}

/// Whether it is one whose cluster file system is not mounted: the directory is there, and empty.
fn is_dark(host: &Host) -> bool {
    !is_there(host) && tree::is_dir(&host.pve()) && !names(&host.qemu_run()).is_empty()
}

/// Every VM of this host.
fn list(host: &Host, known: &mut Known) -> Result<Vec<Instance>> {
    let dir = if tree::exists(&host.vm_configs()) { host.vm_configs() } else { host.pve_nodes() };
    if let Err(error) = tree::read_dir(&dir) {
        return Fault::problem(format!("{}: {error}: PVE's cluster file system is not to be had", host.shown(&dir)))
            .next("systemctl status pve-cluster")
            .fail();
    }
    let tree = Tree {
        host,
        node: host.node(),
        started: started(host),
        tasks: running_tasks(host),
        ha: Ha::read(host),
        at: clock::millis(),
    };
    let vmids = pve::vm_ids(host);
    known.keep(&vmids);
    let mut all: BTreeMap<u32, Instance> = vmids
        .into_iter()
        .map(|vmid| match known.of(host, vmid, tree.at) {
            Ok(configured) => (vmid, tree.configured(vmid, configured)),
            Err(error) => (vmid, tree.unreadable(vmid, &error)),
        })
        .collect();
    for vmid in &tree.started {
        if !all.contains_key(vmid) && pve::qemu_pid(host, *vmid).is_some() {
            all.insert(*vmid, tree.foreign(*vmid));
        }
    }
    Ok(all.into_values().collect())
}

/// The VMs that have a pid file. QEMU takes it along when it ends: one that was left behind says that nobody stopped this VM.
/// Whether its process lives is the fast tier's to tell.
fn started(host: &Host) -> BTreeSet<u32> {
    names(&host.qemu_run()).iter().filter_map(|name| name.strip_suffix(".pid")?.parse().ok()).collect()
}

/// All that is read once for all VMs.
struct Tree<'a> {
    host: &'a Host,
    node: String,
    started: BTreeSet<u32>,
    tasks: BTreeMap<u32, i32>,
    ha: Ha,
    at: u64,
}

impl Tree<'_> {
    fn instance(&self, vmid: u32) -> Instance {
        let socket = |kind| self.host.qemu_run().join(format!("{vmid}.{kind}"));
        Instance {
            vmid: Some(vmid),
            node: Some(plain(&self.node, NAME)).filter(|node| !node.is_empty()),
            power: self.power(vmid),
            task: self.tasks.get(&vmid).copied(),
            ha: self.ha.of(vmid),
            qmp: Some(socket("qmp")),
            vnc: Some(Endpoint::Unix(socket("vnc"))),
            seen_at: self.at,
            ..Instance::new(vmid.to_string(), Origin::Pve)
        }
    }

    fn power(&self, vmid: u32) -> Power {
        if self.started.contains(&vmid) { Power::Running } else { Power::Stopped }
    }

    fn configured(&self, vmid: u32, configured: Configured) -> Instance {
        let mut instance = self.instance(vmid);
        if !configured.name.is_empty() {
            instance.name = configured.name;
        }
        instance.lock = configured.lock;
        instance.template = configured.template;
        instance.onboot = configured.onboot;
        instance.hardware = Some(configured.hardware);
        instance
    }

    /// A VM whose configuration is wrong somewhere: what says whether it may be touched is looked for all the same.
    fn unreadable(&self, vmid: u32, error: &anyhow::Error) -> Instance {
        let mut instance = self.instance(vmid);
        instance.notes.push(format!("its configuration cannot be read: {}", told(error).0));
        let text = read_if_there(&self.host.vm_configs().join(format!("{vmid}.conf"))).ok().flatten();
        let Some(text) = text else {
            instance.lock = Some(Instance::unknown_lock("its configuration cannot be read"));
            // Without a process it may be off, or be another node's by now.
            if instance.power == Power::Stopped {
                instance.power = Power::Unknown;
            }
            return instance;
        };
        for line in text.lines().take_while(|line| !line.starts_with('[')) {
            match line.split_once(':').map(|(key, value)| (key, value.trim())) {
                Some(("name", value)) => name(&mut instance, value),
                Some(("lock", value)) => instance.lock = Some(plain(value, NAME)),
                Some(("template", value)) => instance.template = value == "1",
                _ => {}
            }
        }
        instance
    }

    /// A QEMU that runs here, and whose configuration is not this node's.
    fn foreign(&self, vmid: u32) -> Instance {
        let config = match pve::load(self.host, vmid) {
            Ok(config) => config,
            Err(error) => {
                let mut instance = self.instance(vmid);
                instance.notes.push(format!("QEMU runs without a configuration: {}", told(&error).0));
                // What would say that it must not be touched cannot be read.
                instance.lock = Some(Instance::unknown_lock("it has no configuration"));
                return instance;
            }
        };
        let mut instance = self.configured(vmid, Configured::new(&config));
        instance.notes.push(format!("its configuration is {}: it is being migrated", config.file.display()));
        // Whatever the file says: who migrates is not to be touched.
        instance.lock.get_or_insert_with(|| "migrate".to_owned());
        instance
    }
}

fn name(instance: &mut Instance, name: &str) {
    let name = plain(name, NAME);
    if !name.is_empty() {
        instance.name = name;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::planted;
    use std::fs;

    fn qemu(host: &Host, vmid: u32, pid: i32) {
        fs::create_dir_all(host.qemu_run()).unwrap();
        fs::create_dir_all(host.process(pid)).unwrap();
        fs::write(host.qemu_run().join(format!("{vmid}.pid")), pid.to_string()).unwrap();
        let line = format!("/usr/bin/kvm\0-id\0{vmid}\0-pidfile\0/var/run/qemu-server/{vmid}.pid\0");
        fs::write(host.process(pid).join("cmdline"), line).unwrap();
        fs::write(host.process(pid).join("stat"), format!("{pid} (kvm) S 1")).unwrap();
    }

    #[test]
    fn every_vm_is_listed_whatever_its_configuration_is_like() {
        let (_dir, host) = planted(&[
            ("etc/hostname", "pve1\n"),
            ("etc/pve/qemu-server/111.conf", "name: a\x1b[2J\nlock: backup\n"),
            ("etc/pve/qemu-server/112.conf", "name: b\nlock: migrate\nhostpci0: what\n[snap]\nlock: x\n"),
            ("etc/pve/qemu-server/113.conf", "template: 1\n"),
            ("etc/pve/nodes/pve2/qemu-server/114.conf", "name: d\n"),
            ("etc/pve/nodes/pve2/qemu-server/199.conf", "name: elsewhere\n"),
        ]);
        for (vmid, pid) in [(111, 11), (114, 14), (115, 15)] {
            qemu(&host, vmid, pid);
        }
        let all = list(&host, &mut Known::default()).unwrap();
        let short: Vec<_> =
            all.iter().map(|i| (i.id.as_str(), i.name.as_str(), i.power, i.lock.as_deref(), i.notes.len())).collect();
        assert_eq!(
            short,
            [
                ("111", "a[2J", Power::Running, Some("backup"), 0),
                ("112", "b", Power::Stopped, Some("migrate"), 1),
                ("113", "113", Power::Stopped, None, 0),
                ("114", "d", Power::Running, Some("migrate"), 1),
                ("115", "115", Power::Running, Some("unknown: it has no configuration"), 1),
            ]
        );
        assert!(all[2].template);
        assert_eq!(all[0].node.as_deref(), Some("pve1"));
        assert_eq!(all[0].qmp, Some(host.qemu_run().join("111.qmp")));
        assert_eq!(all[0].vnc, Some(Endpoint::Unix(host.qemu_run().join("111.vnc"))));
        assert!(all[1].notes[0].contains("/etc/pve/qemu-server/112.conf:3: hostpci0"), "{}", all[1].notes[0]);
    }

    #[test]
    fn one_that_cannot_be_read_is_unknown_unless_it_runs_and_odd_letters_are_no_obstacle() {
        let (_dir, host) = planted(&[("etc/pve/qemu-server/111.conf", "")]);
        for vmid in [112, 113] {
            let path = host.vm_configs().join(format!("{vmid}.conf"));
            std::os::unix::fs::symlink(path.file_name().unwrap(), &path).unwrap();
        }
        fs::write(host.vm_configs().join("111.conf"), b"name: caf\xe9\nlock: backup\n").unwrap();
        qemu(&host, 113, 13);
        let all = list(&host, &mut Known::default()).unwrap();
        let short: Vec<_> = all.iter().map(|i| (i.name.as_str(), i.power, i.lock.as_deref())).collect();
        let unknown = Some("unknown: its configuration cannot be read");
        assert_eq!(
            short,
            [
                ("caf\u{fffd}", Power::Stopped, Some("backup")),
                ("112", Power::Unknown, unknown),
                ("113", Power::Running, unknown)
            ]
        );
        let why = "its configuration cannot be read: cannot read /etc/pve/qemu-server/112.conf: Too many levels of symbolic links";
        assert!(all[1].notes[0].starts_with(why), "{:?}", all[1].notes);
    }

    #[test]
    fn a_cluster_file_system_that_is_down_is_no_empty_host() {
        let (_dir, host) = planted(&[("etc/pve/.keep", ""), ("run/qemu-server/111.pid", "1")]);
        assert!(!is_there(&host) && is_dark(&host));
        let error = list(&host, &mut Known::default()).unwrap_err();
        assert_eq!(told(&error).1.as_deref(), Some("systemctl status pve-cluster"));
    }
}
