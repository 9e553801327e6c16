//! What holds where the configuration is silent: here, so that the example configuration can be held against it.

use std::time::Duration;

/// How long to wait for a lock.
pub const LOCK_TIMEOUT: Duration = Duration::from_secs(10);
/// How long one executable in hooks.d may take.
pub const CHAIN_TIMEOUT: Duration = Duration::from_secs(300);

/// How often VMs are looked for.
pub const DISCOVERY: Duration = Duration::from_secs(30);
/// How often processes, interfaces and control groups are read.
pub const FAST: Duration = Duration::from_secs(5);
/// How often QEMU and VNC are asked.
pub const DEEP: Duration = Duration::from_secs(15);
/// How often the costly probes run that are switched on.
pub const SLOW: Duration = Duration::from_secs(60);
/// How long one VM may take to answer the daemon.
pub const ANSWER: Duration = Duration::from_secs(2);
/// PVE's control group of a VM.
pub const CGROUP: &str = "qemu.slice/{vmid}.scope";

/// Which pods run VMs.
pub const SELECTOR: &str = "app.kubernetes.io/component=emulator";
/// The port of a pod's `/health`.
pub const HEALTH_PORT: u16 = 8080;
/// The port of a pod's VNC.
pub const VNC_PORT: u16 = 5901;

/// Where the daemon listens.
pub const LISTEN: &str = "127.0.0.1:8080";
/// So many VMs of a node may be ill at once.
pub const MOST_AT_ONCE: usize = 3;

/// How often a check of the administrator's runs.
pub const CHECK_INTERVAL: Duration = Duration::from_secs(60);
/// How long it may take.
pub const CHECK_TIMEOUT: Duration = Duration::from_secs(5);
/// How long it may take in the guest, where `qm` alone needs 4 s.
pub const GUEST_CHECK_TIMEOUT: Duration = Duration::from_secs(15);
