//! One VM as a source names it, before anything is measured.

use crate::config::probe::Origin;
use serde::Serialize;
use std::{net::SocketAddr, path::PathBuf};

/// A VM, a container with a QEMU, or a line of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Instance {
    /// By what it is asked for: the VMID, the pod's name, the id of a list.
    pub id: String,
    /// Its number where PVE has it.
    pub vmid: Option<u32>,
    /// Its name.
    pub name: String,
    /// What a person wrote about it.
    pub description: String,
    /// Where it was found.
    pub origin: Origin,
    /// The node that it runs on.
    pub node: Option<String>,
    /// What its source says of it.
    pub power: Power,
    /// The operation that has it locked, such as `backup`.
    pub lock: Option<String>,
    /// The pid of the PVE task that is at work on it.
    pub task: Option<i32>,
    /// Whether it is a template.
    pub template: bool,
    /// Whether its configuration has it started when the host boots.
    pub onboot: bool,
    /// What PVE's HA manager wants of it (`started`, …) where it looks after it.
    pub ha: Option<String>,
    /// Its hardware, as far as it says what there is to measure; `None` where the source does not tell.
    pub hardware: Option<Hardware>,
    /// QEMU's monitor.
    pub qmp: Option<PathBuf>,
    /// QEMU's VNC server.
    pub vnc: Option<Endpoint>,
    /// Where it reports its own health (`http://IP:8080/health`).
    pub health_url: Option<String>,
    /// Where its VNC is offered to people.
    pub vnc_url: Option<String>,
    /// Where its stream is offered to people.
    pub stream_url: Option<String>,
    /// What a PVE API said of it in the list of a cluster's resources.
    pub reported: Option<Reported>,
    /// The pod.
    pub pod: Option<Pod>,
    /// What is strange about it as its source has it: a configuration that cannot be read, a token that expired.
    pub notes: Vec<String>,
    /// When the source last listed it, in milliseconds since 1970.
    pub seen_at: u64,
}

impl Instance {
    /// An instance of which nothing is known but its id.
    pub fn new(id: impl Into<String>, origin: Origin) -> Self {
        let id = id.into();
        Self {
            name: id.clone(),
            id,
            vmid: None,
            description: String::new(),
            origin,
            node: None,
            power: Power::Unknown,
            lock: None,
            task: None,
            template: false,
            onboot: false,
            ha: None,
            hardware: None,
            qmp: None,
            vnc: None,
            health_url: None,
            vnc_url: None,
            stream_url: None,
            reported: None,
            pod: None,
            notes: Vec::new(),
            seen_at: 0,
        }
    }

    /// What stands for the lock of a VM whose configuration, which would tell it, cannot be read.
    pub(super) fn unknown_lock(why: &str) -> String {
        format!("unknown: {why}")
    }

    /// Whether its configuration could not be read: then nobody knows whether it ought to run, and the notes say why.
    pub(super) fn is_unread(&self) -> bool {
        let locked = self.lock.as_deref().is_some_and(|lock| lock.starts_with(&Self::unknown_lock("")));
        self.origin == Origin::Pve && self.hardware.is_none() && locked
    }
}

/// Whether it is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Power {
    /// It is, or a process says so.
    Running,
    /// It is off.
    Stopped,
    /// It is coming up (a pod that is not ready yet).
    Starting,
    /// The source does not say.
    Unknown,
}

/// A socket that a client connects to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// A Unix socket.
    Unix(PathBuf),
    /// A TCP socket.
    Tcp(SocketAddr),
}

/// What there is to measure.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hardware {
    /// Network cards.
    pub nics: Vec<Nic>,
    /// Whether it has a display at all (`vga: none` has none).
    pub display: bool,
    /// Whether it has a sound card.
    pub audio: bool,
    /// Whether the guest agent is switched on.
    pub agent: bool,
    /// Virtual processors.
    pub cores: Option<u32>,
    /// Memory in bytes.
    pub memory: Option<u64>,
    /// The kind of guest (`l26`, `win11`).
    pub ostype: String,
}

/// One network card.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Nic {
    /// The key in the configuration: `net0`.
    pub key: String,
    /// The host's end: `tap111i0`; empty where QEMU itself is the network.
    pub tap: String,
    /// The bridge that it belongs to; none where it is not on one.
    pub bridge: Option<String>,
    /// Whether PVE's firewall bridge stands between.
    pub firewall: bool,
    /// Whether the configuration unplugs its cable.
    pub link_down: bool,
    /// Its VLAN, for which PVE may make a bridge of its own (`vmbr0v5`).
    pub tag: Option<u16>,
}

/// One guest in the list of a PVE cluster's resources.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Reported {
    /// `running`, `stopped`, `unknown`.
    pub status: String,
    /// Used share of its processors, 0 to 1.
    pub cpu: Option<f64>,
    /// Used memory in bytes.
    pub memory: Option<u64>,
    /// Memory in bytes.
    pub memory_total: Option<u64>,
    /// Processors.
    pub cores: Option<u32>,
    /// Bytes to the guest since it was started.
    pub net_in: Option<u64>,
    /// Bytes from the guest since it was started.
    pub net_out: Option<u64>,
    /// Seconds since it was started.
    pub uptime: Option<u64>,
    /// Whether its node is online; `None` where that is not told.
    pub node_online: Option<bool>,
}

/// A Kubernetes pod.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pod {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Its address.
    pub ip: Option<String>,
    /// When it started, as Kubernetes writes it.
    pub start_time: Option<String>,
    /// The stateful set that it belongs to.
    pub stateful_set: Option<String>,
    /// `Pending`, `Running` and so on.
    pub phase: String,
    /// Whether Kubernetes calls it ready.
    pub ready: bool,
}
