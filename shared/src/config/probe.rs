//! `[probe]`: what vm-probe looks at, how often, what it calls ill, and what it may heal.

use super::{duration, written::Written};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, path::PathBuf, time::Duration};

/// The section.
#[allow(clippy::struct_excessive_bools, reason = "switches of a configuration")]
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Where instances come from; without it, the first source that there is.
    pub source: Option<Origin>,
    /// How often discovery runs; 30 s where not told.
    #[serde(deserialize_with = "duration")]
    pub discovery: Option<Duration>,
    /// How often processes, interfaces and control groups are read; 5 s where not told.
    #[serde(deserialize_with = "duration")]
    pub fast: Option<Duration>,
    /// How often QEMU and VNC are asked; 15 s where not told.
    #[serde(deserialize_with = "duration")]
    pub deep: Option<Duration>,
    /// How often the costly probes run that are switched on; 60 s where not told.
    #[serde(deserialize_with = "duration")]
    pub slow: Option<Duration>,
    /// How long one VM may take to answer; 2 s where not told.
    #[serde(deserialize_with = "duration")]
    pub answer: Option<Duration>,
    /// Costly probe: how often the picture changes, by screendumps.
    pub frames: bool,
    /// Costly probe: how loud the VM is, by a short recording.
    pub audio: bool,
    /// Costly probe: whether the guest agent answers.
    pub agent: bool,
    /// Costly probe: how much memory QEMU has to itself.
    pub memory: bool,
    /// A VM's control group below `/sys/fs/cgroup`, `{vmid}` in it; PVE's own where not told.
    pub cgroup: Option<String>,
    /// Instances written down by hand; `/etc/pve-hooks/instances.json` where not told.
    pub instances: Option<PathBuf>,
    /// From where on a figure is called bad.
    pub limits: Limits,
    /// A PVE API.
    pub api: Api,
    /// A Kubernetes API.
    pub kubernetes: Kubernetes,
    /// The one QEMU of a container.
    pub container: Container,
    /// The daemon.
    pub serve: Serve,
    /// What may be healed without asking.
    pub recovery: Recovery,
    /// Checks of the administrator's own, by name.
    pub checks: BTreeMap<String, Check>,
    /// Where all of it is written, for who finds something wrong with it.
    #[serde(skip)]
    pub written: Written,
}

impl Settings {
    /// Whether instances are looked for as before.
    pub fn looks_like(&self, other: &Self) -> bool {
        let places = |settings: &Self| (settings.source, settings.instances.clone());
        places(self) == places(other)
            && (&self.api, &self.kubernetes, &self.container) == (&other.api, &other.kubernetes, &other.container)
    }

    /// Whether the host's own files are read as before.
    pub fn reads_like(&self, other: &Self) -> bool {
        (&self.cgroup, &self.container) == (&other.cgroup, &other.container)
    }
}

/// Where instances come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// This PVE host.
    Pve,
    /// The API of a PVE cluster.
    Api,
    /// The pods of a Kubernetes cluster.
    Kubernetes,
    /// A list written down by hand.
    File,
    /// The one QEMU in this container.
    Container,
}

impl Origin {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pve => "pve",
            Self::Api => "api",
            Self::Kubernetes => "kubernetes",
            Self::File => "file",
            Self::Container => "container",
        }
    }
}

/// From where on a figure is called bad.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Percent of the processors that the VM has.
    pub cpu_percent: f64,
    /// Percent of the memory that the VM may use.
    pub memory_percent: f64,
    /// Percent of the time in which tasks of the VM waited for processor, memory or disk (`some avg60`).
    pub pressure_percent: f64,
    /// Errors per second on an interface.
    pub errors_per_second: f64,
    /// Dropped packets per second on an interface.
    pub drops_per_second: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            cpu_percent: 95.0,
            memory_percent: 98.0,
            pressure_percent: 60.0,
            errors_per_second: 1.0,
            drops_per_second: 100.0,
        }
    }
}

