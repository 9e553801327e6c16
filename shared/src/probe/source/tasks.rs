//! What PVE itself is at: its running tasks, and the VMs that its HA manager looks after.

use crate::{
    host::{Host, read_if_there, read_text},
    plain::plain,
    proc::is_alive,
};
use serde::Deserialize;
use std::collections::BTreeMap;

/// The pid of the task that is at work on each VM. PVE lists its tasks in one file and leaves those that died in it, so
/// only a process that lives, and started when the task did, is one.
pub(super) fn running_tasks(host: &Host) -> BTreeMap<u32, i32> {
    let text = read_text(&host.active_tasks()).unwrap_or_default();
    let alive = |task: &Task| is_alive(host, task.pid, task.started);
    text.lines().filter_map(task).filter(alive).map(|task| (task.vmid, task.pid)).collect()
}

struct Task {
    vmid: u32,
    pid: i32,
    started: u64,
}

/// `UPID:NODE:PID:PSTART:TIME:TYPE:ID:USER: SAVED [ENDTIME STATUS]`, numbers in hex (`PVE::Tools::upid_decode`). A task
/// with an end has ended.
fn task(line: &str) -> Option<Task> {
    let mut words = line.split_ascii_whitespace();
    let mut parts = words.next()?.split(':');
    if parts.next() != Some("UPID") || words.nth(1).is_some() {
        return None;
    }
    let pid = i32::from_str_radix(parts.nth(1)?, 16).ok()?;
    let started = u64::from_str_radix(parts.next()?, 16).ok()?;
    // qmstart, qmstop, qmigrate, qmrestore and so on: those that only show something are not called qm.
    parts.nth(1).filter(|kind| kind.starts_with("qm"))?;
    Some(Task { vmid: parts.next()?.parse().ok()?, pid, started })
}

/// What the HA manager wants of each VM that it looks after.
pub(super) struct Ha {
    wanted: BTreeMap<u32, String>,
    /// Why it cannot be known: then it may look after every one of them.
    unknown: Option<String>,
}

impl Ha {
    /// Reads the list of resources, and what the manager makes of them.
    pub(super) fn read(host: &Host) -> Self {
        let (wanted, unknown) = match read_if_there(&host.ha_resources()) {
            Ok(text) => (resources(&text.unwrap_or_default()), None),
            Err(error) => (BTreeMap::new(), Some(format!("unknown: {}: {error}", host.shown(&host.ha_resources())))),
        };
        let mut ha = Self { wanted, unknown };
        let status = read_text(&host.ha_status()).ok().and_then(|text| serde_json::from_str::<Status>(&text).ok());
        for (sid, service) in status.unwrap_or_default().service_status {
            let Some(vmid) = sid.strip_prefix("vm:").and_then(|id| id.parse().ok()) else { continue };
            let does = plain(&service.state.unwrap_or_default(), 40);
            match ha.wanted.get_mut(&vmid) {
                Some(wanted) if *wanted != does && !does.is_empty() => wanted.push_str(&format!(" ({does})")),
                _ => {}
            }
        }
        // It is as though these were not managed (`vm_is_ha_managed` in `PVE::HA::Config`).
        ha.wanted.retain(|_, wanted| !wanted.starts_with("ignored"));
        ha
    }

    pub(super) fn of(&self, vmid: u32) -> Option<String> {
        self.wanted.get(&vmid).or(self.unknown.as_ref()).cloned()
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Status {
    service_status: BTreeMap<String, Service>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Service {
    state: Option<String>,
}

/// `vm: 111`, then indented lines, among them `state started`, which is also what holds without one.
fn resources(text: &str) -> BTreeMap<u32, String> {
    let mut wanted = BTreeMap::new();
    let mut current = None;
    for line in text.lines() {
        let indented = line.starts_with([' ', '\t']);
        let (key, value) = line.trim().split_once([' ', '\t']).unwrap_or((line.trim(), ""));
        if !indented {
            current = (key == "vm:").then(|| value.trim().parse::<u32>().ok()).flatten();
            wanted.extend(current.map(|vmid| (vmid, "started".to_owned())));
        } else if let Some(vmid) = current.filter(|_| key == "state") {
            // Its old name, which configurations still carry.
            let state = if value.trim() == "enabled" { "started".to_owned() } else { plain(value, 40) };
            wanted.insert(vmid, state);
        }
    }
    wanted
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fs;

    fn tree() -> (tempfile::TempDir, Host) {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::new(dir.path());
        fs::create_dir_all(host.pve().join("ha")).unwrap();
        fs::create_dir_all(host.active_tasks().parent().unwrap()).unwrap();
        (dir, host)
    }

    #[test]
    fn only_a_living_task_of_a_vm_counts() {
        let (_dir, host) = tree();
        for (pid, start) in [(0x1001, 0x20), (0x1002, 0x20), (0x1003, 0x99), (0x1004, 0x20), (0x1005, 0x20)] {
            fs::create_dir_all(host.process(pid)).unwrap();
            let stat = format!("{pid} (task) S 1 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 {start} 67 89");
            fs::write(host.process(pid).join("stat"), stat).unwrap();
        }
        let line = |pid: i32, kind: &str, id: &str, rest: &str| {
            format!("UPID:pve1:{pid:08X}:00000020:5F000000:{kind}:{id}:root@pam: {rest}\n")
        };
        let text = line(0x1001, "qmstart", "111", "0")
            + &line(0x1002, "qmstop", "112", "1 5F000001 OK")
            + &line(0x1003, "qmstart", "113", "0")
            + &line(0x1004, "vncproxy", "114", "0")
            + &line(0x1005, "qmigrate", "115", "0")
            + &line(0x1006, "qmstart", "116", "0");
        fs::write(host.active_tasks(), text).unwrap();
        assert_eq!(running_tasks(&host), BTreeMap::from([(111, 0x1001), (115, 0x1005)]));
    }

    #[test]
    fn ha_says_what_it_wants_and_what_it_does() {
        let (_dir, host) = tree();
        assert_eq!(Ha::read(&host).of(111), None);
        let text = "vm: 111\n\tgroup a\n\tstate started\n\nct: 112\n\tstate started\n\nvm: 113\n\nvm: 114\n\tstate ignored\n\
                    vm: 115\n\tstate enabled\n";
        fs::write(host.ha_resources(), text).unwrap();
        fs::write(
            host.ha_status(),
            r#"{"service_status":{"vm:111":{"state":"error","node":"a"},"vm:113":{"state":"started"}}}"#,
        )
        .unwrap();
        let ha = Ha::read(&host);
        let all: Vec<_> = (111..117).map(|vmid| ha.of(vmid)).collect();
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(all, [some("started (error)"), None, some("started"), None, some("started"), None]);
    }

    #[test]
    fn what_cannot_be_read_may_look_after_all() {
        let (_dir, host) = tree();
        fs::create_dir_all(host.ha_resources()).unwrap();
        assert!(Ha::read(&host).of(111).unwrap().starts_with("unknown: /etc/pve/ha/resources.cfg"));
    }

    proptest! {
        #[test]
        fn no_input_makes_it_panic(text in "((vm|ct|UPID|\t| state|[0-9a-fA-F]{1,8}|[: \n])|\\PC){0,40}") {
            let _ = resources(&text);
            let _ = task(&text);
        }
    }
}