/// A PVE API.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Api {
    /// `https://HOST:8006`, or `http://127.0.0.1:85` on a node.
    pub url: Option<String>,
    /// The file with `USER@REALM!ID=UUID`.
    pub token_file: Option<PathBuf>,
    /// The SHA-256 of the server's certificate, in hex with or without colons.
    pub fingerprint: Option<String>,
    /// The authority that signed it; PVE's own where not told.
    pub ca_file: Option<PathBuf>,
}

/// A Kubernetes API.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Kubernetes {
    /// Its address; that of the cluster around the pod where not told.
    pub url: Option<String>,
    /// The namespace; the pod's own where not told.
    pub namespace: Option<String>,
    /// Which pods; `app.kubernetes.io/component=emulator` where not told.
    pub selector: Option<String>,
    /// The port of a pod's `/health`; 8080 where not told.
    pub health_port: Option<u16>,
    /// The port of a pod's VNC; 5901 where not told.
    pub vnc_port: Option<u16>,
}

/// The one QEMU of a container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Container {
    /// What the instance is called; the host name where not told.
    pub name: Option<String>,
    /// Its monitor socket; found on QEMU's command line where not told.
    pub qmp: Option<PathBuf>,
    /// The TCP port of its VNC; found on QEMU's command line where not told.
    pub vnc_port: Option<u16>,
    /// Its tap; found on QEMU's command line where not told.
    pub tap: Option<String>,
    /// The bridge of the tap; the tap's master where not told.
    pub bridge: Option<String>,
}

/// The daemon.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Serve {
    /// `ADDRESS:PORT` or `unix:PATH`; `127.0.0.1:8080` where not told.
    pub listen: Option<String>,
    /// The file with the bearer token.
    pub token_file: Option<PathBuf>,
    /// Names by which the daemon is called, besides addresses and `localhost`.
    pub hosts: Vec<String>,
}

/// What may be healed without asking. Everything is off where nothing is told.
#[allow(clippy::struct_excessive_bools, reason = "switches of a configuration")]
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Recovery {
    /// Taps and bridges.
    pub network: bool,
    /// A machine that QEMU itself has stopped: an I/O error whose cause is gone, an internal error, a panicked guest.
    pub qemu: bool,
    /// Streams and proxies.
    pub client: bool,
    /// Several of them: the network first, then QEMU.
    pub mixed: bool,
    /// Stop and start of a VM whose QEMU hangs. Needs `qemu` (or `mixed`) as well.
    pub restart: bool,
    /// The command that restarts a stream, `{id}` in it: a list of words.
    pub client_command: Vec<String>,
    /// So many VMs of a node may be ill at once; beyond it the node is at fault and nothing is done. 3 where not told.
    pub most_at_once: Option<usize>,
}

/// A check of the administrator's own. Exactly one of `command`, `tcp`, `http` and `guest`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Check {
    /// The VMs that it is for; all where not told.
    pub vms: Vec<String>,
    /// A program and its arguments; exit 0 is well. `{id}`, `{name}` and `{ip}` are replaced, here and in the others.
    pub command: Option<Vec<String>>,
    /// `ADDRESS:PORT` that has to accept a connection.
    pub tcp: Option<String>,
    /// An address that has to answer with 2xx or 3xx.
    pub http: Option<String>,
    /// A program and its arguments, run in the guest; exit 0 is well.
    pub guest: Option<Vec<String>>,
    /// How often; 60 s where not told.
    #[serde(deserialize_with = "duration")]
    pub interval: Option<Duration>,
    /// How long it may take; 5 s where not told, 15 s in the guest (`qm` alone needs 4).
    #[serde(deserialize_with = "duration")]
    pub timeout: Option<Duration>,
    /// The class that a failure counts for.
    pub class: Class,
}

/// What is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// The way to the VM.
    Network,
    /// QEMU, the machine or what runs in it.
    #[default]
    Qemu,
    /// Who looks at it.
    Client,
}
